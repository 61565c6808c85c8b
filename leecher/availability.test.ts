import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { Availability } from './availability.ts';

const SIZE = 21;

function setOf(pieces: Iterable<number>): Bitfield {
  const set = new Bitfield(SIZE);
  for (const piece of pieces) set.add(pieceIndex(piece));
  return set;
}

const anySet = fc.oneof(
  fc.constant(Array.from({ length: SIZE }, (_, piece) => piece)),
  fc.uniqueArray(fc.nat(SIZE - 1), { maxLength: SIZE }),
);

describe('availability', () => {
  it('counts a source twice for nothing it says twice', () => {
    const availability = new Availability(SIZE);
    const holder = { pieces: setOf([3]) };
    availability.add(holder);
    availability.gained(holder, pieceIndex(3));
    availability.changed(holder);
    expect([2, 3].map((piece) => availability.of(piece))).toEqual([0, 1]);
    availability.remove(holder);
    availability.remove(holder);
    expect(availability.of(3)).toBe(0);
  });

  it('is the number of sources that hold a piece, whatever they gain, take back or name anew', () => {
    const step = fc.record({
      kind: fc.constantFrom('join', 'leave', 'gain', 'change'),
      who: fc.nat(5),
      piece: fc.nat(SIZE - 1),
      pieces: anySet,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const availability = new Availability(SIZE);
        const present = new Map<number, { readonly pieces: Bitfield }>();
        for (const { kind, who, piece, pieces } of steps) {
          const holder = present.get(who);
          if (kind === 'join' && holder === undefined) {
            const fresh = { pieces: setOf(pieces) };
            present.set(who, fresh);
            availability.add(fresh);
          }
          if (holder === undefined) continue;
          if (kind === 'leave') {
            present.delete(who);
            availability.remove(holder);
          }
          if (kind === 'gain') {
            holder.pieces.add(pieceIndex(piece));
            availability.gained(holder, pieceIndex(piece));
          }
          if (kind === 'change') {
            holder.pieces.become(setOf(pieces));
            availability.changed(holder);
          }
          for (let each = 0; each < SIZE; each++) {
            const holders = [...present.values()].filter((one) => one.pieces.has(pieceIndex(each)));
            expect(availability.of(each)).toBe(holders.length);
          }
        }
      }),
    );
  });
});
