import type { Bitfield } from '../common/base/bitfield.ts';
import type { PieceIndex } from '../common/base/ids.ts';
import type { Random } from '../common/base/ports.ts';
import { Availability, type Holder } from './availability.ts';
import { firstCommon } from './overlap.ts';

/** Who asks for pieces. */
export interface Asker extends Holder {
  /** It holds the piece and has not just failed it. */
  mayTake(piece: PieceIndex): boolean;
}

/** Free pieces of one source that are known at a time: a decision looks at these only. */
export const SHELF_SIZE = 256;
/** Pieces looked at, from a place that chance gives, to find the rarest ones for a shelf. */
export const MOST_SCANNED = 65_536;

/** The rarest of the free pieces that a source holds, when it was last filled, and what became free since. */
interface Shelf {
  /** Some may no longer be free. BOUNDED: by SHELF_SIZE. */
  readonly pieces: number[];
  /** Nothing that is free and that the source holds is missing. */
  isComplete: boolean;
}

/**
 * The free pieces of a swarm, and which is the rarest that a source holds; chance decides among equals.
 *
 * Exact as long as a source holds at most SHELF_SIZE free pieces, which is always so near the end; with more of them
 * the shelf was exact when it was filled, and with more than MOST_SCANNED it is that of a sample. A shelf is filled
 * again when it is empty, so a decision costs SHELF_SIZE steps and its share of one scan.
 *
 * BOUNDED: by `Availability`, one bit a piece, and a shelf for each source.
 */
export class Rarest {
  readonly #free: Bitfield;
  readonly #random: Random;
  readonly #availability: Availability;
  /** BOUNDED: by the sources. */
  readonly #shelves = new Map<Asker, Shelf>();
  /** The rarest of a shelf. */
  readonly #ties = new Uint32Array(SHELF_SIZE);
  /** What a scan found. BOUNDED: by MOST_SCANNED. */
  readonly #found: Uint32Array;
  /** How many of those have an availability. BOUNDED: by the sources. */
  #histogram = new Uint32Array(64);

  /** Takes over `free`: the pieces to be fetched that nobody has been asked for. */
  constructor(options: { readonly free: Bitfield; readonly random: Random }) {
    this.#free = options.free;
    this.#random = options.random;
    this.#availability = new Availability(options.free.size);
    this.#found = new Uint32Array(Math.min(MOST_SCANNED, options.free.size));
  }

  /** How many pieces nobody has been asked for. */
  get freeCount(): number {
    return this.#free.count;
  }

  /** Sources that hold the piece. */
  availabilityOf(piece: PieceIndex): number {
    return this.#availability.of(piece);
  }

  add(source: Asker): void {
    this.#availability.add(source);
    this.#shelves.set(source, { pieces: [], isComplete: false });
  }

  remove(source: Asker): void {
    this.#availability.remove(source);
    this.#shelves.delete(source);
  }

  /** It holds one more piece. */
  gained(source: Asker, piece: PieceIndex): void {
    this.#availability.gained(source, piece);
    this.#offer(source, piece);
  }

  /** Any of its pieces came or went. */
  changed(source: Asker): void {
    this.#availability.changed(source);
    const shelf = this.#shelves.get(source);
    if (shelf === undefined) return;
    shelf.pieces.length = 0;
    shelf.isComplete = false;
  }

  /** The piece was under way and is free again. */
  giveBack(piece: PieceIndex): void {
    if (!this.#free.add(piece)) return;
    for (const source of this.#shelves.keys()) this.#offer(source, piece);
  }

  /** The piece is done. */
  forget(piece: PieceIndex): void {
    this.#free.remove(piece);
  }

  /** The rarest free piece that the source may take, which is its to fetch from now on. */
  take(source: Asker): PieceIndex | undefined {
    const shelf = this.#shelves.get(source);
    if (shelf === undefined || this.#free.count === 0) return undefined;
    let piece = this.#choose(source, shelf);
    if (piece === undefined && !shelf.isComplete) {
      this.#fill(source, shelf);
      piece = this.#choose(source, shelf);
    }
    if (piece !== undefined) this.#free.remove(piece);
    return piece;
  }

  /** Clears away what is no longer free where it meets it. */
  #choose(source: Asker, { pieces }: Shelf): PieceIndex | undefined {
    let [least, ties] = [Infinity, 0];
    for (let i = pieces.length - 1; i >= 0; i--) {
      const piece = pieces[i]! as PieceIndex;
      const availability = this.#availability.of(piece);
      if (availability > least) continue;
      if (!this.#free.has(piece)) {
        pieces[i] = pieces.at(-1)!;
        pieces.pop();
        continue;
      }
      if (!source.mayTake(piece)) continue;
      if (availability < least) [least, ties] = [availability, 0];
      this.#ties[ties++] = piece;
    }
    if (ties === 0) return undefined;
    return this.#ties[ties === 1 ? 0 : this.#random.below(ties)]! as PieceIndex;
  }

  /** A piece that is free, or that the source came to hold, has its place on the shelf unless that has rarer ones. */
  #offer(source: Asker, piece: PieceIndex): void {
    const shelf = this.#shelves.get(source);
    if (shelf === undefined || !this.#free.has(piece) || !source.pieces.has(piece)) return;
    const { pieces } = shelf;
    // An empty one is filled when it is asked for, with all there is.
    if ((pieces.length === 0 && !shelf.isComplete) || pieces.includes(piece)) return;
    if (pieces.length === SHELF_SIZE) this.#clear(pieces);
    if (pieces.length < SHELF_SIZE) {
      pieces.push(piece);
      return;
    }
    shelf.isComplete = false;
    const slot = this.#random.below(SHELF_SIZE);
    if (this.#availability.of(piece) < this.#availability.of(pieces[slot]!)) pieces[slot] = piece;
  }

  #clear(pieces: number[]): void {
    let kept = 0;
    for (const piece of pieces) if (this.#free.has(piece as PieceIndex)) pieces[kept++] = piece;
    pieces.length = kept;
  }

  /** What it may not take now has what room is left. */
  #fill(source: Asker, shelf: Shelf): void {
    const { size } = this.#free;
    const start = this.#random.below(size);
    const resting: number[] = [];
    let [found, isComplete] = [0, true];
    this.#histogram.fill(0);
    for (const [from, to] of [
      [start, size],
      [0, start],
    ] as const) {
      let piece = firstCommon(this.#free, source.pieces, from, to);
      for (; piece >= 0 && found < this.#found.length; piece = firstCommon(this.#free, source.pieces, piece + 1, to)) {
        if (source.mayTake(piece as PieceIndex)) this.#note(piece, found++);
        else if (resting.length < SHELF_SIZE) resting.push(piece);
        else isComplete = false;
      }
      if (piece >= 0) isComplete = false;
    }
    shelf.pieces.length = 0;
    const keptAll = this.#keepRarest(shelf.pieces, found);
    const room = SHELF_SIZE - shelf.pieces.length;
    shelf.pieces.push(...resting.slice(0, room));
    shelf.isComplete = isComplete && keptAll && resting.length <= room;
  }

  #note(piece: number, place: number): void {
    this.#found[place] = piece;
    const availability = this.#availability.of(piece);
    if (availability >= this.#histogram.length) {
      const wider = new Uint32Array(2 * availability);
      wider.set(this.#histogram);
      this.#histogram = wider;
    }
    this.#histogram[availability]!++;
  }

  /** Keeps SHELF_SIZE of what was found, equals spread evenly; true when that is all. */
  #keepRarest(into: number[], found: number): boolean {
    let [cutoff, below] = [0, 0];
    while (cutoff < this.#histogram.length && below + this.#histogram[cutoff]! <= SHELF_SIZE) {
      below += this.#histogram[cutoff++]!;
    }
    const equals = this.#histogram[cutoff] ?? 0;
    const room = SHELF_SIZE - below;
    let seen = 0;
    for (let i = 0; i < found; i++) {
      const piece = this.#found[i]!;
      const availability = this.#availability.of(piece);
      if (availability > cutoff) continue;
      // Of `equals` in a row, `room` of them.
      const isKept = availability < cutoff || (seen * room) % equals < room;
      if (availability === cutoff) seen++;
      if (isKept && into.length < SHELF_SIZE) into.push(piece);
    }
    return found <= SHELF_SIZE;
  }
}
