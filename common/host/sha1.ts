import { createHash, hash, type Hash } from 'node:crypto';
import { MIB } from '../base/limits.ts';

const ZERO_BLOCK = new Uint8Array(MIB);

/** Goes on with so many zeros. */
export function addZeros(into: Hash, zeroBytes: number): void {
  for (let rest = zeroBytes; rest > 0; rest -= MIB) into.update(ZERO_BLOCK.subarray(0, Math.min(rest, MIB)));
}

/** SHA-1 of bytes and zeros after them: 20 bytes. */
export function sha1Of(bytes: Uint8Array, zeroBytes: number): Uint8Array {
  if (zeroBytes === 0) return new Uint8Array(hash('sha1', bytes, 'buffer'));
  const digest = createHash('sha1').update(bytes);
  addZeros(digest, zeroBytes);
  return new Uint8Array(digest.digest());
}
