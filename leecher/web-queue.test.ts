import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pieceIndex } from '../common/base/ids.ts';
import { Geometry } from '../common/content/geometry.ts';
import { endByteOf, firstByteOf, WebQueue, type WebRun } from './web-queue.ts';

const KIB_16 = 16_384;
/** Four pieces and a bit of one file. */
const one = new Geometry({ pieceBytes: 4 * KIB_16, layout: 'aligned', files: [{ path: ['a'], lengthBytes: 270_000 }] });
/** v1: a piece holds several files, and padding. */
const packed = new Geometry({
  pieceBytes: 100,
  layout: 'packed',
  files: [
    { path: ['a'], lengthBytes: 30 },
    { path: ['.pad'], lengthBytes: 20, isPad: true },
    { path: ['b'], lengthBytes: 175 },
  ],
});

const spanOf = (run: WebRun | undefined): unknown =>
  run && [run.file.path[0], firstByteOf(run), endByteOf(run), run.parts.length];

describe('blocks that are wanted of a web seed', () => {
  it('are one GET when they are neighbours, over the borders of pieces, and up to the end of the file', () => {
    const queue = new WebQueue(one);
    queue.add(pieceIndex(3), 2 * KIB_16, 2 * KIB_16);
    queue.add(pieceIndex(4), 0, 270_000 - 4 * 65_536);
    queue.add(pieceIndex(0), 0, KIB_16);
    expect(spanOf(queue.takeRun(1_000_000))).toEqual(['a', 229_376, 270_000, 2]);
    expect(spanOf(queue.takeRun(1_000_000))).toEqual(['a', 0, KIB_16, 1]);
    expect(queue.takeRun(1_000_000)).toBeUndefined();
  });

  it('are cut where a GET would become too long, but never inside a block', () => {
    const queue = new WebQueue(one);
    for (const begin of [0, 1, 2]) queue.add(pieceIndex(0), begin * KIB_16, KIB_16);
    expect(spanOf(queue.takeRun(2 * KIB_16))).toEqual(['a', 0, 2 * KIB_16, 2]);
    expect(spanOf(queue.takeRun(5))).toEqual(['a', 2 * KIB_16, 3 * KIB_16, 1]);
  });

  it('are forgotten when they are cancelled', () => {
    const queue = new WebQueue(one);
    queue.add(pieceIndex(0), 0, KIB_16).isCancelled = true;
    queue.add(pieceIndex(0), KIB_16, KIB_16);
    queue.prune();
    expect(spanOf(queue.takeRun(1e6))).toEqual(['a', KIB_16, 2 * KIB_16, 1]);
  });

  it("are split over the files they touch, and padding is nobody's", () => {
    const queue = new WebQueue(packed);
    queue.add(pieceIndex(0), 10, 80);
    expect(queue.takePadding().map((part) => [part.offsetInBlock, part.lengthBytes])).toEqual([[20, 20]]);
    expect(spanOf(queue.takeRun(1e6))).toEqual(['a', 10, 30, 1]);
    expect(spanOf(queue.takeRun(1e6))).toEqual(['b', 0, 40, 1]);
  });

  it('can be taken in the order of the file, not too far ahead', () => {
    const queue = new WebQueue(one);
    for (const begin of [3, 1, 2]) queue.add(pieceIndex(0), begin * KIB_16, KIB_16);
    const [file] = one.files;
    expect(queue.takeAhead(file!, 3 * KIB_16 + 1, 1e6)).toBeUndefined();
    expect(queue.takeAhead(file!, 0, KIB_16 - 1)).toBeUndefined();
    expect(spanOf(queue.takeAhead(file!, 0, KIB_16))).toEqual(['a', KIB_16, 3 * KIB_16, 2]);
  });

  it('come out as the very bytes that went in', () => {
    const anyBlock = fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 99 }), fc.integer({ min: 1, max: 100 }));
    fc.assert(
      fc.property(fc.array(anyBlock, { maxLength: 8 }), fc.integer({ min: 1, max: 300 }), (blocks, most) => {
        const queue = new WebQueue(packed);
        let wanted = 0;
        for (const [piece, begin, length] of blocks) {
          const size = Math.min(length, packed.pieceSize(pieceIndex(piece)) - begin);
          if (size <= 0) continue;
          expect(queue.add(pieceIndex(piece), begin, size).restBytes).toBe(size);
          wanted += size;
        }
        const parts = queue.takePadding();
        for (let run = queue.takeRun(most); run !== undefined; run = queue.takeRun(most)) parts.push(...run.parts);
        for (const { block, offsetInBlock, file, offsetInFile, lengthBytes } of parts) {
          const inContent = block.piece * 100 + block.begin + offsetInBlock;
          expect(file.offsetBytes + offsetInFile).toBe(inContent);
          expect(offsetInBlock + lengthBytes).toBeLessThanOrEqual(block.length);
        }
        expect(parts.reduce((sum, part) => sum + part.lengthBytes, 0)).toBe(wanted);
      }),
    );
  });
});
