/** How pieces are checked, whatever the format of the torrent: what is hashed, and what must come of it. */
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
}
