import type { Instant } from '../common/base/ids.ts';
import { instant, NEVER } from '../common/base/ids.ts';
import { MAX_PEER_TTL_S } from '../common/base/limits.ts';
import type { WordMemory } from '../common/base/memory-ports.ts';
import { NONE } from './slot-table.ts';

const TICK_MS = 1000;
/** More than one slot per second of the longest life, so that a life seldom has to be cut into two turns. */
const SLOTS = 4096;
if (SLOTS < MAX_PEER_TTL_S + 2) throw new Error('the wheel turns faster than the longest life');

const REGISTER = {
  /** All slots before this tick have been swept, and this one too, but for what came into it since. */
  sweptTick: 0,
  /** No slot before this tick has members. */
  firstTick: 1,
  size: 2,
} as const;

/** The words of a member. `newer` and `older` link those of one slot; of a slot the first stands in `#slots`. */
const MEMBER = { expiryTick: 0, slotTick: 1, newer: 2, older: 3 } as const;
const MEMBER_WORDS = 4;

/** Whole seconds of the monotonic clock. */
export const tickOf = (now: Instant): number => Math.floor(now / TICK_MS);

/** The tick at which a life of `ttlS` that begins now has passed; a fraction of a second counts in its favour. */
export const expiryTickOf = (now: Instant, ttlS: number): number => Math.ceil(now / TICK_MS + ttlS);

/**
 * Finds what has expired without looking at what has not. A member, which is a number, that beats stays in its slot;
 * the wheel moves it when it comes by, once per life instead of once per beat.
 *
 * BOUNDED: by its members, whom the registry bounds, in a fixed number of slots.
 */
export class ExpiryWheel {
  readonly #registers: Int32Array;
  /** By slot one more than its newest member. */
  readonly #slots: Int32Array;
  readonly #members: Int32Array;

  constructor(options: { readonly memory: WordMemory; readonly maxMembers: number; readonly now: Instant }) {
    const { memory, maxMembers, now } = options;
    this.#registers = memory.words(Object.keys(REGISTER).length);
    this.#slots = memory.words(SLOTS);
    this.#members = memory.words(maxMembers * MEMBER_WORDS);
    if (!memory.isNew) return;
    this.#registers[REGISTER.sweptTick] = tickOf(now);
    this.#registers[REGISTER.firstTick] = tickOf(now) + 1;
  }

  /** When there may be something to sweep; `NEVER` when the wheel is empty. In the past when a sweep was cut short. */
  get nextDue(): Instant {
    const registers = this.#registers;
    if (registers[REGISTER.size] === 0) return NEVER;
    let tick = registers[REGISTER.firstTick]!;
    while (this.#newestAt(tick) === NONE) tick++;
    registers[REGISTER.firstTick] = tick;
    return instant(tick * TICK_MS);
  }

  /** The tick from which on a member has expired. */
  expiryTickOf(member: number): number {
    return this.#get(member, MEMBER.expiryTick);
  }

  /** May be moved later at any time; of who is in the wheel, and is to expire earlier, `shorten` must be told. */
  setExpiryTick(member: number, tick: number): void {
    this.#set(member, MEMBER.expiryTick, tick);
  }

  add(member: number): void {
    // The past goes into the slot that was swept last, so that it is due at once. What is beyond one turn, after a long
    // stop of the process, goes into the last slot of the turn and is moved on from there.
    const registers = this.#registers;
    const first = registers[REGISTER.sweptTick]!;
    const tick = Math.min(Math.max(this.expiryTickOf(member), first), first + SLOTS - 1);
    const older = this.#newestAt(tick);
    this.#set(member, MEMBER.slotTick, tick);
    this.#set(member, MEMBER.newer, NONE);
    this.#set(member, MEMBER.older, older);
    if (older !== NONE) this.#set(older, MEMBER.newer, member);
    this.#setNewest(tick, member);
    const size = registers[REGISTER.size]!;
    registers[REGISTER.firstTick] = size === 0 ? tick : Math.min(registers[REGISTER.firstTick]!, tick);
    registers[REGISTER.size] = size + 1;
  }

  remove(member: number): void {
    const [newer, older] = [this.#get(member, MEMBER.newer), this.#get(member, MEMBER.older)];
    if (older !== NONE) this.#set(older, MEMBER.newer, newer);
    if (newer === NONE) this.#setNewest(this.#get(member, MEMBER.slotTick), older);
    else this.#set(newer, MEMBER.older, older);
    this.#registers[REGISTER.size]!--;
  }

  /** To be told when a member's life became shorter: its slot would come too late. */
  shorten(member: number): void {
    if (this.expiryTickOf(member) >= this.#get(member, MEMBER.slotTick)) return;
    this.remove(member);
    this.add(member);
  }

  /** Takes out and hands over what has expired, looking at no more than `budget` members. */
  sweep(now: Instant, budget: number, expired: (member: number) => void): void {
    const registers = this.#registers;
    const nowTick = tickOf(now);
    let left = budget;
    while (this.nextDue <= now) {
      const tick = registers[REGISTER.firstTick]!;
      registers[REGISTER.sweptTick] = tick - 1;
      for (let member = this.#newestAt(tick); member !== NONE; member = this.#newestAt(tick)) {
        if (left-- <= 0) return;
        this.remove(member);
        if (this.expiryTickOf(member) <= nowTick) expired(member);
        else this.add(member);
      }
      registers[REGISTER.sweptTick] = tick;
    }
    registers[REGISTER.sweptTick] = Math.max(registers[REGISTER.sweptTick]!, nowTick);
  }

  #newestAt(tick: number): number {
    return this.#slots[tick % SLOTS]! - 1;
  }

  #setNewest(tick: number, member: number): void {
    this.#slots[tick % SLOTS] = member + 1;
  }

  #get(member: number, field: number): number {
    return this.#members[member * MEMBER_WORDS + field]!;
  }

  #set(member: number, field: number, value: number): void {
    this.#members[member * MEMBER_WORDS + field] = value;
  }
}
