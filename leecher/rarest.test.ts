import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { pieceIndex, type PieceIndex } from '../common/base/ids.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { MOST_SCANNED, Rarest, SHELF_SIZE, type Asker } from './rarest.ts';

class Source implements Asker {
  readonly pieces: Bitfield;
  readonly paused = new Set<number>();

  constructor(size: number, pieces: Iterable<number>) {
    this.pieces = new Bitfield(size);
    for (const piece of pieces) this.pieces.add(pieceIndex(piece));
  }

  mayTake(piece: PieceIndex): boolean {
    return this.pieces.has(piece) && !this.paused.has(piece);
  }
}

const between = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const ascending = (pieces: readonly number[]): number[] => pieces.toSorted((a, b) => a - b);
const rarestOf = (size: number, seed = 1): Rarest =>
  new Rarest({ free: Bitfield.full(size), random: new SeededRandom({ seed }) });

function takeAll(rarest: Rarest, source: Source): number[] {
  const taken: number[] = [];
  for (let piece = rarest.take(source); piece !== undefined; piece = rarest.take(source)) taken.push(piece);
  return taken;
}

describe('rarest first', () => {
  it('gives what one source alone has before what others have too', () => {
    const rarest = rarestOf(6);
    const [all, some, one] = [new Source(6, between(0, 6)), new Source(6, [0, 1, 2, 3]), new Source(6, [0, 1])];
    for (const source of [all, some, one]) rarest.add(source);
    const order = takeAll(rarest, all);
    expect(ascending(order.slice(0, 2))).toEqual([4, 5]);
    expect(ascending(order.slice(2, 4))).toEqual([2, 3]);
    expect(ascending(order.slice(4))).toEqual([0, 1]);
    expect(rarest.freeCount).toBe(0);
  });

  it('leaves equals to chance', () => {
    const firsts = between(0, 40).map((seed) => {
      const rarest = rarestOf(8, seed);
      const source = new Source(8, between(0, 8));
      rarest.add(source);
      return rarest.take(source);
    });
    expect(new Set(firsts).size).toBeGreaterThan(5);
  });

  it('knows at once what a source gains, and what is given back', () => {
    const rarest = rarestOf(10);
    const source = new Source(10, [1]);
    rarest.add(source);
    expect(takeAll(rarest, source)).toEqual([1]);
    source.pieces.add(pieceIndex(7));
    rarest.gained(source, pieceIndex(7));
    expect(takeAll(rarest, source)).toEqual([7]);
    rarest.giveBack(pieceIndex(1));
    source.paused.add(1);
    expect(takeAll(rarest, source)).toEqual([]);
    source.paused.clear();
    expect(takeAll(rarest, source)).toEqual([1]);
  });

  it('finds what a source may take behind many pieces that it may not', () => {
    const size = 4 * SHELF_SIZE;
    const rarest = rarestOf(size);
    const source = new Source(size, between(0, size));
    for (const piece of between(0, size - 5)) source.paused.add(piece);
    rarest.add(source);
    expect(ascending(takeAll(rarest, source))).toEqual(between(size - 5, size));
    source.paused.clear();
    expect(takeAll(rarest, source)).toHaveLength(size - 5);
  });

  it('gives all of a large content, each piece once, roughly in order', () => {
    const size = MOST_SCANNED + 4_000;
    const rarest = rarestOf(size);
    const all = new Source(size, between(0, size));
    const half = new Source(size, between(0, size / 2));
    for (const source of [all, half]) rarest.add(source);
    const first = between(0, 1_000).map(() => rarest.take(all)!);
    expect(first.filter((piece) => piece < size / 2).length).toBeLessThan(300);
    const rest = takeAll(rarest, all);
    expect(new Set([...first, ...rest]).size).toBe(size);
  });

  it('against a naive model: always one of the rarest, and nothing only when there is nothing', () => {
    const SIZE = 40;
    const step = fc.record({
      kind: fc.constantFrom(
        'take',
        'take',
        'take',
        'give back',
        'forget',
        'gain',
        'pause',
        'resume',
        'leave',
        'change',
      ),
      who: fc.nat(4),
      piece: fc.nat(SIZE - 1),
      pieces: fc.uniqueArray(fc.nat(SIZE - 1), { maxLength: SIZE }),
    });
    const holdings = fc.array(fc.uniqueArray(fc.nat(SIZE - 1), { maxLength: SIZE }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(holdings, fc.array(step, { maxLength: 100 }), fc.nat(), (held, steps, seed) => {
        const rarest = rarestOf(SIZE, seed);
        const sources = held.map(
          (pieces) => new Source(SIZE, [...pieces, ...(seed % 3 === 0 ? between(0, SIZE) : [])]),
        );
        for (const source of sources) rarest.add(source);
        const present = new Set(sources);
        const free = new Set(between(0, SIZE));
        const taken = new Set<number>();
        const countOf = (piece: number): number =>
          [...present].filter(({ pieces }) => pieces.has(pieceIndex(piece))).length;
        for (const { kind, who, piece, pieces } of steps) {
          const source = sources[who % sources.length]!;
          if (kind === 'give back' && taken.delete(piece)) {
            free.add(piece);
            rarest.giveBack(pieceIndex(piece));
          }
          if (kind === 'forget') {
            free.delete(piece);
            taken.delete(piece);
            rarest.forget(pieceIndex(piece));
          }
          if (!present.has(source)) continue;
          if (kind === 'gain' && source.pieces.add(pieceIndex(piece))) rarest.gained(source, pieceIndex(piece));
          if (kind === 'change') {
            source.pieces.become(new Source(SIZE, pieces).pieces);
            rarest.changed(source);
          }
          if (kind === 'pause') source.paused.add(piece);
          if (kind === 'resume') source.paused.clear();
          if (kind === 'leave') {
            present.delete(source);
            rarest.remove(source);
          }
          if (kind !== 'take') continue;
          const allowed = [...free].filter((each) => source.mayTake(pieceIndex(each)));
          const chosen = rarest.take(source);
          if (chosen === undefined) {
            expect(allowed).toEqual([]);
            continue;
          }
          expect(allowed).toContain(chosen);
          expect(countOf(chosen)).toBe(Math.min(...allowed.map(countOf)));
          free.delete(chosen);
          taken.add(chosen);
        }
        expect(rarest.freeCount).toBe(free.size);
      }),
      { numRuns: 300 },
    );
  });
});
