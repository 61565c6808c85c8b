import { createHash } from 'node:crypto';
import { isAsItShould, type PieceCheck } from '../base/piece-check.ts';
import { rootOfBytes } from '../content/merkle.ts';

/** Pieces hashed on the spot: what the host leaves to its threads. */
export const sha1Of = (bytes: Uint8Array, zeroBytes: number): Uint8Array =>
  new Uint8Array(createHash('sha1').update(bytes).update(new Uint8Array(zeroBytes)).digest());

/** Whether the bytes of a piece hash to all that is known of it. */
export function isRight(bytes: Uint8Array, check: PieceCheck): boolean {
  const { leafSlots, zeroBytes } = check;
  const root = leafSlots === undefined ? undefined : rootOfBytes(bytes, leafSlots);
  return isAsItShould({ root, sha1: zeroBytes === undefined ? undefined : sha1Of(bytes, zeroBytes) }, check);
}
