import type { WordMemory } from '../common/base/memory-ports.ts';

/** Stands for nobody wherever a number names something kept. */
export const NONE = -1;

/** An entry: the low bits name the member, 0 being empty; the rest is a piece of its hash, so that most strangers need no look at them. */
const ID_BITS = 23;
const ID_MASK = 2 ** ID_BITS - 1;
export const MAX_MEMBERS = ID_MASK - 1;

const LEAST_SLOTS = 64;
const GROWTH = 1.5;
const FULLEST = 0.8;
const EMPTIEST = 0.2;
/** Slots of the table before that one step takes over: enough that a new table cannot fill up meanwhile. */
const MOVED_PER_INSERT = 16;
const MOVED_PER_SEEK = 4;
/** What stands in the old table where a member was: it was taken over, or left. */
const GONE = -1 & ~ID_MASK;

/** What the threads that share a table must agree upon. */
const REGISTER = {
  size: 0,
  /** Slots of the table. */
  slots: 1,
  /** Slots of the table before, of which the first `moved` are taken over; 0 when all of it was. */
  oldSlots: 2,
  moved: 3,
  /** In which of the two regions the table is; the one before is in the other. */
  region: 4,
} as const;

/**
 * Finds members by their hash: open addressing with linear probing. What a member is, is the caller's to know and to
 * compare: `seek` gives those who may be meant, one by one.
 *
 * A table that is too full or too empty is not copied at once: the next one takes over a few slots with every step,
 * and until it has all of them both are looked at. So no step takes long, however many members there are. What was
 * taken over is empty again, so that the table after the next finds its region empty.
 *
 * BOUNDED: by `maxMembers`, which the caller must not exceed; at most five slots for each, and room for two tables.
 */
export class SlotTable {
  readonly #hashOf: (id: number) => number;
  readonly #registers: Int32Array;
  readonly #regions: readonly [Int32Array, Int32Array];
  /** Where the search stands. */
  #soughtTag = 0;
  #slots: Int32Array;
  #slotCount = 0;
  #at = 0;
  #old: Int32Array;
  #oldAt = NONE;
  #oldStart = NONE;

  constructor(options: {
    readonly memory: WordMemory;
    readonly maxMembers: number;
    /** The hash with which a member was put in. */
    readonly hashOf: (id: number) => number;
  }) {
    const { memory, maxMembers } = options;
    this.#hashOf = options.hashOf;
    this.#registers = memory.words(Object.keys(REGISTER).length);
    const most = Math.ceil((maxMembers / FULLEST) * GROWTH) + 2 * LEAST_SLOTS;
    this.#regions = [memory.words(most), memory.words(most)];
    [this.#slots, this.#old] = this.#regions;
    if (memory.isNew) this.#registers[REGISTER.slots] = LEAST_SLOTS;
  }

  get size(): number {
    return this.#registers[REGISTER.size]!;
  }

  /** Begins a search: the first member that may have this hash, or `NONE`. */
  seek(hash: number): number {
    this.#open(MOVED_PER_SEEK);
    this.#soughtTag = hash << ID_BITS;
    this.#at = homeIn(hash, this.#slotCount);
    this.#oldStart = this.#oldAt = this.#oldHome(hash);
    return this.next();
  }

  /** The next member that may have the hash of the search, or `NONE`. Nothing may have been changed since `seek`. */
  next(): number {
    const slots = this.#slots;
    for (;;) {
      const entry = slots[this.#at]!;
      if (entry === 0) break;
      if (++this.#at === this.#slotCount) this.#at = 0;
      if ((entry & ~ID_MASK) === this.#soughtTag) return (entry & ID_MASK) - 1;
    }
    return this.#oldAt === NONE ? NONE : this.#nextOld();
  }

  /** Puts in a member that is not there. */
  insert(hash: number, id: number): void {
    this.#open(MOVED_PER_INSERT);
    const registers = this.#registers;
    const size = registers[REGISTER.size]!;
    if (registers[REGISTER.oldSlots] === 0 && size >= FULLEST * this.#slotCount) {
      this.#renew(Math.ceil(this.#slotCount * GROWTH));
    }
    put(this.#slots, this.#slotCount, homeIn(hash, this.#slotCount), entryOf(hash, id));
    registers[REGISTER.size] = size + 1;
  }

  /** Takes out a member that is there. */
  remove(hash: number, id: number): void {
    this.#open(0);
    const entry = entryOf(hash, id);
    const at = find(this.#slots, this.#slotCount, homeIn(hash, this.#slotCount), entry);
    if (at === NONE) this.#old[this.#findOld(hash, entry)] = GONE;
    else this.#close(at);
    const size = --this.#registers[REGISTER.size]!;
    const count = this.#slotCount;
    if (this.#registers[REGISTER.oldSlots] === 0 && count > LEAST_SLOTS && size < EMPTIEST * count) {
      this.#renew(Math.max(LEAST_SLOTS, size * 2));
    }
  }

  /** Has `other`, of the same hash, stand where the member `id` stood. */
  rename(hash: number, id: number, other: number): void {
    this.#open(0);
    const entry = entryOf(hash, id);
    const at = find(this.#slots, this.#slotCount, homeIn(hash, this.#slotCount), entry);
    if (at === NONE) this.#old[this.#findOld(hash, entry)] = entryOf(hash, other);
    else this.#slots[at] = entryOf(hash, other);
  }

  /** Looks up how things stand, which another thread may have changed, and takes over a few slots. */
  #open(slotsToMove: number): void {
    const registers = this.#registers;
    const region = registers[REGISTER.region]!;
    this.#slots = this.#regions[region]!;
    this.#slotCount = registers[REGISTER.slots]!;
    this.#old = this.#regions[1 - region]!;
    if (registers[REGISTER.oldSlots] !== 0 && slotsToMove > 0) this.#takeOver(slotsToMove);
  }

  /** Where a search in the table before begins; nothing is left in front of `moved`. */
  #oldHome(hash: number): number {
    const count = this.#registers[REGISTER.oldSlots]!;
    return count === 0 ? NONE : Math.max(homeIn(hash, count), this.#registers[REGISTER.moved]!);
  }

  #nextOld(): number {
    const old = this.#old;
    for (;;) {
      const entry = this.#oldAt === NONE ? 0 : old[this.#oldAt]!;
      if (entry === 0) return NONE;
      this.#oldAt = this.#afterOld(this.#oldAt, this.#oldStart);
      if ((entry & ~ID_MASK) === this.#soughtTag && (entry & ID_MASK) !== 0) return (entry & ID_MASK) - 1;
    }
  }

  #findOld(hash: number, entry: number): number {
    const start = this.#oldHome(hash);
    for (let at = start; at !== NONE; at = this.#afterOld(at, start)) if (this.#old[at] === entry) return at;
    throw new Error('no member of the table');
  }

  /** The slot to look at next; all that is left may be full, so that only the start ends the search: then `NONE`. */
  #afterOld(at: number, start: number): number {
    const next = at + 1 === this.#registers[REGISTER.oldSlots] ? this.#registers[REGISTER.moved]! : at + 1;
    return next === start ? NONE : next;
  }

  /** Empties a slot and moves up those behind it that a search would no longer reach. */
  #close(hole: number): void {
    const slots = this.#slots;
    const count = this.#slotCount;
    for (let at = hole; ;) {
      if (++at === count) at = 0;
      const entry = slots[at]!;
      if (entry === 0) break;
      const home = homeIn(this.#hashOf((entry & ID_MASK) - 1), count);
      // Cyclically: it may stand in the hole unless its home lies behind the hole, up to where it stands.
      const stays = hole <= at ? home > hole && home <= at : home > hole || home <= at;
      if (stays) continue;
      slots[hole] = entry;
      hole = at;
    }
    slots[hole] = 0;
  }

  #renew(slotCount: number): void {
    const registers = this.#registers;
    registers[REGISTER.oldSlots] = this.#slotCount;
    registers[REGISTER.moved] = 0;
    registers[REGISTER.slots] = slotCount;
    registers[REGISTER.region] = 1 - registers[REGISTER.region]!;
    this.#open(0);
  }

  #takeOver(slotCount: number): void {
    const old = this.#old;
    const registers = this.#registers;
    const count = registers[REGISTER.oldSlots]!;
    const end = Math.min(count, registers[REGISTER.moved]! + slotCount);
    for (let at = registers[REGISTER.moved]!; at < end; at++) {
      const entry = old[at]!;
      old[at] = 0;
      if ((entry & ID_MASK) === 0) continue;
      const home = homeIn(this.#hashOf((entry & ID_MASK) - 1), this.#slotCount);
      put(this.#slots, this.#slotCount, home, entry);
    }
    registers[REGISTER.moved] = end;
    if (end === count) registers[REGISTER.oldSlots] = 0;
  }
}

const entryOf = (hash: number, id: number): number => (hash << ID_BITS) | (id + 1);

/** The high bits of the hash, spread over as many slots as there are. */
const homeIn = (hash: number, slotCount: number): number => ((hash >>> 0) * (slotCount * 2 ** -32)) | 0;

function put(slots: Int32Array, count: number, home: number, entry: number): void {
  let at = home;
  while (slots[at] !== 0) if (++at === count) at = 0;
  slots[at] = entry;
}

function find(slots: Int32Array, count: number, home: number, entry: number): number {
  for (let at = home; slots[at] !== 0;) {
    if (slots[at] === entry) return at;
    if (++at === count) at = 0;
  }
  return NONE;
}
