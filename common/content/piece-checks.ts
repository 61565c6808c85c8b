import type { PieceIndex } from '../base/ids.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import type { Info } from './info.ts';
import { PieceRoots, type PieceLayers } from './piece-roots.ts';

const SHA1_BYTES = 20;

/**
 * What each piece of a torrent must hash to, as its format says: v2 by the merkle trees of its files, v1 by the SHA-1 of
 * its pieces, a hybrid by both (BEP 52: whoever knows both must check both).
 */
export class PieceChecks {
  readonly #info: Pick<Info, 'geometry' | 'v1'>;
  readonly #roots: PieceRoots | undefined;

  /** Every file larger than a piece must have its layer, but for v1. */
  constructor(info: Pick<Info, 'kind' | 'geometry' | 'v1'>, layers: PieceLayers) {
    this.#info = info;
    this.#roots = info.kind === 'v1' ? undefined : new PieceRoots(info.geometry, layers);
  }

  of(piece: PieceIndex): PieceCheck {
    const root = this.#roots?.rootOf(piece);
    return { root, leafSlots: root && this.#info.geometry.leafSlots(piece), ...v1CheckOf(this.#info, piece) };
  }
}

/** The part of a check that v1 makes; nothing in v2. */
export function v1CheckOf(
  { geometry, v1 }: Pick<Info, 'geometry' | 'v1'>,
  piece: PieceIndex,
): Pick<PieceCheck, 'sha1' | 'zeroBytes'> {
  if (v1 === undefined) return { sha1: undefined, zeroBytes: undefined };
  return {
    sha1: v1.pieces.subarray(piece * SHA1_BYTES, (piece + 1) * SHA1_BYTES),
    // In the v1 part of a hybrid a piece goes on to the next file with zeros, which the v2 part does not have.
    zeroBytes: v1.geometry.pieceSize(piece) - geometry.pieceSize(piece),
  };
}
