import type { WordMemory } from '../common/base/memory-ports.ts';
import type { HalfSipHash } from './half-sip-hash.ts';
import { NONE, SlotTable } from './slot-table.ts';
import { WordSlab } from './word-slab.ts';

/**
 * How many peers each source has. A source is one IPv4 address, or one IPv6 /64: a household or a server is given a
 * whole one, so counting single IPv6 addresses would limit nobody.
 *
 * BOUNDED: by the peers, of whom there are at most `maxPeers`; who has none is forgotten.
 */
export class SourceCounts {
  readonly #hash: HalfSipHash;
  /** Words of an address that say whose it is. */
  readonly #keyWords: number;
  readonly #slab: WordSlab;
  readonly #table: SlotTable;
  readonly #key: Int32Array;

  constructor(options: {
    readonly memory: WordMemory;
    readonly hash: HalfSipHash;
    readonly addressWords: number;
    readonly maxPeers: number;
  }) {
    const { memory, maxPeers } = options;
    this.#hash = options.hash;
    this.#keyWords = options.addressWords === 1 ? 1 : 2;
    this.#slab = new WordSlab({ memory, wordsPerItem: this.#keyWords + 1, maxItems: maxPeers });
    this.#key = new Int32Array(this.#keyWords);
    this.#table = new SlotTable({
      memory,
      maxMembers: maxPeers,
      hashOf: (id) => {
        for (let i = 0; i < this.#keyWords; i++) this.#key[i] = this.#slab.get(id, i);
        return this.#hash.of(this.#key, this.#keyWords);
      },
    });
  }

  /** Peers of whoever the address at `words[at]` belongs to. */
  countOf(words: Int32Array, at: number): number {
    const id = this.#find(this.#hashAt(words, at), words, at);
    return id === NONE ? 0 : this.#slab.get(id, this.#keyWords);
  }

  /** One more, or with -1 one less. */
  add(words: Int32Array, at: number, change: 1 | -1): void {
    const hash = this.#hashAt(words, at);
    const id = this.#find(hash, words, at);
    if (id === NONE) {
      this.#open(hash, words, at);
      return;
    }
    const count = this.#slab.get(id, this.#keyWords) + change;
    this.#slab.set(id, this.#keyWords, count);
    if (count > 0) return;
    this.#table.remove(hash, id);
    this.#slab.give(id);
  }

  #open(hash: number, words: Int32Array, at: number): void {
    const id = this.#slab.take();
    for (let i = 0; i < this.#keyWords; i++) this.#slab.set(id, i, words[at + i]!);
    this.#slab.set(id, this.#keyWords, 1);
    this.#table.insert(hash, id);
  }

  #hashAt(words: Int32Array, at: number): number {
    for (let i = 0; i < this.#keyWords; i++) this.#key[i] = words[at + i]!;
    return this.#hash.of(this.#key, this.#keyWords);
  }

  #find(hash: number, words: Int32Array, at: number): number {
    for (let id = this.#table.seek(hash); id !== NONE; id = this.#table.next()) {
      let same = true;
      for (let i = 0; i < this.#keyWords; i++) same &&= this.#slab.get(id, i) === words[at + i]!;
      if (same) return id;
    }
    return NONE;
  }
}
