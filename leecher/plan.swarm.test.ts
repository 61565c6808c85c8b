import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, pieceIndex, type Instant } from '../common/base/ids.ts';
import { KIB, REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { Plan } from './plan.ts';

const PIECE_BYTES = 64 * KIB;
const START = instant(1_000);

/** A started plan of a swarm; source ids are 1, 2, 3 … in the order of `holdings`. */
function swarm(pieceCount: number, holdings: readonly (readonly number[])[], seed = 1): Plan {
  const plan = new Plan({
    pieceCount,
    sizeOf: () => PIECE_BYTES,
    have: new Bitfield(pieceCount),
    random: new SeededRandom({ seed }),
  });
  holdings.forEach((held, i) => plan.addSource(i + 1, setOf(pieceCount, held)));
  plan.becomeSwarm();
  plan.start(START);
  return plan;
}

function setOf(size: number, pieces: readonly number[]): Bitfield {
  const set = new Bitfield(size);
  for (const piece of pieces) set.add(pieceIndex(piece));
  return set;
}

const between = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** All bytes of the piece come, and are right. */
function deliver(plan: Plan, id: number, piece: number, now: Instant): void {
  plan.progressed(id, PIECE_BYTES, now, pieceIndex(piece));
  plan.arrived(pieceIndex(piece), id, now);
  plan.done(pieceIndex(piece), id, now);
}

describe('in a swarm', () => {
  it('a source gives first what it alone has, then what few have', () => {
    const plan = swarm(6, [between(0, 6), [0, 1, 2, 3], [0, 1]]);
    const order = between(0, 6).map(() => plan.next(1, START)!.piece);
    expect(new Set(order.slice(0, 2))).toEqual(new Set([4, 5]));
    expect(new Set(order.slice(2, 4))).toEqual(new Set([2, 3]));
  });

  it('those that start together begin with unlike pieces', () => {
    const firsts = between(0, 30).map((seed) => swarm(30, [between(0, 30), []], seed).next(1, START)!.piece);
    expect(new Set(firsts).size).toBeGreaterThan(12);
  });

  it('what was asked or given back before counts on: nothing is lost when seeds become a swarm', () => {
    const have = new Bitfield(20);
    const random = new SeededRandom({ seed: 1 });
    const plan = new Plan({ pieceCount: 20, sizeOf: () => PIECE_BYTES, have, random });
    for (const id of [1, 2]) plan.addSource(id, Bitfield.full(20));
    plan.start();
    const kept = plan.next(1, START)!.piece;
    const returned = plan.next(2, START)!.piece;
    plan.failed(2, returned, 'choked', START);
    plan.becomeSwarm();
    const rest = between(0, 19).map(() => plan.next(1, START)!.piece);
    expect(new Set([kept, ...rest]).size).toBe(20);
    expect(rest).toContain(returned);
    expect(plan.next(1, START)).toBeUndefined();
  });

  it('takes the piece that a source gains at once, and rates it by who else has it', () => {
    const plan = swarm(4, [[0, 1], [0, 1], []]);
    const gains = setOf(4, []);
    plan.addSource(4, gains);
    expect(plan.next(4, START)).toBeUndefined();
    for (const piece of [0, 3]) {
      gains.add(pieceIndex(piece));
      plan.sourceGained(4, pieceIndex(piece));
    }
    expect(plan.next(4, START)).toEqual({ piece: 3, isDuplicate: false });
    expect(plan.next(4, START)).toEqual({ piece: 0, isDuplicate: false });
  });

  it('no piece is under way twice while another is free, though its holder be busy or gone', () => {
    const plan = swarm(3, [[0], [0], [2]]);
    expect(plan.next(1, START)!.piece).toBe(0);
    expect(plan.next(2, START)).toBeUndefined();
    expect(plan.next(2, after(START, 1_000))).toBeUndefined();
    expect(plan.nextDue).toBeLessThan(after(START, 2_000));
  });

  it('moves what waits behind other pieces to a source that is idle', () => {
    const plan = swarm(4, [between(0, 3), between(0, 3)]);
    const [first, second] = [plan.next(1, START)!.piece, plan.next(1, START)!.piece];
    deliver(plan, 2, plan.next(2, START)!.piece, START);
    plan.progressed(1, KIB, after(START, 1_000), first);
    expect(plan.next(2, after(START, 1_000))).toEqual({ piece: second, isDuplicate: false, movedFrom: 1 });
    // What is being received stays where it is.
    plan.progressed(2, KIB, after(START, 1_100), second);
    deliver(plan, 1, first, after(START, 9_000));
    expect(plan.next(1, after(START, 9_000))).toBeUndefined();
  });

  it('moves what was not begun for long, and asks for it again where it was only when that is the best', () => {
    const plan = swarm(2, [[0], [0]]);
    expect(plan.next(1, START)!.piece).toBe(0);
    expect(plan.next(2, after(START, 1_000))).toBeUndefined();
    expect(plan.next(2, after(START, 6_000))).toEqual({ piece: 0, isDuplicate: false, movedFrom: 1 });
    expect(plan.next(1, after(START, 7_000))).toBeUndefined();
  });

  it('at the start shares what waits with those that come to hold it, and stops once there is more to choose from', () => {
    const movesWhenGained = (doneBefore: number): number => {
      let moves = 0;
      for (let seed = 0; seed < 40; seed++) {
        const plan = swarm(30, [[29], [0]], seed);
        const gains = setOf(30, []);
        plan.addSource(3, gains);
        for (const piece of between(1, 1 + doneBefore)) plan.done(pieceIndex(piece), 1, START);
        expect(plan.next(1, START)!.piece).toBe(29);
        gains.add(pieceIndex(29));
        plan.sourceGained(3, pieceIndex(29));
        if (plan.next(3, START)?.movedFrom === 1) moves++;
      }
      return moves;
    };
    // Of two holders each has half.
    expect(Math.abs(movesWhenGained(0) - 20)).toBeLessThan(12);
    expect(movesWhenGained(8)).toBe(0);
  });

  it('at the end asks a second source for what has not begun, and whoever begins is left alone with it', () => {
    const plan = swarm(1, [[0], [0], [0]]);
    expect(plan.next(1, START)!.piece).toBe(0);
    expect(plan.next(2, START)).toEqual({ piece: 0, isDuplicate: true });
    expect(plan.next(3, START)).toBeUndefined();
    plan.progressed(2, KIB, after(START, 100), pieceIndex(0));
    expect(plan.began(pieceIndex(0), 2, after(START, 100))).toEqual([1]);
    expect(plan.began(pieceIndex(0), 2, after(START, 100))).toEqual([]);
    expect(plan.done(pieceIndex(0), 2, after(START, 200))).toEqual([]);
    expect(plan.isComplete).toBe(true);
  });

  it('at the end asks one more that has delivered, if none has of those who should give the piece', () => {
    const plan = swarm(3, [[0], [0], [0], [0, 1], [0, 2]]);
    expect(plan.next(1, START)!.piece).toBe(0);
    for (const id of [4, 5]) deliver(plan, id, plan.next(id, START)!.piece, START);
    expect(plan.next(2, START)).toEqual({ piece: 0, isDuplicate: true });
    expect(plan.next(3, START)).toBeUndefined();
    expect(plan.next(4, START)).toEqual({ piece: 0, isDuplicate: true });
    expect(plan.next(5, START)).toBeUndefined();
    // One of three is not in anybody's way once another begins.
    plan.progressed(4, KIB, after(START, 100), pieceIndex(0));
    expect(plan.began(pieceIndex(0), 4, after(START, 100))).toEqual([1, 2]);
  });

  it('at the end asks no fourth, though the third may turn out to be no better', () => {
    const plan = swarm(5, [[0], [0], [0, 1, 3, 4], [0, 2], [3, 4]]);
    for (const id of [5, 5, 1]) plan.next(id, START);
    for (const id of [3, 4]) deliver(plan, id, plan.next(id, START)!.piece, START);
    for (const id of [2, 3]) expect(plan.next(id, START)).toEqual({ piece: 0, isDuplicate: true });
    plan.removeSource(5, START);
    for (let time = 0; time < 2; time++) plan.failed(3, plan.next(3, START)!.piece, 'rejected', START);
    for (const piece of [3, 4]) plan.done(pieceIndex(piece), 5, START);
    expect(plan.next(4, START)).toBeUndefined();
  });

  it('at the end asks nobody beside two of whom one has delivered, however long that one takes to begin', () => {
    const plan = swarm(3, [[0], [0, 1], [0, 2]]);
    expect(plan.next(1, START)!.piece).toBe(0);
    for (const id of [2, 3]) deliver(plan, id, plan.next(id, START)!.piece, START);
    expect(plan.next(2, START)).toEqual({ piece: 0, isDuplicate: true });
    expect(plan.next(3, after(START, REQUEST_TIMEOUT_MS - 1))).toBeUndefined();
  });

  it.each([
    ['a trickle', 100, true],
    ['all within the time for which one may be silent', PIECE_BYTES / 8, false],
  ])('at the end %s from two that have not delivered brings in one that has: %#', (_, bytesPerSecond, isAsked) => {
    const plan = swarm(2, [[0], [0], [0, 1]]);
    let now = START;
    expect(plan.next(1, now)!.piece).toBe(0);
    deliver(plan, 3, plan.next(3, now)!.piece, now);
    for (const id of [1, 2]) {
      if (id === 2) expect(plan.next(2, now)).toEqual({ piece: 0, isDuplicate: true });
      plan.progressed(id, 1, now, pieceIndex(0));
      plan.began(pieceIndex(0), id, now);
      now = after(now, 1_000);
      plan.progressed(id, bytesPerSecond, now, pieceIndex(0));
    }
    now = after(now, 1_000);
    expect(plan.next(3, now)).toEqual(isAsked ? { piece: 0, isDuplicate: true } : undefined);
  });

  it('at the end leaves alone what will be here in a moment, and joins what is slow', () => {
    const plan = swarm(1, [[0], [0]]);
    plan.next(1, START);
    let now = after(START, 1_000);
    plan.progressed(1, PIECE_BYTES * 0.9, now, pieceIndex(0));
    expect(plan.next(2, now)).toBeUndefined();
    expect(plan.nextDue).toBeLessThanOrEqual(after(now, 250));
    now = after(now, 15_000);
    plan.overdue(now);
    expect(plan.next(2, now)).toEqual({ piece: 0, isDuplicate: true });
    // Both have begun: neither is told to stop before one is done.
    plan.progressed(2, KIB, now, pieceIndex(0));
    expect(plan.began(pieceIndex(0), 2, now)).toEqual([]);
    expect(plan.done(pieceIndex(0), 2, now)).toEqual([1]);
  });

  it('at the end leaves alone what its own pace would not bring sooner', () => {
    const plan = swarm(2, [[0], [0, 1]]);
    const [first, second] = [plan.next(1, START)!.piece, plan.next(2, START)!.piece];
    expect([first, second]).toEqual([0, 1]);
    // Each brings a piece in about ten seconds.
    let now = START;
    for (let part = 0; part < 5; part++) {
      now = after(now, 1_000);
      plan.progressed(1, PIECE_BYTES / 10, now, first);
      plan.progressed(2, PIECE_BYTES / 5, now, second);
    }
    plan.arrived(second, 2, now);
    plan.done(second, 2, now);
    // Five seconds are left of the first one, as many as it would take the second source to send it anew.
    expect(plan.next(2, after(now, -100))).toBeUndefined();
    expect(plan.next(2, after(now, 10_000))).toEqual({ piece: 0, isDuplicate: true });
  });

  it('waits its turn at a source for seconds without a word, and takes that for no offence', () => {
    const plan = swarm(8, [between(0, 8), []]);
    let now = START;
    for (let turn = 0; turn < 4; turn++) {
      const { piece } = plan.next(1, now)!;
      now = after(now, REQUEST_TIMEOUT_MS - 1_000);
      expect(plan.overdue(now)).toEqual([]);
      deliver(plan, 1, piece, now);
    }
    expect(plan.report(1)).toMatchObject({ pieces: 4, stalled: 0 });
    expect(plan.next(1, now)).toBeDefined();
    expect(plan.next(1, now)).toBeDefined();
  });
});
