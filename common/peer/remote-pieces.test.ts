import { describe, expect, it } from 'vitest';
import { MAX_COMING_PIECES, MAX_PIECES } from '../base/limits.ts';
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

describe('a piece on its way to the peer', () => {
  it('counts as one of its pieces, until it says that it does not come', () => {
    const pieces = known(10);
    expect([pieces.comes(3), pieces.comes(3), pieces.isComing(3)]).toEqual(['new', 'kept', true]);
    expect(members(pieces)).toEqual([3]);
    expect([pieces.have(3), pieces.have(3), pieces.isComing(3)]).toEqual(['whole', 'kept', false]);
    expect([pieces.comes(3), pieces.isComing(3)]).toEqual(['kept', false]);
    pieces.comes(4);
    expect([pieces.lose(4), pieces.lose(3), pieces.lose(9), pieces.lose(10)]).toEqual([true, true, true, false]);
    expect([members(pieces), pieces.isComing(4)]).toEqual([[], false]);
  });

  it('is over with a statement about all pieces', () => {
    const pieces = known(10);
    pieces.comes(3);
    pieces.state(bits(0b00010000, 0));
    expect([members(pieces), pieces.isComing(3), pieces.have(3)]).toEqual([[3], false, 'kept']);
  });

  it('does not make it a seed', () => {
    const pieces = known(2);
    expect([pieces.have(0), pieces.isSeed, pieces.comes(1), pieces.isSeed]).toEqual(['new', false, 'new', false]);
    expect([pieces.field!.isFull, pieces.have(1), pieces.isSeed]).toEqual([true, 'whole', true]);
    expect([new RemotePieces().isSeed, known(0).isSeed]).toEqual([false, false]);
  });

  it.each([10, 0xffffffff])('[fault 31] of number %d of 10 cannot be', (piece) => {
    expect(known(10).comes(piece)).toBe('impossible');
  });

  it('is forgotten before the piece count is known', () => {
    const pieces = new RemotePieces();
    expect([pieces.comes(3), pieces.comes(MAX_PIECES)]).toEqual(['kept', 'impossible']);
    pieces.adopt(10);
    expect([members(pieces), pieces.isComing(3)]).toEqual([[], false]);
  });

  it('is one of so many; more of them count once they are there', () => {
    const pieces = known(1_000);
    const said = Array.from({ length: MAX_COMING_PIECES + 1 }, (_, piece) => pieces.comes(piece));
    expect([said.at(-2), said.at(-1)]).toEqual(['new', 'kept']);
    expect(members(pieces)).toHaveLength(MAX_COMING_PIECES);
    expect(pieces.have(MAX_COMING_PIECES)).toBe('new');
    pieces.have(0);
    expect(pieces.comes(500)).toBe('new');
  });
});
