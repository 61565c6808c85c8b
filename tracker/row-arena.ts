import type { WordMemory } from '../common/base/memory-ports.ts';
import { MAX_MEMBERS, NONE } from './slot-table.ts';

const PAGE_BITS = 8;
export const PAGE_ROWS = 2 ** PAGE_BITS;
const LEAST_BITS = 2;
/** Blocks have 4 rows, 8, 16 … and at most a page. */
export const PAGE_CLASS = PAGE_BITS - LEAST_BITS;
export const rowsOf = (sizeClass: number): number => 1 << (sizeClass + LEAST_BITS);
/** 256 rows in a row are the unit in which expiry is looked after. */
export const pageOf = (row: number): number => row >> PAGE_BITS;
export const firstRowOf = (page: number): number => page << PAGE_BITS;

/** What stands for the tick at which a row expires that holds nobody. */
export const VACANT = 0x7fff_ffff;

/** How many pages an arena of so many rows has. */
export const pagesFor = (maxRows: number): number =>
  Math.max(1, Math.floor(Math.min(maxRows, MAX_MEMBERS) / PAGE_ROWS));

/**
 * Rows of a few words each, handed out in blocks of a power of two that can be halved and put together again (buddy
 * allocation). The rows of a block follow each other in memory, so going through the peers of a swarm is cheap.
 *
 * BOUNDED: by `maxRows`.
 */
export class RowArena {
  /** The words of all rows; those of one begin at `at(row)`. */
  readonly words: Int32Array;
  readonly #wordsPerRow: number;
  readonly #maxPages: number;
  /** Per four rows: whose they are; where a free block begins, `NONE` less its class. */
  readonly #owners: Int32Array;
  /** Per class one more than the first free block; each names the next and the one before in the first words of its first two rows. */
  readonly #free: Int32Array;
  readonly #usedPages: Int32Array;

  constructor(options: { readonly memory: WordMemory; readonly wordsPerRow: number; readonly maxRows: number }) {
    const { memory, wordsPerRow, maxRows } = options;
    this.#wordsPerRow = wordsPerRow;
    this.#maxPages = pagesFor(maxRows);
    this.words = memory.words(this.#maxPages * PAGE_ROWS * wordsPerRow);
    this.#owners = memory.words((this.#maxPages * PAGE_ROWS) >> LEAST_BITS);
    this.#free = memory.words(PAGE_CLASS + 1);
    this.#usedPages = memory.words(1);
  }

  at(row: number): number {
    return row * this.#wordsPerRow;
  }

  /** Whose block the row is in. */
  ownerOf(row: number): number {
    return this.#owners[row >> LEAST_BITS]!;
  }

  /** The first row of a block for `owner`, all of it vacant; `NONE` when there is no room. */
  take(sizeClass: number, owner: number): number {
    let found = sizeClass;
    while (found <= PAGE_CLASS && this.#free[found] === 0) found++;
    const row = found > PAGE_CLASS ? this.#newPage() : this.#free[found]! - 1;
    if (row === NONE) return NONE;
    if (found <= PAGE_CLASS) this.#unlink(row, found);
    else found = PAGE_CLASS;
    while (found > sizeClass) this.#link(row + rowsOf(--found), found);
    const unit = row >> LEAST_BITS;
    this.#owners.fill(owner, unit, unit + (rowsOf(sizeClass) >> LEAST_BITS));
    return row;
  }

  /** Takes back a block, all of it vacant. */
  give(row: number, sizeClass: number): void {
    let [first, found] = [row, sizeClass];
    while (found < PAGE_CLASS) {
      const buddy = first ^ rowsOf(found);
      if (this.ownerOf(buddy) !== NONE - found) break;
      this.#unlink(buddy, found);
      first = Math.min(first, buddy);
      found++;
    }
    this.#link(first, found);
  }

  #newPage(): number {
    const page = this.#usedPages[0]!;
    if (page === this.#maxPages) return NONE;
    this.#usedPages[0] = page + 1;
    const first = firstRowOf(page);
    const end = this.at(first + PAGE_ROWS);
    for (let at = this.at(first) + this.#wordsPerRow - 1; at < end; at += this.#wordsPerRow) this.words[at] = VACANT;
    return first;
  }

  #link(row: number, sizeClass: number): void {
    const next = this.#free[sizeClass]! - 1;
    this.#setFirstWord(row, next);
    this.#setFirstWord(row + 1, NONE);
    if (next !== NONE) this.#setFirstWord(next + 1, row);
    this.#free[sizeClass] = row + 1;
    this.#owners[row >> LEAST_BITS] = NONE - sizeClass;
  }

  #unlink(row: number, sizeClass: number): void {
    const [next, previous] = [this.#firstWord(row), this.#firstWord(row + 1)];
    if (previous === NONE) this.#free[sizeClass] = next + 1;
    else this.#setFirstWord(previous, next);
    if (next !== NONE) this.#setFirstWord(next + 1, previous);
    this.#owners[row >> LEAST_BITS] = 0;
  }

  #firstWord(row: number): number {
    return this.words[this.at(row)]!;
  }

  #setFirstWord(row: number, value: number): void {
    this.words[this.at(row)] = value;
  }
}
