/** How pieces are checked, whatever the format of the torrent: what is hashed, and what must come of it. */
import { equalBytes } from './bytes.ts';
import type { Digest } from './ids.ts';

/** Which hashes a piece has: a merkle root (v2), a SHA-1 (v1), or both (hybrid). */
export interface PieceHashing {
  /** 16 KiB leaves under the root, a power of two (BEP 52); undefined where there is no root. */
  readonly leafSlots: number | undefined;
  /** Zeros that the SHA-1 covers after the piece: the padding of a hybrid (BEP 47); undefined where there is no SHA-1. */
  readonly zeroBytes: number | undefined;
}

/** What a piece must hash to. All that is there must hold, and at least one of the two is there. */
export interface PieceCheck extends PieceHashing {
  readonly root: Digest | undefined;
  /** 20 bytes. */
  readonly sha1: Uint8Array | undefined;
  /**
   * Of a hybrid whose root nobody knows yet: is told the root of bytes whose SHA-1 is right. False when it is known by
   * now, or was found before, and was another: then the bytes are not right either.
   */
  readonly takesRoot?: ((root: Digest) => boolean) | undefined;
}

/** What a piece was found to hash to; where something was not asked for, anything may stand. */
export interface PieceHashes {
  readonly root: Uint8Array | undefined;
  readonly sha1: Uint8Array | undefined;
}

/** Whether all that is known of a piece holds. Nothing known is nothing right. */
export function isAsItShould(found: PieceHashes, { root, sha1, takesRoot }: PieceCheck): boolean {
  if (root === undefined && sha1 === undefined) return false;
  if (root !== undefined && !equalBytes(found.root!, root)) return false;
  if (sha1 !== undefined && !equalBytes(found.sha1!, sha1)) return false;
  return root !== undefined || takesRoot === undefined || takesRoot(found.root! as Digest);
}
