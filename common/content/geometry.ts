import type { Digest, PieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES } from '../base/limits.ts';

/** A file as the info dictionary describes it. */
export interface FileDescription {
  /** Harmless names, from the top of the torrent down to the file itself. */
  readonly path: readonly string[];
  /** The names as they were given, where they are others: servers go by them. */
  readonly rawPath?: readonly Uint8Array[] | undefined;
  readonly lengthBytes: number;
  /** `pieces root` of a v2 file that is not empty (BEP 52). */
  readonly root?: Digest | undefined;
  /** Zeros that only align the next file (BEP 47): never stored, never asked for. */
  readonly isPad?: boolean;
}

/** A file in its place in the piece space. */
export interface ContentFile extends FileDescription {
  /** Position in `files`. */
  readonly index: number;
  readonly isPad: boolean;
  /** Where its bytes begin in the piece space; the start of a piece in v2. */
  readonly offsetBytes: number;
  /** The first piece that holds bytes of it; of an empty file, where such a piece would be. */
  readonly firstPiece: number;
  /** Pieces that hold bytes of it; none of an empty file. */
  readonly pieceCount: number;
  /** 16 KiB leaves of its merkle tree, without padding. */
  readonly leafCount: number;
  /** Height of its merkle tree above the leaves; 0 for one block. */
  readonly treeHeight: number;
}

/** Part of a piece: bytes of one file. */
export interface PieceSegment {
  readonly file: ContentFile;
  readonly offsetInFile: number;
  readonly lengthBytes: number;
}

/** Height of the merkle tree over so many bytes: the leaves are padded to a power of two (BEP 52). */
export function treeHeightOf(lengthBytes: number): number {
  const leaves = Math.ceil(lengthBytes / BLOCK_BYTES);
  let height = 0;
  // Not by bit shifts: a tree may have more than 2^31 leaves.
  while (2 ** height < leaves) height++;
  return height;
}

/**
 * How pieces and files lie over one another.
 *
 * - v2 and hybrid: each file that is not empty begins a piece, and no piece holds two files (BEP 52).
 * - v1: files follow one another without gaps, and a piece may hold several (BEP 3).
 *
 * Sizes are bytes and may exceed 2^32; the caller has judged them against the limits.
 */
export class Geometry {
  readonly pieceBytes: number;
  readonly pieceCount: number;
  /** Of all files, v1 padding included. */
  readonly totalBytes: number;
  readonly files: readonly ContentFile[];
  /** Height above the leaves of the hashes of whole pieces (v2). */
  readonly pieceLayerHeight: number;
  readonly #isAligned: boolean;
  /** Files that are not empty, in order. BOUNDED: by `files`. */
  readonly #occupied: readonly ContentFile[];

  constructor(options: {
    readonly pieceBytes: number;
    readonly files: readonly FileDescription[];
    readonly layout: 'aligned' /* v2, hybrid */ | 'packed' /* v1 */;
  }) {
    const { pieceBytes } = options;
    this.pieceBytes = pieceBytes;
    this.pieceLayerHeight = treeHeightOf(pieceBytes);
    this.#isAligned = options.layout === 'aligned';
    let offsetBytes = 0;
    let totalBytes = 0;
    this.files = options.files.map((description, index) => {
      const file = place(description, { index, offsetBytes, pieceBytes });
      offsetBytes += this.#isAligned ? file.pieceCount * pieceBytes : file.lengthBytes;
      totalBytes += file.lengthBytes;
      return file;
    });
    this.totalBytes = totalBytes;
    this.pieceCount = Math.ceil(offsetBytes / pieceBytes);
    this.#occupied = this.files.filter((file) => file.lengthBytes > 0);
  }

  /** The file in which the piece begins: in v2, the file it is of. */
  fileOfPiece(piece: PieceIndex): ContentFile {
    return this.#occupied[this.#rankOf(piece)]!;
  }

  /** Bytes in the piece; fewer than `pieceBytes` at the end of a v2 file and of v1 content. */
  pieceSize(piece: PieceIndex): number {
    const restBytes = this.#isAligned
      ? this.fileOfPiece(piece).lengthBytes - this.pieceOffsetInFile(piece)
      : this.totalBytes - piece * this.pieceBytes;
    return Math.min(this.pieceBytes, restBytes);
  }

  /** Where the piece begins, in bytes from the start of `fileOfPiece`. */
  pieceOffsetInFile(piece: PieceIndex): number {
    return piece * this.pieceBytes - this.fileOfPiece(piece).offsetBytes;
  }

  /**
   * Leaves over which the piece is checked, a power of two: those of a whole piece, or of the padded tree of a file
   * that is not larger than a piece (BEP 52).
   */
  leafSlots(piece: PieceIndex): number {
    return 2 ** Math.min(this.pieceLayerHeight, this.fileOfPiece(piece).treeHeight);
  }

  /** The bytes of the piece, file by file; in v2 there is exactly one. */
  segmentsOf(piece: PieceIndex): PieceSegment[] {
    const segments: PieceSegment[] = [];
    let rank = this.#rankOf(piece);
    let offsetInFile = this.pieceOffsetInFile(piece);
    let restBytes = this.pieceSize(piece);
    while (restBytes > 0) {
      const file = this.#occupied[rank++]!;
      const lengthBytes = Math.min(restBytes, file.lengthBytes - offsetInFile);
      segments.push({ file, offsetInFile, lengthBytes });
      restBytes -= lengthBytes;
      offsetInFile = 0;
    }
    return segments;
  }

  /** Binary search for the last file that begins at or before the piece. */
  #rankOf(piece: PieceIndex): number {
    if (!(piece >= 0 && piece < this.pieceCount)) throw new Error(`there is no piece ${piece} of ${this.pieceCount}`);
    const startBytes = piece * this.pieceBytes;
    let low = 0;
    let high = this.#occupied.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#occupied[middle]!.offsetBytes <= startBytes) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function place(
  description: FileDescription,
  at: { readonly index: number; readonly offsetBytes: number; readonly pieceBytes: number },
): ContentFile {
  const { lengthBytes } = description;
  const firstPiece = Math.floor(at.offsetBytes / at.pieceBytes);
  const endPiece = Math.ceil((at.offsetBytes + lengthBytes) / at.pieceBytes);
  // Written out rather than spread, which is slow for a million files.
  return {
    path: description.path,
    rawPath: description.rawPath,
    lengthBytes,
    root: description.root,
    isPad: description.isPad ?? false,
    index: at.index,
    offsetBytes: at.offsetBytes,
    firstPiece,
    pieceCount: lengthBytes === 0 ? 0 : endPiece - firstPiece,
    leafCount: Math.ceil(lengthBytes / BLOCK_BYTES),
    treeHeight: treeHeightOf(lengthBytes),
  };
}
