import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { emptyRun, Runs, type Run, type Runner } from './runs.ts';

function setOf(size: number, pieces: Iterable<number>): Bitfield {
  const set = new Bitfield(size);
  for (const piece of pieces) set.add(pieceIndex(piece));
  return set;
}

const between = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const runner = (pieces: Bitfield): Runner & { readonly run: Run } => ({ pieces, run: emptyRun() });

function divided(size: number, holdings: readonly Bitfield[], needed = Bitfield.full(size)) {
  const runs = new Runs(needed);
  const runners = holdings.map(runner);
  for (const one of runners) runs.add(one);
  runs.divide(runners);
  return { runs, runners, bounds: runners.map(({ run }) => [run.from, run.to, run.count]) };
}

describe('Runs', () => {
  it('divides evenly, and the odd pieces to the first', () => {
    const full = Bitfield.full(11);
    expect(divided(11, [full, full, full]).bounds).toEqual([
      [0, 4, 4],
      [4, 8, 4],
      [8, 11, 3],
    ]);
  });

  it('counts needed pieces, not indexes', () => {
    const full = Bitfield.full(30);
    const { bounds } = divided(30, [full, full], setOf(30, [0, 1, 2, 20, 21, 25, 28, 29]));
    expect(bounds).toEqual([
      [0, 21, 4],
      [21, 30, 4],
    ]);
  });

  it('lets parts fall in place, whatever the order of the sources', () => {
    const thirds = [between(60, 90), between(0, 30), between(30, 60)].map((pieces) => setOf(90, pieces));
    expect(divided(90, thirds).bounds).toEqual([
      [60, 90, 30],
      [0, 30, 30],
      [30, 60, 30],
    ]);
  });

  it('gives a part to its only holder and the rest to those that hold all', () => {
    const full = Bitfield.full(90);
    expect(divided(90, [full, setOf(90, between(0, 30)), full]).bounds).toEqual([
      [30, 60, 30],
      [0, 30, 30],
      [60, 90, 30],
    ]);
  });

  it('leaves what nobody holds to whoever comes to hold it', () => {
    const holdings = setOf(40, [...between(0, 10), ...between(30, 40)]);
    const { runs, runners } = divided(40, [holdings]);
    const [only] = runners as [Runner];
    expect(only.run).toEqual({ from: 0, to: 10, count: 10 });
    while (runs.take(only) !== undefined);
    expect(runs.adopt(only)).toBe(true);
    expect(only.run).toEqual({ from: 30, to: 40, count: 10 });
    while (runs.take(only) !== undefined);
    expect(runs.adopt(only)).toBe(false);
    for (const piece of between(15, 20)) holdings.add(pieceIndex(piece));
    expect(runs.adopt(only)).toBe(true);
    expect(only.run).toEqual({ from: 15, to: 20, count: 5 });
  });

  it('takes the tail, of which the thief holds a part, and frees what lies beyond', () => {
    const { runs, runners } = divided(100, [Bitfield.full(100)]);
    const [victim] = runners as [Runner];
    const thief = runner(setOf(100, [...between(20, 30), ...between(40, 60)]));
    runs.add(thief);
    expect(runs.overlap(thief, victim)).toBe(true);
    expect(runs.steal(thief, victim, 50)).toBe(true);
    expect(thief.run).toEqual({ from: 40, to: 60, count: 20 });
    expect(victim.run).toEqual({ from: 0, to: 40, count: 40 });
    while (runs.take(victim) !== undefined);
    expect(runs.adopt(victim)).toBe(true);
    expect(victim.run).toEqual({ from: 60, to: 100, count: 40 });
  });

  it('gives back the run of a source that left, to be adopted in one stretch', () => {
    const full = Bitfield.full(30);
    const { runs, runners } = divided(30, [full, full, full]);
    const [first, second] = runners as [Runner, Runner, Runner];
    runs.take(second);
    const before = runs.releases;
    runs.remove(second);
    runs.remove(second);
    expect(runs.releases).toBe(before + 1);
    while (runs.take(first) !== undefined);
    expect(runs.adopt(first)).toBe(true);
    expect(first.run).toEqual({ from: 11, to: 20, count: 9 });
  });

  it('never loses or doubles a piece, whatever is taken, stolen, adopted, forgotten or left', () => {
    const SIZE = 80;
    const holdings = fc.array(
      fc.oneof(
        fc.constant(between(0, SIZE)),
        fc.uniqueArray(fc.nat(SIZE - 1), { maxLength: SIZE }),
        fc.tuple(fc.nat(SIZE), fc.nat(SIZE)).map(([a, b]) => between(Math.min(a, b), Math.max(a, b))),
      ),
      { minLength: 1, maxLength: 5 },
    );
    const step = fc.record({
      kind: fc.constantFrom('take', 'take', 'take', 'adopt', 'steal', 'forget', 'remove'),
      who: fc.nat(4),
      whom: fc.nat(4),
      amount: fc.integer({ min: 1, max: SIZE }),
    });
    fc.assert(
      fc.property(holdings, fc.array(step, { maxLength: 120 }), (held, steps) => {
        const { runs, runners } = divided(
          SIZE,
          held.map((pieces) => setOf(SIZE, pieces)),
        );
        const free = new Set(between(0, SIZE));
        const present = new Set(runners);
        for (const { kind, who, whom, amount } of steps) {
          const one = runners[who % runners.length]!;
          const other = runners[whom % runners.length]!;
          if (!present.has(one) || !present.has(other)) continue;
          if (kind === 'take') {
            const piece = runs.take(one);
            if (piece === undefined) continue;
            expect(one.pieces.has(piece)).toBe(true);
            expect(free.delete(piece)).toBe(true);
          } else if (kind === 'adopt' && one.run.count === 0) {
            const owned = [...present].reduce((sum, { run }) => sum + run.count, 0);
            if (!runs.adopt(one)) expect(commonTo(one, present, free)).toEqual([]);
            else expect(owned + one.run.count).toBeLessThanOrEqual(free.size);
          } else if (kind === 'steal' && one.run.count === 0 && one !== other) {
            const canSteal = runs.overlap(one, other);
            expect(runs.steal(one, other, amount)).toBe(canSteal);
            if (canSteal) expect(one.run.count).toBeGreaterThan(0);
            expect(one.run.count).toBeLessThanOrEqual(amount);
          } else if (kind === 'forget') {
            runs.forget(pieceIndex(amount - 1));
            free.delete(amount - 1);
          } else if (kind === 'remove') {
            runs.remove(one);
            present.delete(one);
          }
          check(runs, [...present], free);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function commonTo(one: Runner, present: ReadonlySet<Runner>, free: ReadonlySet<number>): number[] {
  const owned = (piece: number): boolean =>
    [...present].some(({ run }) => run.count > 0 && piece >= run.from && piece < run.to);
  return [...free].filter((piece) => one.pieces.has(pieceIndex(piece)) && !owned(piece));
}

/** Runs do not overlap, their owners hold what is in them, and the counts are right. */
function check(runs: Runs, present: readonly Runner[], free: ReadonlySet<number>): void {
  expect(runs.untouched).toBe(free.size);
  const seen = new Set<number>();
  for (const { run, pieces } of present) {
    const inside = run.count === 0 ? [] : [...free].filter((piece) => piece >= run.from && piece < run.to);
    expect(inside.length).toBe(run.count);
    for (const piece of inside) {
      expect(pieces.has(pieceIndex(piece))).toBe(true);
      expect(seen.has(piece)).toBe(false);
      seen.add(piece);
    }
  }
}
