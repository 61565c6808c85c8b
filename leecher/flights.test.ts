import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, pieceIndex } from '../common/base/ids.ts';
import { KIB } from '../common/base/limits.ts';
import { Flights } from './flights.ts';
import { Source } from './source.ts';

const START = instant(1_000);
const PIECE = pieceIndex(2);
const SIZE_BYTES = 256 * KIB;

/** One source fetches the piece; another could, to which it may be on its way. */
function setUp() {
  const coming = new Set<number>();
  const flights = new Flights();
  const one = new Source(1, Bitfield.full(4));
  const other = new Source(2, Bitfield.full(4), { isComing: (piece) => coming.has(piece), passesOn: true });
  flights.launch(one, PIECE, SIZE_BYTES, START);
  return { coming, flights, one, other };
}

describe('a source that has nothing to do', () => {
  it('joins what is under way at another', () => {
    const { flights, one, other } = setUp();
    expect(flights.isOpenTo(other, PIECE, START)).toBe(true);
    expect(flights.slowest(other, [one, other], () => 1_000, START)).toBe(PIECE);
  });

  it('does not join a piece that is on its way to it, maybe from us, until it has it', () => {
    const { coming, flights, one, other } = setUp();
    coming.add(PIECE);
    const now = after(START, 60_000);
    expect(flights.isOpenTo(other, PIECE, now)).toBe(false);
    expect(flights.slowest(other, [one, other], () => 1_000, now)).toBeUndefined();
    coming.delete(PIECE);
    expect(flights.isOpenTo(other, PIECE, now)).toBe(true);
  });

  it('may be the only one to fetch such a piece', () => {
    const { coming, flights, one, other } = setUp();
    coming.add(PIECE);
    expect(flights.land(flights.find(PIECE, one.id)!, START)).toBe(true);
    expect([other.mayTake(PIECE), flights.has(PIECE)]).toEqual([true, false]);
  });
});
