/** Stands for nobody wherever a number names something kept. */
export const NONE = -1;

/** An entry: the low bits name the member, 0 being empty; the rest is a piece of its hash, so that most strangers need no look at them. */
const ID_BITS = 23;
const ID_MASK = 2 ** ID_BITS - 1;
export const MAX_MEMBERS = ID_MASK - 1;

const LEAST_SLOTS = 64;
const FULLEST = 0.8;
const EMPTIEST = 0.2;
/** Slots of the table before that one step takes over: enough that a new table cannot fill up meanwhile. */
const MOVED_PER_INSERT = 16;
const MOVED_PER_SEEK = 4;
/** What stands in the old table where a member was: it was taken over, or left. */
const GONE = -1 & ~ID_MASK;

/**
 * Finds members by their hash: open addressing with linear probing. What a member is, is the caller's to know and to
 * compare: `seek` gives those who may be meant, one by one.
 *
 * A table that is too full or too empty is not copied at once: the next one takes over a few slots with every step,
 * and until it has all of them both are looked at. So no step takes long, however many members there are.
 *
 * BOUNDED: by its members, whom the caller bounds; at most five slots for each.
 */
export class SlotTable {
  readonly #hashOf: (id: number) => number;
  #slots = new Int32Array(LEAST_SLOTS);
  #scale = LEAST_SLOTS / 2 ** 32;
  /** The table before, from `#moved` on; empty when all of it was taken over. */
  #old = new Int32Array(0);
  #oldScale = 0;
  #moved = 0;
  #size = 0;
  /** Where the search stands. */
  #soughtTag = 0;
  #at = 0;
  #oldAt = NONE;

  constructor(options: {
    /** The hash with which a member was put in. */
    readonly hashOf: (id: number) => number;
  }) {
    this.#hashOf = options.hashOf;
  }

  get size(): number {
    return this.#size;
  }

  /** Begins a search: the first member that may have this hash, or `NONE`. */
  seek(hash: number): number {
    if (this.#old.length > 0) this.#takeOver(MOVED_PER_SEEK);
    this.#soughtTag = hash << ID_BITS;
    this.#at = this.#homeOf(hash);
    this.#oldAt = this.#old.length > 0 ? homeIn(hash, this.#oldScale) : NONE;
    return this.next();
  }

  /** The next member that may have the hash of the search, or `NONE`. Nothing may have been changed since `seek`. */
  next(): number {
    const slots = this.#slots;
    for (;;) {
      const entry = slots[this.#at]!;
      if (entry === 0) break;
      if (++this.#at === slots.length) this.#at = 0;
      if ((entry & ~ID_MASK) === this.#soughtTag) return (entry & ID_MASK) - 1;
    }
    return this.#oldAt === NONE ? NONE : this.#nextOld();
  }

  /** Puts in a member that is not there. */
  insert(hash: number, id: number): void {
    if (this.#old.length > 0) this.#takeOver(MOVED_PER_INSERT);
    else if (this.#size >= FULLEST * this.#slots.length) this.#renew(Math.ceil(this.#slots.length * 1.5));
    put(this.#slots, this.#homeOf(hash), entryOf(hash, id));
    this.#size++;
  }

  /** Takes out a member that is there. */
  remove(hash: number, id: number): void {
    const entry = entryOf(hash, id);
    const at = find(this.#slots, this.#homeOf(hash), entry);
    if (at === NONE) this.#old[find(this.#old, homeIn(hash, this.#oldScale), entry)] = GONE;
    else this.#close(at);
    this.#size--;
    const { length } = this.#slots;
    if (this.#old.length === 0 && length > LEAST_SLOTS && this.#size < EMPTIEST * length) {
      this.#renew(Math.max(LEAST_SLOTS, this.#size * 2));
    }
  }

  /** Has `other`, of the same hash, stand where the member `id` stood. */
  rename(hash: number, id: number, other: number): void {
    const entry = entryOf(hash, id);
    const at = find(this.#slots, this.#homeOf(hash), entry);
    if (at === NONE) this.#old[find(this.#old, homeIn(hash, this.#oldScale), entry)] = entryOf(hash, other);
    else this.#slots[at] = entryOf(hash, other);
  }

  #homeOf(hash: number): number {
    return homeIn(hash, this.#scale);
  }

  #nextOld(): number {
    const old = this.#old;
    for (;;) {
      const entry = old[this.#oldAt]!;
      if (entry === 0) return NONE;
      if (++this.#oldAt === old.length) this.#oldAt = 0;
      if ((entry & ~ID_MASK) === this.#soughtTag && entry !== GONE) return (entry & ID_MASK) - 1;
    }
  }

  /** Empties a slot and moves up those behind it that a search would no longer reach. */
  #close(hole: number): void {
    const slots = this.#slots;
    const { length } = slots;
    for (let at = hole; ;) {
      if (++at === length) at = 0;
      const entry = slots[at]!;
      if (entry === 0) break;
      const home = this.#homeOf(this.#hashOf((entry & ID_MASK) - 1));
      // Cyclically: it may stand in the hole unless its home lies behind the hole, up to where it stands.
      const stays = hole <= at ? home > hole && home <= at : home > hole || home <= at;
      if (stays) continue;
      slots[hole] = entry;
      hole = at;
    }
    slots[hole] = 0;
  }

  #renew(slotCount: number): void {
    this.#old = this.#slots;
    this.#oldScale = this.#scale;
    this.#moved = 0;
    this.#slots = new Int32Array(slotCount);
    this.#scale = slotCount / 2 ** 32;
  }

  #takeOver(slotCount: number): void {
    const old = this.#old;
    const end = Math.min(old.length, this.#moved + slotCount);
    for (let at = this.#moved; at < end; at++) {
      const entry = old[at]!;
      if ((entry & ID_MASK) === 0) continue;
      put(this.#slots, this.#homeOf(this.#hashOf((entry & ID_MASK) - 1)), entry);
      old[at] = GONE;
    }
    this.#moved = end;
    if (end === old.length) this.#old = new Int32Array(0);
  }
}

const entryOf = (hash: number, id: number): number => (hash << ID_BITS) | (id + 1);

/** The high bits of the hash, spread over as many slots as there are. */
const homeIn = (hash: number, scale: number): number => ((hash >>> 0) * scale) | 0;

function put(slots: Int32Array, home: number, entry: number): void {
  let at = home;
  while (slots[at] !== 0) if (++at === slots.length) at = 0;
  slots[at] = entry;
}

function find(slots: Int32Array, home: number, entry: number): number {
  if (slots.length === 0) return NONE;
  for (let at = home; slots[at] !== 0;) {
    if (slots[at] === entry) return at;
    if (++at === slots.length) at = 0;
  }
  return NONE;
}
