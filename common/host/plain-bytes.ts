/** The same bytes as what the floors below know: of a Buffer, `slice` would be no copy, and more is different. */
export const plainBytes = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
