import type { PieceIndex } from '../base/ids.ts';
import type { FileSegment } from '../base/target-ports.ts';

/** Where pieces lie in files: what a store needs of `Geometry`. Sizes and offsets are bytes. */
export interface PieceMap {
  pieceSize(piece: PieceIndex): number;
  pieceOffsetInFile(piece: PieceIndex): number;
  segmentsOf(piece: PieceIndex): readonly FileSegment[];
}
