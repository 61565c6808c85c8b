import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, MAX_PIECES } from '../base/limits.ts';
import { MESSAGE } from '../wire/peer-messages.ts';
import { messageBounds, type BoundsFacts } from './message-bounds.ts';

const FACTS: BoundsFacts = { pieceCount: 20, pieceCountIsKnown: true, longestBlockBytes: BLOCK_BYTES, hashesAsked: 0 };
const SIZED = new Map<number, number>([
  [MESSAGE.choke, 1],
  [MESSAGE.unchoke, 1],
  [MESSAGE.interested, 1],
  [MESSAGE.notInterested, 1],
  [MESSAGE.have, 5],
  [MESSAGE.bitfield, 4],
  [MESSAGE.request, 13],
  [MESSAGE.cancel, 13],
  [MESSAGE.port, 3],
  [MESSAGE.suggest, 5],
  [MESSAGE.haveAll, 1],
  [MESSAGE.haveNone, 1],
  [MESSAGE.reject, 13],
  [MESSAGE.allowedFast, 5],
  [MESSAGE.hashRequest, 49],
  [MESSAGE.hashReject, 49],
]);

describe('the length of a message', () => {
  it.each(Object.entries(MESSAGE).filter(([, id]) => SIZED.has(id)))('[fault 30] %s is exactly one', (_, id) => {
    const length = SIZED.get(id)!;
    expect(messageBounds(id, FACTS)).toEqual({ min: length, max: length });
  });

  it('[fault 29] with any id stays far below a megabyte, whatever is known', () => {
    for (const pieceCountIsKnown of [true, false]) {
      for (let id = 0; id < 256; id++) {
        const { min, max } = messageBounds(id, { ...FACTS, pieceCount: MAX_PIECES, pieceCountIsKnown });
        expect(min).toBeGreaterThan(0);
        expect(max).toBeLessThanOrEqual(1 + MAX_PIECES / 8);
      }
    }
  });

  it('[fault 29] of a block is at most 16 KiB and its head, and more where more was agreed on', () => {
    expect(messageBounds(MESSAGE.piece, FACTS)).toEqual({ min: 10, max: 9 + BLOCK_BYTES });
    expect(messageBounds(MESSAGE.piece, { ...FACTS, longestBlockBytes: 131_072 }).max).toBe(9 + 131_072);
    expect(messageBounds(MESSAGE.piece, { ...FACTS, longestBlockBytes: 1_000 }).max).toBe(9 + BLOCK_BYTES);
  });

  it('of a bitfield may be any up to the largest before the content is known', () => {
    const facts = { ...FACTS, pieceCount: MAX_PIECES, pieceCountIsKnown: false };
    expect(messageBounds(MESSAGE.bitfield, facts)).toEqual({ min: 2, max: 1 + MAX_PIECES / 8 });
  });

  it('[fault 39] of hashes depends on what was asked for', () => {
    expect(messageBounds(MESSAGE.hashes, FACTS).max).toBeLessThan(4096);
    expect(messageBounds(MESSAGE.hashes, { ...FACTS, hashesAsked: 512 })).toEqual({
      min: 49,
      max: 49 + 32 * (512 + 64),
    });
  });

  it('[fault 41] of an extended message is at least its number and at most 64 KiB', () => {
    expect(messageBounds(MESSAGE.extended, FACTS)).toEqual({ min: 2, max: 65_536 });
  });

  it('[fault 30] with an id that nobody knows is at most 1 KiB', () => {
    for (const id of [10, 11, 12, 18, 19, 24, 255]) {
      expect(messageBounds(id, FACTS)).toEqual({ min: 1, max: 1_024 });
    }
  });
});
