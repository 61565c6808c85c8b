import type { Members } from './members.ts';
import type { Role } from './role.ts';
import { NONE } from './slot-table.ts';
import { SWARM, type SwarmRows } from './swarm-rows.ts';

/** Dead peers that may be passed over; with more of them an answer is shorter than it could be. */
const MAX_BLANKS = 1_024;

/** What an answer is made for and how far it is. */
interface Sample {
  /** The asker's row. */
  self: number;
  /** Who expired before is passed over. */
  nowTick: number;
  view: DataView;
  /** Where the next peer is written, and where there is room no more. */
  to: number;
  end: number;
}

/** Which places of a swarm are taken: each `stride`-th from `turn` on, of `count` places behind the first `from`. */
interface Round {
  from: number;
  count: number;
  stride: number;
  turn: number;
}

/**
 * Chooses the peers for an answer: givers before takers, and of each kind, when there are more than are wanted, every
 * so many places from a place by chance on, round and round; how many is by chance too. So everybody has the same
 * chance, any two are about as likely to be given together as any other two, and each peer costs one step through
 * memory. Nothing is changed.
 */
export class Sampler {
  readonly #swarms: SwarmRows;
  /** Fair numbers that need not be secret: xorshift32, never 0. */
  #chance: number;
  /** Where the last answer was written to, which mostly is where the next one goes. */
  #into: Uint8Array = new Uint8Array(0);
  readonly #sample: Sample = { self: NONE, nowTick: 0, view: new DataView(new ArrayBuffer(0)), to: 0, end: 0 };
  readonly #round: Round = { from: 0, count: 0, stride: 1, turn: 0 };

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
    const sample = this.#sample;
    if (this.#into !== into) {
      this.#into = into;
      sample.view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    }
    sample.self = self;
    sample.nowTick = nowTick;
    sample.to = 0;
    sample.end = Math.min(wanted * members.bytesPerPeer, into.length);
    const givers = this.#swarms.get(swarm, SWARM.givers);
    const takers = this.#swarms.get(swarm, SWARM.size) - givers;
    if (asker === 'leecher') this.#choose(members, swarm, 0, givers);
    this.#choose(members, swarm, givers, takers);
    return sample.to;
  }

  #choose(members: Members, swarm: number, from: number, count: number): void {
    const [sample, round] = [this.#sample, this.#round];
    if (count === 0 || sample.to === sample.end) return;
    const takesAll = count * members.bytesPerPeer <= sample.end - sample.to;
    round.from = from;
    round.count = count;
    round.stride = takesAll ? 1 : 1 + this.#below(count - 1);
    round.turn = takesAll ? 0 : this.#below(count);
    const base = members.onlyBlockOf(swarm);
    if (base === NONE) takeFromPages(members, swarm, round, sample);
    else takeFromBlock(members, base, round, sample);
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

/**
 * Most of what a busy tracker does happens here, so what is needed is kept in variables, and there is no branch that
 * a processor could not foresee.
 */
function takeFromBlock(members: Members, base: number, round: Round, sample: Sample): void {
  const { addressWords, wordsPerRow } = members;
  const { count, stride } = round;
  const { nowTick, view, end } = sample;
  const { words } = members;
  const first = members.at(base) + round.from * wordsPerRow;
  const selfAt = sample.self === NONE ? NONE : members.at(sample.self);
  let [turn, place, to] = [round.turn, round.turn, sample.to];
  for (let tries = count; tries > 0 && to < end; tries--) {
    const at = first + place * wordsPerRow;
    place += stride - count;
    place += count & (place >> 31);
    // Where stride and count have a divisor in common, the round is over too soon: the next one begins beside.
    if (place === turn) place = turn = nextTurn(turn, count);
    if (at === selfAt || words[at + addressWords + 1]! <= nowTick) continue;
    view.setInt32(to, words[at]!);
    if (addressWords === 4) {
      view.setInt32(to + 4, words[at + 1]!);
      view.setInt32(to + 8, words[at + 2]!);
      view.setInt32(to + 12, words[at + 3]!);
      to += 12;
    }
    view.setInt16(to + 4, words[at + addressWords]! >> 16);
    to += 6;
  }
  sample.to = to;
}

/** The same for a swarm of several pages, where each peer has to be looked for. */
function takeFromPages(members: Members, swarm: number, round: Round, sample: Sample): void {
  const { addressWords, words } = members;
  const { from, count, stride } = round;
  const { self, nowTick, view, end } = sample;
  let [turn, place] = [round.turn, round.turn];
  for (let tries = Math.min(count, MAX_BLANKS); tries > 0 && sample.to < end; tries--) {
    const row = members.rowAt(swarm, from + place);
    place = (place + stride) % count;
    if (place === turn) place = turn = nextTurn(turn, count);
    const at = members.at(row);
    if (row === self || words[at + addressWords + 1]! <= nowTick) continue;
    for (let i = 0; i < addressWords; i++) view.setInt32(sample.to + 4 * i, words[at + i]!);
    view.setInt16(sample.to + 4 * addressWords, words[at + addressWords]! >> 16);
    sample.to += members.bytesPerPeer;
  }
}

const nextTurn = (turn: number, count: number): number => (turn + 1 === count ? 0 : turn + 1);
