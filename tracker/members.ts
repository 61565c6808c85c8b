import type { Instant } from '../common/base/ids.ts';
import { readU32 } from '../common/base/bytes.ts';
import type { WordMemory } from '../common/base/memory-ports.ts';
import type { HalfSipHash } from './half-sip-hash.ts';
import { type Role, roleNumber, roleOfNumber } from './role.ts';
import { PAGE_CLASS, PAGE_ROWS, RowArena, rowsOf } from './row-arena.ts';
import { RowExpiry } from './row-expiry.ts';
import { NONE, SlotTable } from './slot-table.ts';
import { SourceCounts } from './source-counts.ts';
import { SWARM, type SwarmRows } from './swarm-rows.ts';
import { WordSlab } from './word-slab.ts';

/** Of a swarm that has several pages; `base` then says nothing. */
const SEVERAL_PAGES = PAGE_CLASS + 1;
/** So many rows must be free beyond a page before it is given back, so that nobody who comes and goes moves pages. */
const PAGE_SLACK = PAGE_ROWS / 2;

/** What is in a row's word behind its address, below the port: ttl 12 bits, role 2 bits, completed 1 bit. */
const ROLE_SHIFT = 12;
const COMPLETED = 1 << 14;
const TTL_MASK = (1 << ROLE_SHIFT) - 1;

/**
 * The peers of all swarms in one address family. A peer is a row: its address, a word of port, role and ttl, and the
 * tick at which it expires; where the row is says which swarm it is in. The rows of a swarm follow each other, givers
 * first; when one leaves, the last moves up, so a row's number is good only until the next change.
 *
 * Who is in a swarm of one block is found by going through the block, which lies in a row in memory and is gone through
 * anyway for the answer; of larger swarms there is a table.
 *
 * When a peer expires is the last word of its row; `row-expiry.ts` looks after it.
 *
 * BOUNDED: by the registry's limits; rows by `maxRows`.
 */
export class Members {
  readonly addressWords: number;
  readonly sources: SourceCounts;
  readonly #hash: HalfSipHash;
  readonly #swarms: SwarmRows;
  readonly #arena: RowArena;
  readonly #expiry: RowExpiry;
  /** Who is in a swarm of several pages. */
  readonly #table: SlotTable;
  /** Of those swarms that have several pages: how many, and the first row of each. */
  readonly #pageLists: WordSlab;
  readonly #count: Int32Array;
  /** Swarm, address, port: who is looked for. */
  readonly #key: Int32Array;
  readonly #rowKey: Int32Array;

  constructor(options: {
    readonly memory: WordMemory;
    readonly hash: HalfSipHash;
    readonly swarms: SwarmRows;
    readonly addressWords: number;
    readonly maxRows: number;
    readonly maxPeers: number;
    readonly maxPeersPerSwarm: number;
    readonly now: Instant;
  }) {
    const { memory, hash, addressWords, maxRows, maxPeers } = options;
    this.#hash = hash;
    this.#swarms = options.swarms;
    this.addressWords = addressWords;
    this.sources = new SourceCounts({ memory, hash, addressWords, maxPeers });
    this.#arena = new RowArena({ memory, wordsPerRow: addressWords + 2, maxRows });
    this.#expiry = new RowExpiry({ memory, arena: this.#arena, maxRows, now: options.now });
    this.#key = new Int32Array(addressWords + 2);
    this.#rowKey = new Int32Array(addressWords + 2);
    this.#table = new SlotTable({ memory, maxMembers: maxPeers, hashOf: (row) => this.#hashOf(row) });
    this.#pageLists = new WordSlab({
      memory,
      wordsPerItem: 2 + Math.ceil(options.maxPeersPerSwarm / PAGE_ROWS),
      maxItems: Math.ceil(maxPeers / (PAGE_ROWS - PAGE_SLACK)),
    });
    this.#count = memory.words(1);
  }

  get count(): number {
    return this.#count[0]!;
  }

  /** When a sweep may find something. */
  get nextDue(): Instant {
    return this.#expiry.nextDue;
  }

  /** Says of whom the next `find`, `fullSource` and `add` are. */
  regard(swarm: number, address: Uint8Array, port: number): void {
    this.#key[0] = swarm;
    for (let i = 0; i < this.addressWords; i++) this.#key[1 + i] = readU32(address, 4 * i);
    this.#key[1 + this.addressWords] = port;
  }

  /** The row of who is regarded; `NONE` when there is none. */
  find(): number {
    const swarm = this.#key[0]!;
    const base = this.onlyBlockOf(swarm);
    if (base === NONE) return this.#findInTable();
    const first = this.#arena.at(base);
    const at = this.#findBetween(first, first + this.#swarms.get(swarm, SWARM.size) * this.wordsPerRow);
    return at === NONE ? NONE : base + (at - first) / this.wordsPerRow;
  }

  /** Peers of the source of who is regarded. */
  get countOfSource(): number {
    return this.sources.countOf(this.#key, 1);
  }

  /** Puts who is regarded into a swarm; its row, or `NONE` when there is no room. */
  add(swarm: number, role: Role, ttlS: number, expiryTick: number, completed: boolean): number {
    if (!this.#makeRoom(swarm)) return NONE;
    const [size, givers] = [this.#swarms.get(swarm, SWARM.size), this.#swarms.get(swarm, SWARM.givers)];
    const gives = role !== 'leecher';
    if (gives && givers < size) this.#move(this.rowAt(swarm, givers), this.rowAt(swarm, size));
    const row = this.rowAt(swarm, gives ? givers : size);
    this.#swarms.set(swarm, SWARM.size, size + 1);
    if (gives) this.#swarms.set(swarm, SWARM.givers, givers + 1);
    if (role === 'seeder') this.#swarms.set(swarm, SWARM.seeders, this.#swarms.get(swarm, SWARM.seeders) + 1);
    this.#key[0] = swarm;
    const { words } = this.#arena;
    const at = this.#arena.at(row);
    for (let i = 0; i < this.addressWords; i++) words[at + i] = this.#key[1 + i]!;
    words[at + this.addressWords] =
      (this.#key[1 + this.addressWords]! << 16) |
      (completed ? COMPLETED : 0) |
      (roleNumber(role) << ROLE_SHIFT) |
      (ttlS & TTL_MASK);
    this.#expiry.occupy(row, expiryTick);
    if (this.onlyBlockOf(swarm) === NONE) this.#table.insert(this.#hash.of(this.#key, this.#key.length), row);
    this.sources.add(words, at, 1);
    this.#count[0]!++;
    return row;
  }

  /** Forgets a peer. */
  remove(row: number): void {
    const swarm = this.#arena.ownerOf(row);
    const [size, givers] = [this.#swarms.get(swarm, SWARM.size), this.#swarms.get(swarm, SWARM.givers)];
    if (this.roleOf(row) === 'seeder')
      this.#swarms.set(swarm, SWARM.seeders, this.#swarms.get(swarm, SWARM.seeders) - 1);
    this.sources.add(this.#arena.words, this.#arena.at(row), -1);
    if (this.onlyBlockOf(swarm) === NONE) this.#table.remove(this.#hashOf(row), row);
    this.#count[0]!--;
    this.#expiry.vacate(row);
    let hole = row;
    if (this.roleOf(row) !== 'leecher') {
      this.#swarms.set(swarm, SWARM.givers, givers - 1);
      const last = this.rowAt(swarm, givers - 1);
      if (last !== hole) this.#move(last, hole);
      hole = last;
    }
    const last = this.rowAt(swarm, size - 1);
    if (last !== hole) this.#move(last, hole);
    this.#swarms.set(swarm, SWARM.size, size - 1);
    this.#shrink(swarm);
  }

  /** Refreshes a peer that stays what it is. */
  refresh(row: number, ttlS: number, expiryTick: number, completed: boolean): void {
    const { words } = this.#arena;
    const at = this.#arena.at(row) + this.addressWords;
    words[at] = (words[at]! & ~(TTL_MASK | COMPLETED)) | (ttlS & TTL_MASK) | (completed ? COMPLETED : 0);
    const before = words[at + 1]!;
    words[at + 1] = expiryTick;
    if (expiryTick < before) this.#expiry.lower(row, expiryTick);
  }

  roleOf(row: number): Role {
    return roleOfNumber((this.#facts(row) >> ROLE_SHIFT) & 3);
  }

  ttlOf(row: number): number {
    return this.#facts(row) & TTL_MASK;
  }

  /** Whether it has raised its swarm's `completed`. */
  completedOf(row: number): boolean {
    return (this.#facts(row) & COMPLETED) !== 0;
  }

  expiryTickOf(row: number): number {
    return this.#arena.words[this.#arena.at(row) + this.addressWords + 1]!;
  }

  swarmOf(row: number): number {
    return this.#arena.ownerOf(row);
  }

  /** The row at a place of a swarm: givers stand from 0 on, takers after them. */
  rowAt(swarm: number, place: number): number {
    const base = this.#swarms.get(swarm, SWARM.base);
    if (this.#swarms.get(swarm, SWARM.sizeClass) !== SEVERAL_PAGES) return base + place;
    return this.#pageLists.get(base, 1 + Math.floor(place / PAGE_ROWS)) + (place % PAGE_ROWS);
  }

  /** Where the rows of a swarm begin that has one block for all of them; else `NONE`. */
  onlyBlockOf(swarm: number): number {
    return this.#swarms.get(swarm, SWARM.sizeClass) === SEVERAL_PAGES ? NONE : this.#swarms.get(swarm, SWARM.base);
  }

  get wordsPerRow(): number {
    return this.addressWords + 2;
  }

  /** As a peer stands in an answer: address and port. */
  get bytesPerPeer(): number {
    return 4 * this.addressWords + 2;
  }

  /** The words of all rows: address, port and role, expiry. Those of one begin at `at(row)`. */
  get words(): Int32Array {
    return this.#arena.words;
  }

  at(row: number): number {
    return this.#arena.at(row);
  }

  /** Hands over those who have expired, of no more than `budget`; `expired` must remove them. Gives what is left of it. */
  sweep(now: Instant, budget: number, expired: (row: number) => void): number {
    return this.#expiry.sweep(now, budget, expired);
  }

  /** Where the row of who is regarded begins, between two places of the words; `NONE` when it is not there. */
  #findBetween(first: number, end: number): number {
    const { words } = this.#arena;
    const { addressWords, wordsPerRow } = this;
    const key = this.#key;
    const [address, port] = [key[1]!, key[1 + addressWords]!];
    for (let at = first; at < end; at += wordsPerRow) {
      if (words[at] !== address || words[at + addressWords]! >>> 16 !== port) continue;
      if (addressWords === 1 || (words[at + 1] === key[2] && words[at + 2] === key[3] && words[at + 3] === key[4]))
        return at;
    }
    return NONE;
  }

  #findInTable(): number {
    for (
      let row = this.#table.seek(this.#hash.of(this.#key, this.#key.length));
      row !== NONE;
      row = this.#table.next()
    ) {
      if (this.#arena.ownerOf(row) !== this.#key[0]) continue;
      const at = this.#arena.at(row);
      if (this.#findBetween(at, at + 1) !== NONE) return row;
    }
    return NONE;
  }

  #facts(row: number): number {
    return this.#arena.words[this.#arena.at(row) + this.addressWords]!;
  }

  #hashOf(row: number): number {
    const { words } = this.#arena;
    const at = this.#arena.at(row);
    this.#rowKey[0] = this.#arena.ownerOf(row);
    for (let i = 0; i < this.addressWords; i++) this.#rowKey[1 + i] = words[at + i]!;
    this.#rowKey[1 + this.addressWords] = words[at + this.addressWords]! >>> 16;
    return this.#hash.of(this.#rowKey, this.#rowKey.length);
  }

  /** Moves a peer into a vacant row of the same swarm. */
  #move(from: number, to: number): void {
    if (this.onlyBlockOf(this.#arena.ownerOf(from)) === NONE) this.#table.rename(this.#hashOf(from), from, to);
    const { words } = this.#arena;
    const [at, atTarget] = [this.#arena.at(from), this.#arena.at(to)];
    for (let i = 0; i <= this.addressWords; i++) words[atTarget + i] = words[at + i]!;
    this.#expiry.occupy(to, this.expiryTickOf(from));
    this.#expiry.vacate(from);
  }

  /** Sees to it that one more fits; false when there is no room. */
  #makeRoom(swarm: number): boolean {
    const swarms = this.#swarms;
    const size = swarms.get(swarm, SWARM.size);
    const sizeClass = swarms.get(swarm, SWARM.sizeClass);
    const base = swarms.get(swarm, SWARM.base);
    if (sizeClass === SEVERAL_PAGES)
      return size < this.#pageLists.get(base, 0) * PAGE_ROWS || this.#addPage(swarm, base);
    if (base === NONE) return this.#resettle(swarm, 0);
    if (size < rowsOf(sizeClass)) return true;
    return sizeClass < PAGE_CLASS ? this.#resettle(swarm, sizeClass + 1) : this.#spread(swarm);
  }

  /** Gives a swarm of one full page a second one, and puts its peers into the table. */
  #spread(swarm: number): boolean {
    const list = this.#pageLists.take();
    if (list === NONE) return false;
    const base = this.#swarms.get(swarm, SWARM.base);
    this.#pageLists.set(list, 0, 1);
    this.#pageLists.set(list, 1, base);
    if (!this.#addPage(swarm, list)) {
      this.#pageLists.give(list);
      return false;
    }
    this.#swarms.set(swarm, SWARM.base, list);
    this.#swarms.set(swarm, SWARM.sizeClass, SEVERAL_PAGES);
    for (let row = base; row < base + PAGE_ROWS; row++) this.#table.insert(this.#hashOf(row), row);
    return true;
  }

  /** The opposite, for one whose peers all are in its first page. */
  #gather(swarm: number): void {
    const list = this.#swarms.get(swarm, SWARM.base);
    const base = this.#pageLists.get(list, 1);
    const end = base + this.#swarms.get(swarm, SWARM.size);
    for (let row = base; row < end; row++) this.#table.remove(this.#hashOf(row), row);
    this.#pageLists.give(list);
    this.#swarms.set(swarm, SWARM.base, base);
    this.#swarms.set(swarm, SWARM.sizeClass, PAGE_CLASS);
  }

  #addPage(swarm: number, list: number): boolean {
    const first = this.#arena.take(PAGE_CLASS, swarm);
    if (first === NONE) return false;
    const count = this.#pageLists.get(list, 0) + 1;
    this.#pageLists.set(list, count, first);
    this.#pageLists.set(list, 0, count);
    return true;
  }

  /** Moves a swarm into a block of another size. */
  #resettle(swarm: number, sizeClass: number): boolean {
    const base = this.#arena.take(sizeClass, swarm);
    if (base === NONE) return false;
    const before = this.#swarms.get(swarm, SWARM.base);
    const size = this.#swarms.get(swarm, SWARM.size);
    for (let place = 0; place < size; place++) this.#move(before + place, base + place);
    if (before !== NONE) this.#arena.give(before, this.#swarms.get(swarm, SWARM.sizeClass));
    this.#swarms.set(swarm, SWARM.base, base);
    this.#swarms.set(swarm, SWARM.sizeClass, sizeClass);
    return true;
  }

  #shrink(swarm: number): void {
    const size = this.#swarms.get(swarm, SWARM.size);
    const sizeClass = this.#swarms.get(swarm, SWARM.sizeClass);
    const base = this.#swarms.get(swarm, SWARM.base);
    if (sizeClass === SEVERAL_PAGES) {
      const count = this.#pageLists.get(base, 0);
      if (size > (count - 1) * PAGE_ROWS - PAGE_SLACK) return;
      this.#arena.give(this.#pageLists.get(base, count), PAGE_CLASS);
      this.#pageLists.set(base, 0, count - 1);
      if (count === 2) this.#gather(swarm);
    } else if (size === 0) {
      this.#arena.give(base, sizeClass);
      this.#swarms.set(swarm, SWARM.base, NONE);
      this.#swarms.set(swarm, SWARM.sizeClass, 0);
    } else if (sizeClass > 0 && size <= rowsOf(sizeClass) / 4) this.#resettle(swarm, sizeClass - 1);
  }
}
