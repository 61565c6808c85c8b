/**
 * Blocks that are wanted of a web seed, as bytes of files: neighbours make one GET. A rule.
 *
 * BOUNDED: by the room for requests that the web seed tells of; a block has a part for each file that it touches.
 */
import type { PieceIndex } from '../common/base/ids.ts';
import type { ContentFile, Geometry } from '../common/content/geometry.ts';

export interface WebBlock {
  readonly piece: PieceIndex;
  readonly begin: number;
  readonly length: number;
  /** Bytes still to come. */
  restBytes: number;
  /** Nobody waits for it any more. */
  isCancelled: boolean;
}

/** The bytes of a block that are in one file. */
export interface WebPart {
  readonly block: WebBlock;
  readonly offsetInBlock: number;
  readonly file: ContentFile;
  readonly offsetInFile: number;
  readonly lengthBytes: number;
}

/** Parts that follow one another in a file, for one GET. Never empty. */
export interface WebRun {
  readonly file: ContentFile;
  readonly parts: readonly WebPart[];
}

const endOf = (part: WebPart): number => part.offsetInFile + part.lengthBytes;

export const firstByteOf = (run: WebRun): number => run.parts[0]!.offsetInFile;
/** The offset after its last byte. */
export const endByteOf = (run: WebRun): number => endOf(run.parts.at(-1)!);

export class WebQueue {
  readonly #geometry: Geometry;
  #parts: WebPart[] = [];

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  add(piece: PieceIndex, begin: number, length: number): WebBlock {
    const block: WebBlock = { piece, begin, length, restBytes: length, isCancelled: false };
    let at = 0;
    for (const { file, offsetInFile, lengthBytes } of this.#geometry.segmentsOf(piece)) {
      const from = Math.max(at, begin);
      const to = Math.min(at + lengthBytes, begin + length);
      if (from < to) {
        const part = { block, file, offsetInBlock: from - begin, lengthBytes: to - from };
        this.#parts.push({ ...part, offsetInFile: offsetInFile + from - at });
      }
      at += lengthBytes;
    }
    return block;
  }

  /** Forgets blocks that were cancelled. */
  prune(): void {
    this.#parts = this.#parts.filter(({ block }) => !block.isCancelled);
  }

  /** Zeros between files: nobody has to be asked for them. */
  takePadding(): WebPart[] {
    const padding = this.#parts.filter(({ file }) => file.isPad);
    if (padding.length > 0) this.#parts = this.#parts.filter(({ file }) => !file.isPad);
    return padding;
  }

  /** What was asked for first, with all that follows it in its file, up to `mostBytes` unless one part is longer. */
  takeRun(mostBytes: number): WebRun | undefined {
    return this.#takeFrom(0, mostBytes);
  }

  /** For a server that sends whole files: what comes next in the file, at most `mostSkipped` bytes further on. */
  takeAhead(file: ContentFile, position: number, mostSkipped: number): WebRun | undefined {
    let best = -1;
    for (const [i, part] of this.#parts.entries()) {
      if (part.file !== file || part.offsetInFile < position || part.offsetInFile > position + mostSkipped) continue;
      if (best < 0 || part.offsetInFile < this.#parts[best]!.offsetInFile) best = i;
    }
    return best < 0 ? undefined : this.#takeFrom(best, Number.POSITIVE_INFINITY);
  }

  #takeFrom(index: number, mostBytes: number): WebRun | undefined {
    const first = this.#parts[index];
    if (first === undefined) return undefined;
    let count = 1;
    for (let last = first; ; count++) {
      const next = this.#parts[index + count];
      const isNeighbour = next !== undefined && next.file === last.file && next.offsetInFile === endOf(last);
      if (!isNeighbour || endOf(next) - first.offsetInFile > mostBytes) break;
      last = next;
    }
    return { file: first.file, parts: this.#parts.splice(index, count) };
  }
}
