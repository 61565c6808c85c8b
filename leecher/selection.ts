import { Bitfield } from '../common/base/bitfield.ts';
import { ShoalError } from '../common/base/errors.ts';
import { pieceIndex, type PieceIndex } from '../common/base/ids.ts';
import type { PlacedFile } from '../common/base/target-ports.ts';
import type { Geometry } from '../common/content/geometry.ts';
import type { Info } from '../common/content/info.ts';
import { globMatcher } from './glob.ts';

/** Which files of the content are wanted, and which pieces that takes. Padding is of no file. */
export class Selection {
  readonly isAll: boolean;
  /** Pieces with any byte of a chosen file. */
  readonly needed: Bitfield;
  /** Bytes of the chosen files. */
  readonly fileBytes: number;
  /** Bytes of the needed pieces: what has to come from others. */
  readonly pieceBytes: number;
  readonly #geometry: Geometry;
  /** By position. BOUNDED: by the files. */
  readonly #chosen: readonly boolean[];

  constructor(geometry: Geometry, isChosen: (file: PlacedFile) => boolean) {
    this.#geometry = geometry;
    this.#chosen = geometry.files.map((file) => !file.isPad && isChosen(file));
    this.isAll = geometry.files.every((file) => file.isPad || this.isChosen(file));
    this.needed = new Bitfield(geometry.pieceCount);
    let fileBytes = 0;
    for (const file of geometry.files) {
      if (!this.isChosen(file)) continue;
      fileBytes += file.lengthBytes;
      for (let i = 0; i < file.pieceCount; i++) this.needed.add(pieceIndex(file.firstPiece + i));
    }
    this.fileBytes = fileBytes;
    let pieceBytes = 0;
    for (const piece of this.needed) pieceBytes += geometry.pieceSize(piece);
    this.pieceBytes = pieceBytes;
  }

  static all(geometry: Geometry): Selection {
    return new Selection(geometry, () => true);
  }

  /** The files that any of the patterns names; all without patterns. Throws USAGE when that is none. */
  static of(info: Info, globs: readonly string[]): Selection {
    if (globs.length === 0) return Selection.all(info.geometry);
    const matchers = globs.map(globMatcher);
    const selection = new Selection(info.geometry, (file) => matchers.some((matches) => matches(file.path)));
    if (selection.#chosen.includes(true)) return selection;
    throw new ShoalError(
      'USAGE',
      `--files: none of the ${info.geometry.files.length} files of ${info.name} matches ${globs.join(' or ')}`,
    );
  }

  isChosen(file: PlacedFile): boolean {
    return this.#chosen[file.index]!;
  }

  /**
   * All of the piece is kept on the disk. A v1 piece may reach into files that were not chosen; it is verified before it
   * is cut, and cannot be served, or checked again, after.
   */
  isWhole(piece: PieceIndex): boolean {
    return this.isAll || this.#geometry.segmentsOf(piece).every(({ file }) => file.isPad || this.isChosen(file));
  }
}
