import type { WireHash } from '../common/base/ids.ts';
import { readU32, writeU32 } from '../common/base/bytes.ts';
import type { WordMemory } from '../common/base/memory-ports.ts';
import type { HalfSipHash } from './half-sip-hash.ts';
import { NONE, SlotTable } from './slot-table.ts';
import { WordSlab } from './word-slab.ts';

const HASH_WORDS = 5;

/** The words of a swarm behind its info hash. */
export const SWARM = {
  /** Words of an address: 1 for IPv4, 4 for IPv6. */
  family: 5,
  /** Its peers stand in a row: first the givers, who hand out only, then the takers. */
  givers: 6,
  size: 7,
  /** Of the givers, those with nothing left. */
  seeders: 8,
  completed: 9,
  /** Where its rows begin, and how many fit; its members know more. */
  base: 10,
  sizeClass: 11,
  older: 12,
  newer: 13,
  /** 1 when it had a giver as the registry last looked. */
  fertile: 14,
  /** 1 when it was used since it got its place among those that may have to give way. */
  used: 15,
} as const;
const SWARM_WORDS = 16;
/** Swarms that are passed over in the search for one to give way, because they were used. */
const MAX_SPARED = 64;

/**
 * The lists of swarms in the order in which they may have to give way, threaded through their words: of each, one more
 * than the first and than the last.
 */
const INHABITED = 0;
/** Swarms without peers, kept for their `completed` count while there is room. */
const DESERTED = 2;
const NEWEST = 1;

/**
 * The swarms, by number. The same hash is another swarm in each family: an answer holds peers of the asker's family
 * only (BEP 7, 15).
 *
 * BOUNDED: by `maxSwarms`, which the caller must not exceed.
 */
export class SwarmRows {
  readonly #hash: HalfSipHash;
  readonly #slab: WordSlab;
  readonly #table: SlotTable;
  readonly #lists: Int32Array;
  readonly #key = new Int32Array(HASH_WORDS + 1);

  constructor(options: { readonly memory: WordMemory; readonly hash: HalfSipHash; readonly maxSwarms: number }) {
    const { memory, maxSwarms } = options;
    this.#hash = options.hash;
    this.#slab = new WordSlab({ memory, wordsPerItem: SWARM_WORDS, maxItems: maxSwarms });
    this.#table = new SlotTable({ memory, maxMembers: maxSwarms, hashOf: (id) => this.#hashOf(id) });
    this.#lists = memory.words(4);
  }

  get count(): number {
    return this.#table.size;
  }

  get(swarm: number, field: number): number {
    return this.#slab.get(swarm, field);
  }

  set(swarm: number, field: number, value: number): void {
    this.#slab.set(swarm, field, value);
  }

  find(infoHash: Uint8Array, addressWords: number): number {
    return this.#findKey(this.#readKey(infoHash, addressWords));
  }

  /** Adds one that is not there, without peers. */
  open(infoHash: Uint8Array, addressWords: number): number {
    const swarm = this.#slab.take();
    const hash = this.#readKey(infoHash, addressWords);
    for (let i = 0; i < this.#key.length; i++) this.set(swarm, i, this.#key[i]!);
    for (let field = SWARM.givers; field < SWARM_WORDS; field++) this.set(swarm, field, 0);
    this.set(swarm, SWARM.base, NONE);
    this.#table.insert(hash, swarm);
    this.#append(DESERTED, swarm);
    return swarm;
  }

  /** Forgets one that has no peers. */
  close(swarm: number): void {
    this.#take(DESERTED, swarm);
    this.#table.remove(this.#hashOf(swarm), swarm);
    this.#slab.give(swarm);
  }

  infoHashOf(swarm: number): WireHash {
    const bytes = new Uint8Array(4 * HASH_WORDS);
    for (let i = 0; i < HASH_WORDS; i++) writeU32(bytes, 4 * i, this.get(swarm, i));
    return bytes as WireHash;
  }

  /** To be told when it got its first peer. */
  inhabit(swarm: number): void {
    this.#take(DESERTED, swarm);
    this.#append(INHABITED, swarm);
    this.set(swarm, SWARM.used, 0);
  }

  /** To be told when its last peer left. */
  desert(swarm: number): void {
    this.#take(INHABITED, swarm);
    this.#append(DESERTED, swarm);
  }

  /**
   * To be told when one that has peers was used. It gets a later place only when its turn to give way comes: most of
   * what a busy tracker does is this, and in a list that is always in order it would change three swarms.
   */
  touch(swarm: number): void {
    this.set(swarm, SWARM.used, 1);
  }

  /** Who is to give way: an empty one if there is any, else one not used for about longest; `NONE` of none. */
  leastWanted(): number {
    if (this.#lists[DESERTED] !== 0) return this.#lists[DESERTED]! - 1;
    for (let spared = 0; spared < MAX_SPARED; spared++) {
      const swarm = this.#lists[INHABITED]! - 1;
      if (swarm === NONE || this.get(swarm, SWARM.used) === 0) return swarm;
      this.set(swarm, SWARM.used, 0);
      this.#take(INHABITED, swarm);
      this.#append(INHABITED, swarm);
    }
    return this.#lists[INHABITED]! - 1;
  }

  #readKey(infoHash: Uint8Array, addressWords: number): number {
    for (let i = 0; i < HASH_WORDS; i++) this.#key[i] = readU32(infoHash, 4 * i);
    this.#key[HASH_WORDS] = addressWords;
    return this.#hash.of(this.#key, this.#key.length);
  }

  #hashOf(swarm: number): number {
    for (let i = 0; i < this.#key.length; i++) this.#key[i] = this.get(swarm, i);
    return this.#hash.of(this.#key, this.#key.length);
  }

  /** Who has the words of `#key`. */
  #findKey(hash: number): number {
    const [a, b, c, d, e, family] = this.#key as unknown as [number, number, number, number, number, number];
    const slab = this.#slab;
    for (let id = this.#table.seek(hash); id !== NONE; id = this.#table.next()) {
      const first = slab.get(id, 0) === a && slab.get(id, 1) === b && slab.get(id, 2) === c;
      if (first && slab.get(id, 3) === d && slab.get(id, 4) === e && slab.get(id, 5) === family) return id;
    }
    return NONE;
  }

  #append(list: number, swarm: number): void {
    const newest = this.#lists[list + NEWEST]! - 1;
    this.set(swarm, SWARM.older, newest);
    this.set(swarm, SWARM.newer, NONE);
    if (newest === NONE) this.#lists[list] = swarm + 1;
    else this.set(newest, SWARM.newer, swarm);
    this.#lists[list + NEWEST] = swarm + 1;
  }

  #take(list: number, swarm: number): void {
    const [older, newer] = [this.get(swarm, SWARM.older), this.get(swarm, SWARM.newer)];
    if (older === NONE) this.#lists[list] = newer + 1;
    else this.set(older, SWARM.newer, newer);
    if (newer === NONE) this.#lists[list + NEWEST] = older + 1;
    else this.set(newer, SWARM.older, older);
  }
}
