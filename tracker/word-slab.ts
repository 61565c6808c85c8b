import { NONE } from './slot-table.ts';

const SEGMENT_BITS = 8;
const SEGMENT_ITEMS = 2 ** SEGMENT_BITS;

/**
 * Items of a few 32-bit words each, by number. Grows by segments, so nothing is ever copied; the numbers of items
 * that were given back are taken again.
 *
 * BOUNDED: by whoever takes.
 */
export class WordSlab {
  readonly #wordsPerItem: number;
  readonly #segments: Int32Array[] = [];
  /** The first of the free items, each of which names the next in its first word. */
  #free = NONE;
  #used = 0;

  constructor(options: { readonly wordsPerItem: number }) {
    this.#wordsPerItem = options.wordsPerItem;
  }

  get(id: number, field: number): number {
    return this.#segments[id >> SEGMENT_BITS]![(id & (SEGMENT_ITEMS - 1)) * this.#wordsPerItem + field]!;
  }

  set(id: number, field: number, value: number): void {
    this.#segments[id >> SEGMENT_BITS]![(id & (SEGMENT_ITEMS - 1)) * this.#wordsPerItem + field] = value;
  }

  /** The number of an item; its words are whatever they were. */
  take(): number {
    if (this.#free !== NONE) {
      const id = this.#free;
      this.#free = this.get(id, 0);
      return id;
    }
    if (this.#used === this.#segments.length * SEGMENT_ITEMS) {
      this.#segments.push(new Int32Array(SEGMENT_ITEMS * this.#wordsPerItem));
    }
    return this.#used++;
  }

  give(id: number): void {
    this.set(id, 0, this.#free);
    this.#free = id;
  }
}
