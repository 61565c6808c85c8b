import type { PieceIndex } from '../base/ids.ts';

/** Where pieces lie in a file: what a store needs of `Geometry`. Sizes and offsets are bytes. */
export interface PieceMap {
  pieceSize(piece: PieceIndex): number;
  pieceOffsetInFile(piece: PieceIndex): number;
}
