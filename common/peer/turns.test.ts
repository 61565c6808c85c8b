import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, instant, type Instant } from '../base/ids.ts';
import { KIB, LEAST_SEND_BUFFER_HIGH_BYTES, MIB, SEND_BUFFER_HIGH_BYTES } from '../base/limits.ts';
import { SeededRandom } from '../sim/random.ts';
import { TAKER_MERIT, Turns } from './turns.ts';

const START = instant(10_000);
const PIECE = 512 * KIB;
const piece = (index: number) => ({ piece: index, pieceBytes: PIECE });

/** Parties that always want the next piece, each its own; higher numbers deserve more. */
function crowd(count: number, merit = (id: number): number => id): Turns {
  const turns = new Turns();
  for (let id = 0; id < count; id++) {
    turns.join(id, () => merit(id));
    expect(turns.mayGo(id, piece(id), START)).toBe(false);
  }
  return turns;
}

function called(turns: Turns, now: Instant): number[] {
  const ids: number[] = [];
  for (let id = turns.next(now); id !== undefined; id = turns.next(now)) ids.push(id);
  return ids;
}

describe('the uploads of a node', () => {
  it('are two at a time while nothing is known of the uplink, those with most merit first', () => {
    const turns = crowd(5);
    expect(called(turns, START)).toEqual([4, 3]);
    expect(turns.mayGo(4, piece(4), START)).toBe(true);
    expect(turns.mayGo(2, piece(2), START)).toBe(false);
  });

  it('go on with a piece whose blocks are asked for one by one, though others wait', () => {
    const turns = crowd(3);
    expect(called(turns, START)).toEqual([2, 1]);
    for (let block = 0; block < 4; block++) {
      expect(turns.mayGo(2, piece(2), START)).toBe(true);
      turns.sent(2, 2, 64 * KIB, START);
      turns.rest(2);
    }
    expect(turns.mayGo(2, piece(2), START)).toBe(true);
    turns.sent(2, 2, 256 * KIB, START);
    expect(turns.mayGo(2, piece(7), START)).toBe(false);
    expect(called(turns, START)).toEqual([]);
  });

  it('make room when a piece has arrived', () => {
    const turns = crowd(4);
    for (const id of called(turns, START)) turns.sent(id, id, PIECE, START);
    expect(turns.inFlightBytes).toBe(2 * PIECE);
    turns.arrived(3, 3, after(START, 200));
    expect(called(turns, after(START, 200))).not.toEqual([]);
    expect(turns.inFlightBytes).toBe(PIECE);
  });

  it('make room when who has its turn asks for nothing more, or leaves', () => {
    const turns = crowd(6);
    const [one, two] = called(turns, START);
    turns.sent(one!, one!, 16 * KIB, START);
    turns.rest(one!);
    expect(called(turns, after(START, 100))).toEqual([]);
    expect(two).toBe(4);
    expect(called(turns, after(START, 500))).toEqual([3, 2]);
    turns.leave(3, after(START, 500));
    expect(called(turns, after(START, 500))).toEqual([1]);
  });

  it('believe that what the kernel took has arrived, soon at one that never says so', () => {
    const turns = crowd(1);
    let now = START;
    const waits: number[] = [];
    for (let index = 0; index < 3; index++) {
      turns.mayGo(0, piece(index), now);
      expect(called(turns, now)).toEqual([0]);
      turns.sent(0, index, PIECE, now);
      expect(turns.nextDue(now)).toBe(Infinity);
      turns.taken(0, index, PIECE, now);
      const due = turns.nextDue(now);
      waits.push(due - now);
      turns.tick(due);
      expect(turns.inFlightBytes).toBe(0);
      now = due;
    }
    expect(waits).toEqual([1_000, 250, 250]);
  });

  it('of a fast uplink are many at a time', () => {
    const turns = crowd(100);
    let now = START;
    for (let round = 0; round < 40; round++) {
      now = after(now, 5);
      for (const id of called(turns, now)) {
        turns.sent(id, round, PIECE, now);
        turns.arrived(id, round, after(now, 5));
        turns.mayGo(id, piece(round + 1), after(now, 5));
      }
    }
    expect(called(turns, now).length).toBeGreaterThan(50);
    expect(turns.uplink(now)).toBeGreaterThan(50 * MIB);
  });

  it('go to those that only take while nobody else uses the line, and now and then', () => {
    const turns = crowd(4, (id) => (id < 2 ? TAKER_MERIT : 0));
    expect(called(turns, START)).toEqual([2, 3]);
    turns.sent(2, 2, PIECE, START);
    turns.sent(3, 3, PIECE, START);
    turns.arrived(3, 3, after(START, 100));
    expect(called(turns, after(START, 100))).toEqual([]);
    turns.arrived(2, 2, after(START, 200));
    expect(called(turns, after(START, 200))).toEqual([0]);
  });

  it('do not wait for those that read nothing', () => {
    const turns = crowd(4, (id) => (id < 2 ? TAKER_MERIT : 0));
    for (const id of called(turns, START)) turns.sent(id, id, PIECE, START);
    const due = turns.nextDue(START);
    expect(due).toBeLessThanOrEqual(after(START, 5_000));
    expect(called(turns, due)).not.toEqual([]);
  });

  it('of a single peer are never held up', () => {
    const turns = crowd(1);
    for (let index = 0; index < 20; index++) {
      turns.mayGo(0, piece(index), START);
      expect(called(turns, START)).toEqual([0]);
      turns.sent(0, index, PIECE, START);
    }
  });
});

it('never starts more than the uplink carries, leaves no gap while someone waits, and forgets nobody', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 12 }), fc.nat(1_000), (count, seed) => {
      const random = new SeededRandom({ seed });
      const turns = crowd(count);
      const served = new Map<number, number>();
      const underWay: { id: number; at: Instant }[] = [];
      let now = START;
      for (let step = 0; step < count * 40; step++) {
        for (const id of called(turns, now)) {
          turns.sent(id, step, PIECE, now);
          underWay.push({ id, at: after(now, 50 + random.below(100)) });
          served.set(id, (served.get(id) ?? 0) + 1);
        }
        // Each piece takes 100 ms or so: ten a second, of which half a second's worth may be on its way.
        expect(underWay.length).toBeGreaterThanOrEqual(2);
        underWay.sort((a, b) => a.at - b.at);
        const { id, at } = underWay.shift()!;
        now = instant(Math.max(now, at));
        const of = [...Array.from({ length: step + 1 }).keys()];
        for (const index of of) turns.arrived(id, index, now);
        if (!underWay.some((other) => other.id === id)) turns.mayGo(id, piece(step + 1), now);
      }
      expect(served.size).toBe(count);
    }),
    { numRuns: 30 },
  );
});

describe('what may be queued on one stream', () => {
  /** Two that send pieces which take so long each. */
  function busy(pieceMs: number): { readonly turns: Turns; readonly now: Instant } {
    const turns = crowd(2);
    let now = START;
    for (let round = 0; round < 10; round++) {
      for (const id of called(turns, now)) turns.sent(id, round, PIECE, now);
      now = after(now, pieceMs);
      for (const id of [0, 1]) {
        turns.arrived(id, round, now);
        turns.mayGo(id, piece(round + 1), now);
      }
    }
    for (const id of called(turns, now)) turns.sent(id, 99, PIECE, now);
    return { turns, now };
  }

  it('is much where one has the uplink to itself', () => {
    const turns = crowd(1);
    expect([turns.mostQueued(START), turns.isFast(START)]).toEqual([SEND_BUFFER_HIGH_BYTES, false]);
  });

  it('is little on a slow uplink that several share, so that what is said next is not late', () => {
    const { turns, now } = busy(500);
    expect([turns.mostQueued(now), turns.isFast(now)]).toEqual([LEAST_SEND_BUFFER_HIGH_BYTES, false]);
  });

  it('is in proportion to the uplink, and much on one that is fast', () => {
    const middling = busy(40);
    const bytes = middling.turns.mostQueued(middling.now);
    expect(bytes).toBeGreaterThan(LEAST_SEND_BUFFER_HIGH_BYTES);
    expect(bytes).toBeLessThan(SEND_BUFFER_HIGH_BYTES);
    const fast = busy(2);
    expect([fast.turns.isFast(fast.now), fast.turns.mostQueued(fast.now)]).toEqual([true, SEND_BUFFER_HIGH_BYTES]);
  });
});

describe('one that has sent all there is of a piece on its way', () => {
  it('keeps nobody waiting, and goes on with it as soon as there is more', () => {
    const turns = crowd(4);
    expect(called(turns, START)).toEqual([3, 2]);
    const part = { piece: 3, pieceBytes: 64 * KIB };
    expect(turns.mayGo(3, part, START)).toBe(true);
    turns.sent(3, 3, 64 * KIB, START);
    turns.taken(3, 3, 64 * KIB, START);
    turns.rest(3);
    turns.arrived(3, 3, after(START, 50));
    expect(called(turns, after(START, 50))).toEqual([1]);
    expect(turns.mayGo(3, { piece: 3, pieceBytes: 128 * KIB }, after(START, 50))).toBe(true);
  });
});
