/**
 * Copies `bytes` to their place in `into`, which may be shared memory, and does not overlap them.
 *
 * Into shared memory V8's `set` copies word by word, since other threads may look on; nobody looks at a buffer that is
 * being filled here. Node's `fill` with as many bytes as there is room is one memcpy, and the only way to one.
 */
export function copyBytes(into: Uint8Array, bytes: Uint8Array, at: number): void {
  if (bytes.length > into.length - at) throw new RangeError('there is no room for so many bytes');
  // Of no bytes `fill` makes an error.
  if (bytes.length > 0) Buffer.from(into.buffer, into.byteOffset + at, bytes.length).fill(bytes);
}
