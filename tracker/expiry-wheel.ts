import type { Instant } from '../common/base/ids.ts';
import { instant, NEVER } from '../common/base/ids.ts';
import { MAX_PEER_TTL_S } from '../common/base/limits.ts';

const TICK_MS = 1000;
/** More than one slot per second of the longest life, so that a life seldom has to be cut into two turns. */
const SLOTS = 4096;
if (SLOTS < MAX_PEER_TTL_S + 2) throw new Error('the wheel turns faster than the longest life');

/** What an `ExpiryWheel` holds. Only the wheel writes `slotTick` and `slotPlace`. */
export interface Mortal {
  /** The tick from which on it has expired. The owner may move it later at any time, without telling the wheel. */
  expiryTick: number;
  slotTick: number;
  slotPlace: number;
}

/** Whole seconds of the monotonic clock. */
export const tickOf = (now: Instant): number => Math.floor(now / TICK_MS);

/** The tick at which a life of `ttlS` that begins now has passed; a fraction of a second counts in its favour. */
export const expiryTickOf = (now: Instant, ttlS: number): number => Math.ceil(now / TICK_MS + ttlS);

/**
 * Finds what has expired without looking at what has not. A member that beats stays in its slot; the wheel moves it
 * when it comes by, once per life instead of once per beat.
 *
 * BOUNDED: by its members, whom the registry bounds, in a fixed number of slots.
 */
export class ExpiryWheel<T extends Mortal> {
  readonly #slots: T[][] = Array.from({ length: SLOTS }, () => []);
  /** All slots before this tick have been swept, and this one too, but for what came into it since. */
  #sweptTick: number;
  /** No slot before this tick has members. */
  #firstTick: number;
  #size = 0;

  constructor(options: { readonly now: Instant }) {
    this.#sweptTick = tickOf(options.now);
    this.#firstTick = this.#sweptTick + 1;
  }

  /** When there may be something to sweep; `NEVER` when the wheel is empty. In the past when a sweep was cut short. */
  get nextDue(): Instant {
    if (this.#size === 0) return NEVER;
    while (this.#slotAt(this.#firstTick).length === 0) this.#firstTick++;
    return instant(this.#firstTick * TICK_MS);
  }

  add(member: T): void {
    // The past goes into the slot that was swept last, so that it is due at once. What is beyond one turn, after a long
    // stop of the process, goes into the last slot of the turn and is moved on from there.
    const first = this.#sweptTick;
    member.slotTick = Math.min(Math.max(member.expiryTick, first), first + SLOTS - 1);
    const slot = this.#slotAt(member.slotTick);
    member.slotPlace = slot.length;
    slot.push(member);
    this.#firstTick = this.#size === 0 ? member.slotTick : Math.min(this.#firstTick, member.slotTick);
    this.#size++;
  }

  remove(member: T): void {
    const slot = this.#slotAt(member.slotTick);
    const last = slot.pop()!;
    if (last !== member) {
      slot[member.slotPlace] = last;
      last.slotPlace = member.slotPlace;
    }
    this.#size--;
  }

  /** To be told when a member's life became shorter: its slot would come too late. */
  shorten(member: T): void {
    if (member.expiryTick >= member.slotTick) return;
    this.remove(member);
    this.add(member);
  }

  /** Takes out and hands over what has expired, looking at no more than `budget` members. */
  sweep(now: Instant, budget: number, expired: (member: T) => void): void {
    const nowTick = tickOf(now);
    let left = budget;
    while (this.nextDue <= now) {
      const tick = this.#firstTick;
      const slot = this.#slotAt(tick);
      this.#sweptTick = tick - 1;
      for (; slot.length > 0; left--) {
        if (left <= 0) return;
        const member = slot.at(-1)!;
        this.remove(member);
        if (member.expiryTick <= nowTick) expired(member);
        else this.add(member);
      }
      this.#sweptTick = tick;
    }
    this.#sweptTick = Math.max(this.#sweptTick, nowTick);
  }

  #slotAt(tick: number): T[] {
    return this.#slots[tick % SLOTS]!;
  }
}
