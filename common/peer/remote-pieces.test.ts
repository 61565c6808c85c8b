import { describe, expect, it } from 'vitest';
import { MAX_PIECES } from '../base/limits.ts';
import { RemotePieces } from './remote-pieces.ts';

const bits = (...bytes: number[]) => ({ kind: 'bits' as const, bytes: Uint8Array.from(bytes) });
const known = (pieceCount: number): RemotePieces => {
  const pieces = new RemotePieces();
  pieces.adopt(pieceCount);
  return pieces;
};
const members = (pieces: RemotePieces): number[] => [...pieces.field!];

describe('with a known piece count', () => {
  it('a peer that said nothing has nothing', () => {
    expect(members(known(10))).toEqual([]);
  });

  it('a statement replaces what was said before, at any time', () => {
    const pieces = known(10);
    const { field } = pieces;
    expect(pieces.state(bits(0b10110000, 0b01000000))).toBe(true);
    expect(members(pieces)).toEqual([0, 2, 3, 9]);
    pieces.state({ kind: 'all' });
    expect(pieces.field!.isFull).toBe(true);
    pieces.state(bits(0b10000000, 0));
    expect(members(pieces)).toEqual([0]);
    pieces.state({ kind: 'none' });
    expect(members(pieces)).toEqual([]);
    expect(pieces.field).toBe(field);
  });

  it.each([
    ['[fault 31] too short', bits(0xff)],
    ['[fault 31] too long', bits(0xff, 0xc0, 0)],
    ['[fault 31] with a spare bit set', bits(0xff, 0xe0)],
  ])('a bitfield %s cannot be, and changes nothing', (_, statement) => {
    const pieces = known(10);
    pieces.have(4);
    expect(pieces.state(statement)).toBe(false);
    expect(members(pieces)).toEqual([4]);
  });

  it('a have adds one piece; a second one of it is nothing new', () => {
    const pieces = known(10);
    expect([pieces.have(9), pieces.have(9)]).toEqual(['new', 'kept']);
    expect(members(pieces)).toEqual([9]);
  });

  it.each([10, 11, 0x80000000, 0xffffffff])('[fault 31] a have of piece %d of 10 cannot be', (piece) => {
    expect(known(10).have(piece)).toBe('impossible');
  });
});

describe('before the piece count is known', () => {
  it.each([
    ['have all', { kind: 'all' } as const, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['have none', { kind: 'none' } as const, []],
    ['a bitfield', bits(0b10000000, 0b01000000), [0, 9]],
  ])('%s is kept and judged later', (_, statement, expected) => {
    const pieces = new RemotePieces();
    expect(pieces.state(statement)).toBe(true);
    expect(pieces.field).toBeUndefined();
    expect(pieces.adopt(10)).toBe(true);
    expect(members(pieces)).toEqual(expected);
  });

  it('haves are kept and added to what was stated; a statement replaces them', () => {
    const pieces = new RemotePieces();
    pieces.have(5);
    pieces.state(bits(0b10000000, 0));
    expect(pieces.have(9)).toBe('kept');
    pieces.adopt(10);
    expect(members(pieces)).toEqual([0, 9]);
  });

  it.each([
    ['a bitfield of the wrong size', (pieces: RemotePieces) => pieces.state(bits(0xff))],
    ['a spare bit', (pieces: RemotePieces) => pieces.state(bits(0xff, 0xff))],
    ['a have out of range', (pieces: RemotePieces) => pieces.have(10)],
  ])('[fault 31] %s comes to light later', (_, say) => {
    const pieces = new RemotePieces();
    say(pieces);
    expect(pieces.adopt(10)).toBe(false);
    expect(pieces.field).toBeUndefined();
  });

  it('haves are bounded, and so are their numbers', () => {
    const pieces = new RemotePieces();
    expect(pieces.have(MAX_PIECES)).toBe('impossible');
    let kept = 0;
    while (pieces.have(kept % 10) === 'kept') kept++;
    expect(kept).toBe(8_192);
    expect(pieces.adopt(10)).toBe(true);
  });
});
