import { createHash } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import { rootOfBytes } from '../content/merkle.ts';

/** Pieces hashed on the spot: what the host leaves to its threads. */
export const sha1Of = (bytes: Uint8Array, zeroBytes: number): Uint8Array =>
  new Uint8Array(createHash('sha1').update(bytes).update(new Uint8Array(zeroBytes)).digest());

/** Whether the bytes of a piece hash to all that is known of it. */
export function isRight(bytes: Uint8Array, { root, leafSlots, sha1, zeroBytes }: PieceCheck): boolean {
  if (root !== undefined && !equalBytes(rootOfBytes(bytes, leafSlots!), root)) return false;
  return sha1 === undefined || equalBytes(sha1Of(bytes, zeroBytes!), sha1);
}
