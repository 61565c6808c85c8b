import type { Instant } from '../common/base/ids.ts';
import { instant } from '../common/base/ids.ts';
import type { WordMemory } from '../common/base/memory-ports.ts';
import { ExpiryWheel, tickOf } from './expiry-wheel.ts';
import { firstRowOf, pageOf, pagesFor, type RowArena, VACANT } from './row-arena.ts';
import { NONE } from './slot-table.ts';

const REGISTER = {
  /** One more than the page that a sweep is at, which is not in the wheel meanwhile, and how far it got. */
  swept: 0,
  sweptTo: 1,
} as const;

/**
 * When rows expire, of which the tick is a row's last word. Looked after by pages of 256 rows, each of which knows a
 * tick before which none of its rows expires: who beats only writes its own row, and a page is looked through when its
 * tick has come.
 *
 * BOUNDED: by the rows.
 */
export class RowExpiry {
  readonly #arena: RowArena;
  /** Pages. */
  readonly #wheel: ExpiryWheel;
  /** By page: rows that hold somebody. */
  readonly #live: Int32Array;
  readonly #registers: Int32Array;

  constructor(options: {
    readonly memory: WordMemory;
    readonly arena: RowArena;
    readonly maxRows: number;
    readonly now: Instant;
  }) {
    const { memory, now } = options;
    const pages = pagesFor(options.maxRows);
    this.#arena = options.arena;
    this.#wheel = new ExpiryWheel({ memory, maxMembers: pages, now });
    this.#live = memory.words(pages);
    this.#registers = memory.words(Object.keys(REGISTER).length);
  }

  /** When a sweep may find something. */
  get nextDue(): Instant {
    return this.#registers[REGISTER.swept] === 0 ? this.#wheel.nextDue : instant(0);
  }

  tickOf(row: number): number {
    return this.#arena.words[this.#arena.at(row + 1) - 1]!;
  }

  /** Somebody is in a row that was vacant. */
  occupy(row: number, expiryTick: number): void {
    this.#setTick(row, expiryTick);
    const page = pageOf(row);
    if (this.#live[page]!++ > 0 || this.#isSwept(page)) {
      this.lower(row, expiryTick);
      return;
    }
    this.#wheel.setExpiryTick(page, expiryTick);
    this.#wheel.add(page);
  }

  /** Nobody is in the row any more; its other words are left, for who is just being moved. */
  vacate(row: number): void {
    this.#setTick(row, VACANT);
    const page = pageOf(row);
    if (--this.#live[page]! === 0 && !this.#isSwept(page)) this.#wheel.remove(page);
  }

  /** To be told when who is in the row is to expire earlier than before. */
  lower(row: number, expiryTick: number): void {
    const page = pageOf(row);
    // The page that is being swept is judged anew at the end.
    if (this.#isSwept(page) || expiryTick >= this.#wheel.expiryTickOf(page)) return;
    this.#wheel.setExpiryTick(page, expiryTick);
    this.#wheel.shorten(page);
  }

  /**
   * Looks through pages whose time has come, at no more than `budget` peers, and hands over those that have expired;
   * `expired` must vacate them. Gives what is left of the budget.
   */
  sweep(now: Instant, budget: number, expired: (row: number) => void): number {
    let left = budget;
    const registers = this.#registers;
    while (left > 0 && this.nextDue <= now) {
      if (registers[REGISTER.swept] === 0) this.#wheel.sweep(now, 1, this.#beginSweep);
      const page = registers[REGISTER.swept]! - 1;
      left = page === NONE ? left - 1 : this.#sweepPage(page, tickOf(now), left, expired);
    }
    return left;
  }

  readonly #beginSweep = (page: number): void => {
    this.#registers[REGISTER.swept] = page + 1;
    this.#registers[REGISTER.sweptTo] = firstRowOf(page);
  };

  #sweepPage(page: number, nowTick: number, budget: number, expired: (row: number) => void): number {
    const registers = this.#registers;
    const end = firstRowOf(page + 1);
    let left = budget;
    while (left > 0 && registers[REGISTER.sweptTo]! < end) {
      const row = registers[REGISTER.sweptTo]!;
      const tick = this.tickOf(row);
      // When one has gone, another may have moved up into its row.
      if (tick <= nowTick) expired(row);
      else registers[REGISTER.sweptTo] = row + 1;
      if (tick !== VACANT) left--;
    }
    if (registers[REGISTER.sweptTo]! < end) return left;
    let earliest = VACANT;
    for (let row = firstRowOf(page); row < end; row++) earliest = Math.min(earliest, this.tickOf(row));
    this.#wheel.setExpiryTick(page, earliest);
    registers[REGISTER.sweptTo] = firstRowOf(page);
    // Somebody dead may have moved to where the sweep had been.
    if (earliest <= nowTick) return left;
    registers[REGISTER.swept] = 0;
    if (this.#live[page]! > 0) this.#wheel.add(page);
    return left;
  }

  #setTick(row: number, tick: number): void {
    this.#arena.words[this.#arena.at(row + 1) - 1] = tick;
  }

  #isSwept(page: number): boolean {
    return this.#registers[REGISTER.swept] === page + 1;
  }
}
