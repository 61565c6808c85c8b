import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { countIn, endOfFirst, firstCommon, firstOnlyIn, lastCommon, lastOnlyIn, startOfLast } from './overlap.ts';

const SIZE = 150;

const members = fc.uniqueArray(fc.integer({ min: 0, max: SIZE - 1 }), { maxLength: SIZE });
const sparse = fc.uniqueArray(fc.integer({ min: 0, max: SIZE - 1 }), { maxLength: 4 });
const range = fc.tuple(fc.integer({ min: 0, max: SIZE }), fc.integer({ min: 0, max: SIZE }));

function setOf(pieces: readonly number[]): Bitfield {
  const set = new Bitfield(SIZE);
  for (const piece of pieces) set.add(pieceIndex(piece));
  return set;
}

describe('overlap', () => {
  it('finds the first and last common and uncommon pieces of any range, like a walk piece by piece', () => {
    const sets = fc.oneof(members, sparse, fc.constant(Array.from({ length: SIZE }, (_, i) => i)));
    fc.assert(
      fc.property(sets, sets, range, (inA, inB, [from, to]) => {
        const a = setOf(inA);
        const b = setOf(inB);
        const walked = inA.filter((piece) => piece >= from && piece < to).sort((x, y) => x - y);
        const both = walked.filter((piece) => b.has(pieceIndex(piece)));
        const only = walked.filter((piece) => !b.has(pieceIndex(piece)));
        expect(firstCommon(a, b, from, to)).toBe(both[0] ?? -1);
        expect(lastCommon(a, b, from, to)).toBe(both.at(-1) ?? -1);
        expect(firstOnlyIn(a, b, from, to)).toBe(only[0] ?? -1);
        expect(lastOnlyIn(a, b, from, to)).toBe(only.at(-1) ?? -1);
      }),
      { numRuns: 500 },
    );
  });

  it('counts members, and finds where the first or the last few of them lie', () => {
    fc.assert(
      fc.property(fc.oneof(members, sparse), range, fc.integer({ min: 1, max: SIZE }), (inSet, [from, to], wanted) => {
        const set = setOf(inSet);
        const walked = inSet.filter((piece) => piece >= from && piece < to).sort((x, y) => x - y);
        expect(countIn(set, from, to)).toBe(walked.length);
        const enough = walked.length >= wanted;
        expect(endOfFirst(set, from, to, wanted)).toBe(enough ? walked[wanted - 1]! + 1 : to);
        expect(startOfLast(set, from, to, wanted)).toBe(enough ? walked.at(-wanted)! : from);
      }),
      { numRuns: 500 },
    );
  });
});
