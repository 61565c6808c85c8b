import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { instant, NEVER, pieceIndex } from '../common/base/ids.ts';
import { KIB } from '../common/base/limits.ts';
import type { Random } from '../common/base/ports.ts';
import { Plan } from './plan.ts';

const PIECE_BYTES = 64 * KIB;
const START = instant(1_000);

/** Keeps every order as it is given: `below(i + 1)` is `i`, so that a shuffle swaps each with itself. */
const orderly: Random = { bytes: (count) => new Uint8Array(count), below: (bound) => bound - 1 };

/** `0-9,20` as a set. */
function pieces(size: number, spec: string): Bitfield {
  const set = new Bitfield(size);
  for (const part of spec === '' ? [] : spec.split(',')) {
    const [first, last = first] = part.split('-').map(Number) as [number, number?];
    for (let piece = first; piece <= last; piece++) set.add(pieceIndex(piece));
  }
  return set;
}

function planOf(pieceCount: number, have = new Bitfield(pieceCount), random = orderly): Plan {
  return new Plan({ pieceCount, sizeOf: () => PIECE_BYTES, have, random });
}

/** A started plan; source ids are 1, 2, 3 … in the order of `holdings`. */
function started(pieceCount: number, holdings: readonly (Bitfield | string)[], have?: Bitfield): Plan {
  const plan = planOf(pieceCount, have);
  holdings.forEach((held, i) => plan.addSource(i + 1, typeof held === 'string' ? pieces(pieceCount, held) : held));
  plan.start();
  return plan;
}

const next = (plan: Plan, id: number, now = START): number | undefined => plan.next(id, now)?.piece;

/** Up to `count` pieces in a row, left under way. */
function ask(plan: Plan, id: number, count: number, now = START): number[] {
  const asked: number[] = [];
  while (asked.length < count) {
    const piece = next(plan, id, now);
    if (piece === undefined) break;
    asked.push(piece);
  }
  return asked;
}

/** Fetches up to `count` pieces one after the other. */
function fetch(plan: Plan, id: number, count: number, now = START): number[] {
  const fetched: number[] = [];
  while (fetched.length < count) {
    const piece = next(plan, id, now);
    if (piece === undefined) break;
    plan.done(pieceIndex(piece), id, now);
    fetched.push(piece);
  }
  return fetched;
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('the split', () => {
  it('gives nothing before the start', () => {
    const plan = planOf(10);
    plan.addSource(1, Bitfield.full(10));
    expect(plan.next(1, START)).toBeUndefined();
    expect(plan.nextDue).toBe(NEVER);
    plan.start();
    expect(plan.next(1, START)).toEqual({ piece: 0, isDuplicate: false });
    expect(() => plan.start()).toThrow('twice');
  });

  it('gives three sources a contiguous third each', () => {
    const full = Bitfield.full(90);
    const plan = started(90, [full, full, full]);
    expect(ask(plan, 2, 30)).toEqual(range(30, 59));
    expect(ask(plan, 3, 30)).toEqual(range(60, 89));
    expect(ask(plan, 1, 30)).toEqual(range(0, 29));
  });

  it('gives five sources a contiguous fifth each', () => {
    const full = Bitfield.full(52);
    const plan = started(52, [full, full, full, full, full]);
    const runs = [1, 2, 3, 4, 5].map((id) => ask(plan, id, 10));
    expect(runs.map((run) => run[0])).toEqual([0, 11, 22, 32, 42]);
    for (const run of runs) expect(run).toEqual(range(run[0]!, run[0]! + 9));
  });

  it('keeps all of at least three sources busy, however the driver asks', () => {
    const full = Bitfield.full(3);
    const plan = started(3, [full, full, full]);
    expect(ask(plan, 1, 8)).toEqual([0]);
    expect(ask(plan, 2, 8)).toEqual([1]);
    expect(ask(plan, 3, 8)).toEqual([2]);
  });

  it('lets the parts of --chunks seeders fall in place', () => {
    const plan = started(90, ['60-89', '0-29', '30-59']);
    expect(ask(plan, 1, 99)).toEqual(range(60, 89));
    expect(ask(plan, 2, 99)).toEqual(range(0, 29));
    expect(ask(plan, 3, 99)).toEqual(range(30, 59));
  });

  it('leaves the chosen order to chance among sources that hold the same', () => {
    const full = Bitfield.full(30);
    const firsts = new Set<number | undefined>();
    for (let seed = 0; seed < 6; seed++) {
      let draw = seed;
      const below = (bound: number): number => {
        const drawn = draw % bound;
        draw = Math.floor(draw / bound);
        return drawn;
      };
      const plan = planOf(30, undefined, { ...orderly, below });
      for (const id of [1, 2, 3]) plan.addSource(id, full);
      plan.start();
      firsts.add(next(plan, 1));
    }
    expect(firsts).toEqual(new Set([0, 10, 20]));
  });

  it('splits what is left of a download with holes', () => {
    const have = pieces(100, '0-9,20-39,50-59,99');
    const full = Bitfield.full(100);
    const plan = started(100, [full, full, full], have);
    expect(plan.remaining).toBe(59);
    expect(ask(plan, 1, 20)).toEqual([...range(10, 19), ...range(40, 49)]);
    expect(ask(plan, 2, 20)).toEqual(range(60, 79));
    expect(ask(plan, 3, 19)).toEqual(range(80, 98));
    have.add(pieceIndex(70));
    expect(plan.remaining).toBe(59);
  });

  it('manages a single piece', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full, full]);
    expect(next(plan, 1)).toBe(0);
    expect(plan.done(pieceIndex(0), 1, START)).toEqual([]);
    expect(plan.isComplete).toBe(true);
    expect(next(plan, 2)).toBeUndefined();
  });

  it('manages fewer pieces than sources: each piece once, then duplicates', () => {
    const full = Bitfield.full(2);
    const plan = started(2, [full, full, full, full]);
    const given = [4, 3, 2, 1].map((id) => plan.next(id, START)!);
    expect(new Set(given.slice(0, 2).map(({ piece }) => piece))).toEqual(new Set([0, 1]));
    expect(given.map(({ isDuplicate }) => isDuplicate)).toEqual([false, false, true, true]);
  });

  it('is complete from the start when all is there', () => {
    const plan = started(5, [Bitfield.full(5)], Bitfield.full(5));
    expect(plan.isComplete).toBe(true);
    expect(next(plan, 1)).toBeUndefined();
    expect(plan.isUseful(1)).toBe(false);
    expect(plan.missing()).toEqual([]);
  });
});

describe('what nobody has', () => {
  it('names the ranges that no source holds', () => {
    const plan = started(90, ['0-29', '60-89'], pieces(90, '40-44'));
    expect(plan.missing()).toEqual([
      { first: 30, last: 39 },
      { first: 45, last: 59 },
    ]);
    plan.addSource(3, pieces(90, '45-59'));
    expect(plan.missing()).toEqual([{ first: 30, last: 39 }]);
  });

  it('fetches what is there, and the rest once a source comes that has it', () => {
    const plan = started(90, ['0-29', '60-89']);
    expect(fetch(plan, 1, 99)).toHaveLength(30);
    expect(fetch(plan, 2, 99)).toHaveLength(30);
    expect(plan.remaining).toBe(30);
    plan.addSource(3, Bitfield.full(90));
    expect(fetch(plan, 3, 99)).toEqual(range(30, 59));
    expect(plan.isComplete).toBe(true);
  });

  it('does not miss a piece that has arrived from a source now gone', () => {
    const plan = started(2, [Bitfield.full(2)]);
    plan.next(1, START);
    plan.arrived(pieceIndex(0), 1, START);
    const report = plan.removeSource(1, START)!;
    expect(plan.missing()).toEqual([{ first: 1, last: 1 }]);
    plan.done(pieceIndex(0), 1, START);
    expect(plan.remaining).toBe(1);
    expect(report.pieces).toBe(1);
    expect(plan.report(1)).toBeUndefined();
  });

  it('knows whom to be interested in', () => {
    const held = pieces(20, '3,12');
    const plan = started(20, [held, '']);
    expect(plan.isUseful(1)).toBe(true);
    expect(plan.isUseful(2)).toBe(false);
    expect(plan.isUseful(9)).toBe(false);
    plan.done(pieceIndex(3), 1, START);
    expect(plan.isUseful(1)).toBe(true);
    plan.next(1, START);
    plan.failed(1, pieceIndex(12), 'corrupt', START);
    expect(plan.isUseful(1)).toBe(false);
    held.add(pieceIndex(5));
    plan.sourceGained(1, pieceIndex(5));
    expect(plan.isUseful(1)).toBe(true);
  });
});

describe('moving work', () => {
  it('gives the tail of the slowest to one that is ready early', () => {
    const full = Bitfield.full(90);
    const plan = started(90, [full, full, full]);
    ask(plan, 2, 2);
    ask(plan, 3, 1);
    plan.progressed(2, PIECE_BYTES, instant(2_000));
    plan.progressed(3, PIECE_BYTES / 4, instant(2_000));
    expect(fetch(plan, 1, 30, instant(2_000))).toEqual(range(0, 29));
    const stolen = fetch(plan, 1, 10, instant(2_000));
    expect(stolen[0]).toBeGreaterThan(61);
    expect(stolen).toEqual(range(stolen[0]!, stolen[0]! + 9));
  });

  it('shares the tail in proportion to the two paces', () => {
    const full = Bitfield.full(200);
    const plan = started(200, [full, full]);
    ask(plan, 1, 1);
    ask(plan, 2, 1);
    plan.progressed(1, 900_000, instant(2_000));
    plan.progressed(2, 100_000, instant(2_000));
    plan.done(pieceIndex(0), 1, instant(2_000));
    fetch(plan, 1, 99, instant(2_000));
    // 99 untouched and one under way, of which nine tenths.
    expect(fetch(plan, 1, 90, instant(2_000))).toEqual(range(110, 199));
  });

  it('does not let one that is still busy strip the others', () => {
    const full = Bitfield.full(12);
    const plan = started(12, [full, full, full]);
    expect(ask(plan, 1, 12)).toEqual(range(0, 3));
    expect(ask(plan, 2, 12)).toEqual(range(4, 7));
    expect(ask(plan, 3, 12)).toEqual(range(8, 11));
  });

  it('lets one that is still busy take what makes both end sooner', () => {
    const full = Bitfield.full(40);
    const plan = started(40, [full, full]);
    fetch(plan, 1, 18);
    // Two under way at the one, twenty waiting at the other: nine each.
    expect(ask(plan, 1, 99)).toEqual([18, 19, ...range(31, 39)]);
  });

  it('takes only what the thief holds', () => {
    const plan = started(100, [Bitfield.full(100), '50-60'], pieces(100, '50-60'));
    expect(next(plan, 2)).toBeUndefined();
    plan.addSource(3, pieces(100, '10-19,40-49'));
    expect(ask(plan, 3, 10)).toEqual(range(40, 49));
    const more = ask(plan, 3, 99);
    expect(range(10, 19)).toEqual(expect.arrayContaining(more));
  });

  it('gives a late comer a run of its own', () => {
    const full = Bitfield.full(100);
    const plan = started(100, [full]);
    ask(plan, 1, 4);
    plan.addSource(2, full);
    expect(ask(plan, 2, 10)).toEqual(range(50, 59));
    plan.addSource(3, full);
    const third = ask(plan, 3, 10);
    expect(third).toEqual(range(third[0]!, third[0]! + 9));
  });

  it('gives all to the first that comes after a start without sources', () => {
    const plan = started(10, []);
    plan.addSource(1, Bitfield.full(10));
    expect(fetch(plan, 1, 99)).toEqual(range(0, 9));
  });

  it('gives what a source had back when it leaves: first what was under way, then its run', () => {
    const full = Bitfield.full(30);
    const plan = started(30, [full, full, full]);
    ask(plan, 2, 2);
    plan.removeSource(2, START);
    plan.removeSource(2, START);
    expect(fetch(plan, 1, 20)).toEqual([10, 11, ...range(0, 9), ...range(12, 19)]);
    expect(fetch(plan, 3, 10)).toEqual(range(20, 29));
    expect(plan.isComplete).toBe(true);
  });

  it('takes a source back under a new id', () => {
    const full = Bitfield.full(10);
    const plan = started(10, [full]);
    ask(plan, 1, 3);
    plan.removeSource(1, START);
    expect(next(plan, 1)).toBeUndefined();
    plan.addSource(7, full);
    expect(fetch(plan, 7, 99)).toEqual(range(0, 9));
  });

  it('uses what a source comes to hold', () => {
    const held = new Bitfield(10);
    const plan = started(10, [held]);
    expect(next(plan, 1)).toBeUndefined();
    held.add(pieceIndex(4));
    plan.sourceGained(1, pieceIndex(4));
    expect(fetch(plan, 1, 9)).toEqual([4]);
    for (const piece of range(0, 9)) held.add(pieceIndex(piece));
    plan.sourceChanged(1);
    expect(fetch(plan, 1, 9)).toEqual([5, 6, 7, 8, 9, 0, 1, 2, 3]);
  });
});
