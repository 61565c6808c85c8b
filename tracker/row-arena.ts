import type { Mortal } from './expiry-wheel.ts';
import { MAX_MEMBERS, NONE } from './slot-table.ts';

const SEGMENT_BITS = 12;
const SEGMENT_ROWS = 2 ** SEGMENT_BITS;
const PAGE_BITS = 8;
export const PAGE_ROWS = 2 ** PAGE_BITS;
const LEAST_BITS = 2;
/** Blocks have 4 rows, 8, 16 … and at most a page. */
export const PAGE_CLASS = PAGE_BITS - LEAST_BITS;
export const rowsOf = (sizeClass: number): number => 1 << (sizeClass + LEAST_BITS);

/** What stands for the tick at which a row expires that holds nobody. */
export const VACANT = 0x7fff_ffff;

/** What is known of 256 rows in a row: the unit in which expiry is looked after. */
export class RowPage implements Mortal {
  readonly first: number;
  /** Rows that hold somebody. */
  live = 0;
  /** None of its rows expires before; it may be that none does then either. */
  expiryTick = VACANT;
  slotTick = 0;
  slotPlace = 0;

  constructor(first: number) {
    this.first = first;
  }
}

/**
 * Rows of a few words each, handed out in blocks of a power of two that can be halved and put together again (buddy
 * allocation). The rows of a block follow each other in memory, so going through the peers of a swarm is cheap.
 *
 * BOUNDED: by `maxRows`.
 */
export class RowArena {
  readonly #wordsPerRow: number;
  readonly #maxSegments: number;
  readonly #segments: Int32Array<ArrayBuffer>[] = [];
  readonly #pages: RowPage[] = [];
  /** Per four rows: whose they are. */
  readonly #owners: Int32Array[] = [];
  /** Per four rows: one more than the class of the free block that begins here, else 0. */
  readonly #freeClasses: Uint8Array[] = [];
  /** Per class the first free block; each names the next and the one before in the first words of its first two rows. */
  readonly #free = new Int32Array(PAGE_CLASS + 1).fill(NONE);
  #usedPages = 0;

  constructor(options: { readonly wordsPerRow: number; readonly maxRows: number }) {
    this.#wordsPerRow = options.wordsPerRow;
    this.#maxSegments = Math.max(1, Math.floor(Math.min(options.maxRows, MAX_MEMBERS) / SEGMENT_ROWS));
  }

  /** The words in which a row lies, beginning at `at(row)`. */
  wordsOf(row: number): Int32Array<ArrayBuffer> {
    return this.#segments[row >> SEGMENT_BITS]!;
  }

  at(row: number): number {
    return (row & (SEGMENT_ROWS - 1)) * this.#wordsPerRow;
  }

  pageOf(row: number): RowPage {
    return this.#pages[row >> PAGE_BITS]!;
  }

  /** Whose block the row is in. */
  ownerOf(row: number): number {
    return this.#owners[row >> SEGMENT_BITS]![(row & (SEGMENT_ROWS - 1)) >> LEAST_BITS]!;
  }

  /** The first row of a block for `owner`, all of it vacant; `NONE` when there is no room. */
  take(sizeClass: number, owner: number): number {
    let found = sizeClass;
    while (found <= PAGE_CLASS && this.#free[found] === NONE) found++;
    const row = found > PAGE_CLASS ? this.#newPage() : this.#free[found]!;
    if (row === NONE) return NONE;
    if (found <= PAGE_CLASS) this.#unlink(row, found);
    else found = PAGE_CLASS;
    while (found > sizeClass) this.#link(row + rowsOf(--found), found);
    const owners = this.#owners[row >> SEGMENT_BITS]!;
    const unit = (row & (SEGMENT_ROWS - 1)) >> LEAST_BITS;
    owners.fill(owner, unit, unit + (rowsOf(sizeClass) >> LEAST_BITS));
    return row;
  }

  /** Takes back a block, all of it vacant. */
  give(row: number, sizeClass: number): void {
    let [first, found] = [row, sizeClass];
    while (found < PAGE_CLASS) {
      const buddy = first ^ rowsOf(found);
      if (this.#freeClass(buddy) !== found + 1) break;
      this.#unlink(buddy, found);
      first = Math.min(first, buddy);
      found++;
    }
    this.#link(first, found);
  }

  #newPage(): number {
    if (this.#usedPages << PAGE_BITS === this.#segments.length << SEGMENT_BITS) {
      if (this.#segments.length === this.#maxSegments) return NONE;
      const words = new Int32Array(SEGMENT_ROWS * this.#wordsPerRow);
      for (let end = this.#wordsPerRow; end <= words.length; end += this.#wordsPerRow) words[end - 1] = VACANT;
      this.#segments.push(words);
      this.#owners.push(new Int32Array(SEGMENT_ROWS >> LEAST_BITS));
      this.#freeClasses.push(new Uint8Array(SEGMENT_ROWS >> LEAST_BITS));
    }
    const first = this.#usedPages++ << PAGE_BITS;
    this.#pages.push(new RowPage(first));
    return first;
  }

  #freeClass(row: number): number {
    return this.#freeClasses[row >> SEGMENT_BITS]![(row & (SEGMENT_ROWS - 1)) >> LEAST_BITS]!;
  }

  #setFreeClass(row: number, value: number): void {
    this.#freeClasses[row >> SEGMENT_BITS]![(row & (SEGMENT_ROWS - 1)) >> LEAST_BITS] = value;
  }

  #link(row: number, sizeClass: number): void {
    const next = this.#free[sizeClass]!;
    this.#setFirstWord(row, next);
    this.#setFirstWord(row + 1, NONE);
    if (next !== NONE) this.#setFirstWord(next + 1, row);
    this.#free[sizeClass] = row;
    this.#setFreeClass(row, sizeClass + 1);
  }

  #unlink(row: number, sizeClass: number): void {
    const [next, previous] = [this.#firstWord(row), this.#firstWord(row + 1)];
    if (previous === NONE) this.#free[sizeClass] = next;
    else this.#setFirstWord(previous, next);
    if (next !== NONE) this.#setFirstWord(next + 1, previous);
    this.#setFreeClass(row, 0);
  }

  #firstWord(row: number): number {
    return this.wordsOf(row)[this.at(row)]!;
  }

  #setFirstWord(row: number, value: number): void {
    this.wordsOf(row)[this.at(row)] = value;
  }
}
