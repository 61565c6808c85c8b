import type { WordMemory } from '../common/base/memory-ports.ts';
import { NONE } from './slot-table.ts';

const REGISTER = {
  /** One more than the first of the free items, each of which names the next in the same way in its first word. */
  free: 0,
  used: 1,
} as const;

/**
 * Items of a few 32-bit words each, by number. The numbers of items that were given back are taken again.
 *
 * BOUNDED: by `maxItems`, which whoever takes must not exceed.
 */
export class WordSlab {
  readonly #wordsPerItem: number;
  readonly #registers: Int32Array;
  readonly #words: Int32Array;

  constructor(options: { readonly memory: WordMemory; readonly wordsPerItem: number; readonly maxItems: number }) {
    const { memory, wordsPerItem, maxItems } = options;
    this.#wordsPerItem = wordsPerItem;
    this.#registers = memory.words(Object.keys(REGISTER).length);
    this.#words = memory.words(maxItems * wordsPerItem);
  }

  get(id: number, field: number): number {
    return this.#words[id * this.#wordsPerItem + field]!;
  }

  set(id: number, field: number, value: number): void {
    this.#words[id * this.#wordsPerItem + field] = value;
  }

  /** The number of an item, whose words are whatever they were; `NONE` when there is no room. */
  take(): number {
    const registers = this.#registers;
    const free = registers[REGISTER.free]! - 1;
    if (free !== NONE) {
      registers[REGISTER.free] = this.get(free, 0);
      return free;
    }
    const id = registers[REGISTER.used]!;
    if ((id + 1) * this.#wordsPerItem > this.#words.length) return NONE;
    registers[REGISTER.used] = id + 1;
    return id;
  }

  give(id: number): void {
    this.set(id, 0, this.#registers[REGISTER.free]!);
    this.#registers[REGISTER.free] = id + 1;
  }
}
