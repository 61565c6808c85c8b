import { expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { missingOf } from './missing.ts';

const of = (...pieces: readonly number[]): Bitfield => {
  const field = new Bitfield(20);
  for (const piece of pieces) field.add(pieceIndex(piece));
  return field;
};

it('what is needed, held by nobody and not under way is missing, in ranges', () => {
  const needed = of(1, 2, 3, 7, 8, 9, 10, 19);
  const holders = [{ pieces: of(3, 4) }, { pieces: of(9) }];
  const ranges = missingOf(needed, holders, (piece) => piece === 10);
  expect(ranges).toEqual([
    { first: 1, last: 2 },
    { first: 7, last: 8 },
    { first: 19, last: 19 },
  ]);
  expect(missingOf(of(), holders, () => false)).toEqual([]);
});
