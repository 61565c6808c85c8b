import { describe, expect, it } from 'vitest';
import type { PieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES } from '../base/limits.ts';
import { Geometry } from '../content/geometry.ts';
import { judgeRequest } from './request-judge.ts';

const PIECE = 65_536;
/** Two files: pieces 0 … 2 (the last of 20,000 bytes), and piece 3 (of 5 bytes). */
const geometry = new Geometry({
  pieceBytes: PIECE,
  files: [
    { path: ['a'], lengthBytes: 2 * PIECE + 20_000 },
    { path: ['b'], lengthBytes: 5 },
  ],
  layout: 'aligned',
});
const offerOf = (piece: PieceIndex) => (['offered', 'none', 'offered', 'offered'] as const)[piece]!;
const facts = { content: { info: new Uint8Array(0), geometry, isPrivate: false }, offerOf, blockBytes: BLOCK_BYTES };
const judge = (piece: number, begin: number, length: number, blockBytes = BLOCK_BYTES) =>
  judgeRequest({ piece, begin, length }, { ...facts, blockBytes });

describe('a request', () => {
  it.each([
    ['for a block', 0, 16_384, 16_384],
    ['for one byte', 0, 65_535, 1],
    ['that is not aligned', 0, 100, 16_384],
    ['for the end of a file, exactly', 2, 16_384, 20_000 - 16_384],
    ['for the end of a file and zeros after it, as libtorrent 2.0 asks', 2, 16_384, 16_384],
    ['for a tiny file and zeros after it', 3, 0, 16_384],
  ])('%s is fine', (_, piece, begin, length) => {
    expect(judge(piece, begin, length)).toBe('fine');
  });

  it.each([
    ['for no piece of the torrent', 4, 0, 16_384],
    ['for a piece that is negative as a signed number', 0xffffffff, 0, 16_384],
    ['of no length', 0, 0, 0],
    ['for more than 16 KiB', 0, 0, 16_385],
    ['of 4 GiB', 0, 0, 0xffffffff],
    ['past the end of the piece', 0, 65_536, 1],
    ['across the end of the piece', 0, 49_153, 16_384],
    ['wholly past the end of a file', 2, 32_768, 16_384],
    ['that begins far out', 0, 0xffffffff, 16_384],
  ])('[fault 32] %s is out of range', (_, piece, begin, length) => {
    expect(judge(piece, begin, length)).toBe('out-of-range');
  });

  it('for a piece that is not offered is told apart', () => {
    expect(judge(1, 0, 16_384)).toBe('not-offered');
  });

  it('for a piece that was offered while it came, and does not come any more, is told apart too', () => {
    const ref = { piece: 0, begin: 0, length: 16_384 };
    expect(judgeRequest(ref, { ...facts, offerOf: () => 'withdrawn' })).toBe('withdrawn');
  });

  it('before the content is known cannot be', () => {
    expect(judgeRequest({ piece: 0, begin: 0, length: 1 }, { ...facts, content: undefined })).toBe('out-of-range');
  });
});

describe('a request for more than a block, where that was agreed on', () => {
  it.each([
    ['for a whole piece', 0, 0, 65_536, 'fine'],
    ['for two blocks', 0, 16_384, 32_768, 'fine'],
    ['that ends with the file', 2, 0, 20_000, 'fine'],
    ['past the end of the file', 2, 0, 32_768, 'out-of-range'],
    ['that is not aligned', 0, 1, 32_768, 'out-of-range'],
    ['of part of a block in the middle', 0, 0, 20_000, 'out-of-range'],
    ['for more than was agreed on', 0, 0, 65_537, 'out-of-range'],
  ])('%s is judged', (_, piece, begin, length, verdict) => {
    expect(judge(piece, begin, length, PIECE)).toBe(verdict);
  });
});
