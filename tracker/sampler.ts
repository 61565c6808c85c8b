import type { Members } from './members.ts';
import type { Role } from './role.ts';
import { NONE } from './slot-table.ts';
import { SWARM, type SwarmRows } from './swarm-rows.ts';

/** Dead peers that may be passed over; with more of them an answer is shorter than it could be. */
const MAX_BLANKS = 1_024;

/**
 * Chooses the peers for an answer: givers before takers, and of each kind, when there are more than are wanted, every
 * so many places from a place by chance on, round and round; how many is by chance too. So everybody has the same
 * chance, any two are about as likely to be given together as any other two, and each peer costs one step through
 * memory. Nothing is changed.
 *
 * What runs here is most of what a busy tracker does, so the loop keeps what it needs in variables of its own.
 */
export class Sampler {
  readonly #swarms: SwarmRows;
  /** Fair numbers that need not be secret: xorshift32, never 0. */
  #chance: number;
  /** Where the last answer was written to, which mostly is where the next one goes. */
  #into: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(options: {
    readonly swarms: SwarmRows;
    /** Not 0. */
    readonly seed: number;
  }) {
    this.#swarms = options.swarms;
    this.#chance = options.seed | 0;
  }

  /**
   * Writes up to `wanted` peers for an asker in the row `self`, or in none; gives the number of bytes. A seeder or
   * partial seed wants nothing that a giver has. Who expired before `nowTick` is passed over.
   */
  sample(
    members: Members,
    swarm: number,
    self: number,
    asker: Role,
    wanted: number,
    nowTick: number,
    into: Uint8Array,
  ): number {
    if (this.#into !== into) {
      this.#into = into;
      this.#view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    }
    const bytesPerPeer = 4 * members.addressWords + 2;
    const end = Math.min(wanted * bytesPerPeer, into.length);
    const givers = this.#swarms.get(swarm, SWARM.givers);
    const takers = this.#swarms.get(swarm, SWARM.size) - givers;
    const to = asker === 'leecher' ? this.#choose(members, swarm, 0, givers, self, nowTick, 0, end) : 0;
    return this.#choose(members, swarm, givers, takers, self, nowTick, to, end);
  }

  /** From `count` places from `from` on, into the bytes from `start` to `end`; gives where it ended. */
  #choose(
    members: Members,
    swarm: number,
    from: number,
    count: number,
    self: number,
    nowTick: number,
    start: number,
    end: number,
  ): number {
    if (count === 0 || start === end) return start;
    const { addressWords, wordsPerRow } = members;
    const view = this.#view;
    const base = members.onlyBlockOf(swarm);
    let words = base === NONE ? NO_WORDS : members.wordsOf(base);
    const firstAt = base === NONE ? 0 : members.at(base) + from * wordsPerRow;
    const takesAll = count * (4 * addressWords + 2) <= end - start;
    const stride = takesAll ? 1 : 1 + this.#below(count - 1);
    let turn = takesAll ? 0 : this.#below(count);
    let place = turn;
    let to = start;
    for (let tries = Math.min(count, MAX_BLANKS); tries > 0 && to < end; tries--) {
      let at = firstAt + place * wordsPerRow;
      let row = base + from + place;
      if (base === NONE) {
        row = members.rowAt(swarm, from + place);
        words = members.wordsOf(row);
        at = members.at(row);
      }
      place += stride;
      if (place >= count) place -= count;
      // Where the stride and the count have a divisor in common, the round is over too soon: the next one begins beside.
      if (place === turn) place = turn = turn + 1 === count ? 0 : turn + 1;
      if (row === self || words[at + addressWords + 1]! <= nowTick) continue;
      view.setInt32(to, words[at]!);
      to += 4;
      for (let i = 1; i < addressWords; i++, to += 4) view.setInt32(to, words[at + i]!);
      view.setInt16(to, words[at + addressWords]! >> 16);
      to += 2;
    }
    return to;
  }

  #below(bound: number): number {
    let x = this.#chance;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#chance = x;
    return ((x >>> 0) * 2 ** -32 * bound) | 0;
  }
}

const NO_WORDS = new Int32Array(0);
