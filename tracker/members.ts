import type { Instant } from '../common/base/ids.ts';
import { instant } from '../common/base/ids.ts';
import { readU32 } from '../common/base/bytes.ts';
import { ExpiryWheel, tickOf } from './expiry-wheel.ts';
import type { HalfSipHash } from './half-sip-hash.ts';
import { type Role, roleNumber, roleOfNumber } from './role.ts';
import { PAGE_CLASS, PAGE_ROWS, RowArena, type RowPage, rowsOf, VACANT } from './row-arena.ts';
import { NONE, SlotTable } from './slot-table.ts';
import { SourceCounts } from './source-counts.ts';
import { SWARM, type SwarmRows } from './swarm-rows.ts';

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
 * Expiry looks at pages of 256 rows, each of which knows a tick before which none of its rows expires: who beats only
 * writes its own row, and a page is looked through when its tick has come.
 *
 * BOUNDED: by the registry's limits; rows by `maxRows`.
 */
export class Members {
  readonly addressWords: number;
  readonly sources: SourceCounts;
  readonly #hash: HalfSipHash;
  readonly #swarms: SwarmRows;
  readonly #arena: RowArena;
  readonly #wheel: ExpiryWheel<RowPage>;
  readonly #table: SlotTable;
  /** First rows of the pages of those swarms that have several. */
  readonly #pageLists = new Map<number, number[]>();
  /** Swarm, address, port: who is looked for. */
  readonly #key: Int32Array;
  readonly #rowKey: Int32Array;
  /** The page that a sweep is at, which is not in the wheel meanwhile, and how far it got. */
  #swept: RowPage | undefined;
  #sweptTo = 0;

  constructor(options: {
    readonly hash: HalfSipHash;
    readonly swarms: SwarmRows;
    readonly addressWords: number;
    readonly maxRows: number;
    readonly now: Instant;
  }) {
    const { hash, addressWords, maxRows } = options;
    this.#hash = hash;
    this.#swarms = options.swarms;
    this.addressWords = addressWords;
    this.sources = new SourceCounts({ hash, addressWords });
    this.#arena = new RowArena({ wordsPerRow: addressWords + 2, maxRows });
    this.#wheel = new ExpiryWheel({ now: options.now });
    this.#key = new Int32Array(addressWords + 2);
    this.#rowKey = new Int32Array(addressWords + 2);
    this.#table = new SlotTable({ hashOf: (row) => this.#hashOf(row) });
  }

  get count(): number {
    return this.#table.size;
  }

  /** When a sweep may find something. */
  get nextDue(): Instant {
    return this.#swept === undefined ? this.#wheel.nextDue : instant(0);
  }

  /** Says of whom the next `find`, `fullSource` and `add` are. */
  regard(swarm: number, address: Uint8Array, port: number): void {
    this.#key[0] = swarm;
    for (let i = 0; i < this.addressWords; i++) this.#key[1 + i] = readU32(address, 4 * i);
    this.#key[1 + this.addressWords] = port;
  }

  /** The row of who is regarded; `NONE` when there is none. */
  find(): number {
    const key = this.#key;
    const { addressWords } = this;
    const hash = this.#hash.of(key, key.length);
    for (let row = this.#table.seek(hash); row !== NONE; row = this.#table.next()) {
      const words = this.#arena.wordsOf(row);
      const at = this.#arena.at(row);
      if (words[at] !== key[1] || words[at + addressWords]! >>> 16 !== key[1 + addressWords]) continue;
      if (addressWords === 1 || (words[at + 1] === key[2] && words[at + 2] === key[3] && words[at + 3] === key[4])) {
        if (this.#isIn(key[0]!, row)) return row;
      }
    }
    return NONE;
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
    const words = this.#arena.wordsOf(row);
    const at = this.#arena.at(row);
    for (let i = 0; i < this.addressWords; i++) words[at + i] = this.#key[1 + i]!;
    words[at + this.addressWords] =
      (this.#key[1 + this.addressWords]! << 16) |
      (completed ? COMPLETED : 0) |
      (roleNumber(role) << ROLE_SHIFT) |
      (ttlS & TTL_MASK);
    this.#occupy(row, expiryTick);
    this.#table.insert(this.#hash.of(this.#key, this.#key.length), row);
    this.sources.add(words, at, 1);
    return row;
  }

  /** Forgets a peer. */
  remove(row: number): void {
    const swarm = this.#arena.ownerOf(row);
    const [size, givers] = [this.#swarms.get(swarm, SWARM.size), this.#swarms.get(swarm, SWARM.givers)];
    if (this.roleOf(row) === 'seeder')
      this.#swarms.set(swarm, SWARM.seeders, this.#swarms.get(swarm, SWARM.seeders) - 1);
    this.sources.add(this.#arena.wordsOf(row), this.#arena.at(row), -1);
    this.#table.remove(this.#hashOf(row), row);
    this.#vacate(row);
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
    const words = this.#arena.wordsOf(row);
    const at = this.#arena.at(row) + this.addressWords;
    words[at] = (words[at]! & ~(TTL_MASK | COMPLETED)) | (ttlS & TTL_MASK) | (completed ? COMPLETED : 0);
    const before = words[at + 1]!;
    words[at + 1] = expiryTick;
    if (expiryTick < before) this.#lower(this.#arena.pageOf(row), expiryTick);
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
    return this.#arena.wordsOf(row)[this.#arena.at(row) + this.addressWords + 1]!;
  }

  swarmOf(row: number): number {
    return this.#arena.ownerOf(row);
  }

  /** The row at a place of a swarm: givers stand from 0 on, takers after them. */
  rowAt(swarm: number, place: number): number {
    if (this.#swarms.get(swarm, SWARM.sizeClass) !== SEVERAL_PAGES) return this.#swarms.get(swarm, SWARM.base) + place;
    return this.#pageLists.get(swarm)![Math.floor(place / PAGE_ROWS)]! + (place % PAGE_ROWS);
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

  /** The words in which a row lies: address, port and role, expiry. They begin at `at(row)`. */
  wordsOf(row: number): Int32Array<ArrayBuffer> {
    return this.#arena.wordsOf(row);
  }

  at(row: number): number {
    return this.#arena.at(row);
  }

  /**
   * Looks through pages whose time has come, at no more than `budget` peers, and hands over those that have expired;
   * `expired` must remove them. Gives what is left of the budget.
   */
  sweep(now: Instant, budget: number, expired: (row: number) => void): number {
    let left = budget;
    while (left > 0 && this.nextDue <= now) {
      if (this.#swept === undefined) this.#wheel.sweep(now, 1, this.#beginSweep);
      left = this.#swept === undefined ? left - 1 : this.#sweepPage(this.#swept, tickOf(now), left, expired);
    }
    return left;
  }

  readonly #beginSweep = (page: RowPage): void => {
    this.#swept = page;
    this.#sweptTo = page.first;
  };

  #sweepPage(page: RowPage, nowTick: number, budget: number, expired: (row: number) => void): number {
    const end = page.first + PAGE_ROWS;
    let left = budget;
    while (left > 0 && this.#sweptTo < end) {
      const tick = this.expiryTickOf(this.#sweptTo);
      // When one has gone, another may have moved up into its row.
      if (tick <= nowTick) expired(this.#sweptTo);
      else this.#sweptTo++;
      if (tick !== VACANT) left--;
    }
    if (this.#sweptTo < end) return left;
    page.expiryTick = VACANT;
    for (let row = page.first; row < end; row++) page.expiryTick = Math.min(page.expiryTick, this.expiryTickOf(row));
    this.#sweptTo = page.first;
    // Somebody dead may have moved to where the sweep had been.
    if (page.expiryTick <= nowTick) return left;
    this.#swept = undefined;
    if (page.live > 0) this.#wheel.add(page);
    return left;
  }

  /** Whether a row is one of a swarm's; mostly told without a look at whose block it is. */
  #isIn(swarm: number, row: number): boolean {
    const base = this.onlyBlockOf(swarm);
    if (base === NONE) return this.#arena.ownerOf(row) === swarm;
    return row >= base && row - base < this.#swarms.get(swarm, SWARM.size);
  }

  #facts(row: number): number {
    return this.#arena.wordsOf(row)[this.#arena.at(row) + this.addressWords]!;
  }

  #hashOf(row: number): number {
    const words = this.#arena.wordsOf(row);
    const at = this.#arena.at(row);
    this.#rowKey[0] = this.#arena.ownerOf(row);
    for (let i = 0; i < this.addressWords; i++) this.#rowKey[1 + i] = words[at + i]!;
    this.#rowKey[1 + this.addressWords] = words[at + this.addressWords]! >>> 16;
    return this.#hash.of(this.#rowKey, this.#rowKey.length);
  }

  /** Moves a peer into a vacant row of the same swarm. */
  #move(from: number, to: number): void {
    this.#table.rename(this.#hashOf(from), from, to);
    const [source, target] = [this.#arena.wordsOf(from), this.#arena.wordsOf(to)];
    const [at, atTarget] = [this.#arena.at(from), this.#arena.at(to)];
    for (let i = 0; i <= this.addressWords; i++) target[atTarget + i] = source[at + i]!;
    this.#occupy(to, this.expiryTickOf(from));
    this.#vacate(from);
  }

  #occupy(row: number, expiryTick: number): void {
    this.#arena.wordsOf(row)[this.#arena.at(row) + this.addressWords + 1] = expiryTick;
    const page = this.#arena.pageOf(row);
    if (page.live++ > 0 || page === this.#swept) {
      this.#lower(page, expiryTick);
      return;
    }
    page.expiryTick = expiryTick;
    this.#wheel.add(page);
  }

  /** Leaves the words but the tick, for who is just being moved. */
  #vacate(row: number): void {
    this.#arena.wordsOf(row)[this.#arena.at(row) + this.addressWords + 1] = VACANT;
    const page = this.#arena.pageOf(row);
    if (--page.live === 0 && page !== this.#swept) this.#wheel.remove(page);
  }

  #lower(page: RowPage, expiryTick: number): void {
    // The page that is being swept is judged anew at the end.
    if (page === this.#swept || expiryTick >= page.expiryTick) return;
    page.expiryTick = expiryTick;
    this.#wheel.shorten(page);
  }

  /** Sees to it that one more fits; false when there is no room. */
  #makeRoom(swarm: number): boolean {
    const size = this.#swarms.get(swarm, SWARM.size);
    const sizeClass = this.#swarms.get(swarm, SWARM.sizeClass);
    if (sizeClass === SEVERAL_PAGES) {
      const pages = this.#pageLists.get(swarm)!;
      return size < pages.length * PAGE_ROWS || this.#addPage(swarm, pages);
    }
    const base = this.#swarms.get(swarm, SWARM.base);
    if (base === NONE) return this.#resettle(swarm, 0);
    if (size < rowsOf(sizeClass)) return true;
    if (sizeClass < PAGE_CLASS) return this.#resettle(swarm, sizeClass + 1);
    const pages = [base];
    if (!this.#addPage(swarm, pages)) return false;
    this.#pageLists.set(swarm, pages);
    this.#swarms.set(swarm, SWARM.sizeClass, SEVERAL_PAGES);
    return true;
  }

  #addPage(swarm: number, pages: number[]): boolean {
    const first = this.#arena.take(PAGE_CLASS, swarm);
    if (first === NONE) return false;
    pages.push(first);
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
      const pages = this.#pageLists.get(swarm)!;
      if (size > (pages.length - 1) * PAGE_ROWS - PAGE_SLACK) return;
      this.#arena.give(pages.pop()!, PAGE_CLASS);
      if (pages.length > 1) return;
      this.#pageLists.delete(swarm);
      this.#swarms.set(swarm, SWARM.base, pages[0]!);
      this.#swarms.set(swarm, SWARM.sizeClass, PAGE_CLASS);
    } else if (size === 0) {
      this.#arena.give(base, sizeClass);
      this.#swarms.set(swarm, SWARM.base, NONE);
      this.#swarms.set(swarm, SWARM.sizeClass, 0);
    } else if (sizeClass > 0 && size <= rowsOf(sizeClass) / 4) this.#resettle(swarm, sizeClass - 1);
  }
}
