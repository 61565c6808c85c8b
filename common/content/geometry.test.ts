import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES, KIB, MIB } from '../base/limits.ts';
import { vectors } from '../fixtures/vectors.ts';
import { Geometry, treeHeightOf } from './geometry.ts';

const of = (pieceBytes: number, lengths: readonly number[], layout: 'aligned' | 'packed' = 'aligned') =>
  new Geometry({ pieceBytes, layout, files: lengths.map((lengthBytes, i) => ({ path: [`f${i}`], lengthBytes })) });

const lengths = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200_000 })), {
  minLength: 1,
  maxLength: 12,
});
const layouts = fc.constantFrom('aligned' as const, 'packed' as const);

describe('the height of a tree', () => {
  it.each(Object.entries(vectors.files).filter(([, file]) => file.tree_height !== undefined))(
    'of %s is what another client says',
    (_name, file) => {
      expect(treeHeightOf(file.length)).toBe(file.tree_height);
    },
  );

  it('[fault 52] is right for no bytes, one byte, and more than 32 bits can count', () => {
    expect([0, 1, BLOCK_BYTES, BLOCK_BYTES + 1].map(treeHeightOf)).toEqual([0, 0, 0, 1]);
    expect(treeHeightOf(2 ** 52)).toBe(38);
    expect(treeHeightOf(Number.MAX_SAFE_INTEGER)).toBe(39);
  });
});

describe('pieces of v2 files', () => {
  it('never hold two files, and empty files have none', () => {
    const geometry = of(32 * KIB, [0, 1, 32 * KIB, 32 * KIB + 1, 0, 70_000, 0]);
    expect(geometry.pieceCount).toBe(7);
    expect(geometry.files.map((file) => [file.firstPiece, file.pieceCount])).toEqual([
      [0, 0],
      [0, 1],
      [1, 1],
      [2, 2],
      [4, 0],
      [4, 3],
      [7, 0],
    ]);
    const pieces = [0, 1, 2, 3, 4, 5, 6].map(pieceIndex);
    expect(pieces.map((piece) => geometry.fileOfPiece(piece).index)).toEqual([1, 2, 3, 3, 5, 5, 5]);
    expect(pieces.map((piece) => geometry.pieceSize(piece))).toEqual([1, 32768, 32768, 1, 32768, 32768, 4464]);
    expect(pieces.map((piece) => geometry.pieceOffsetInFile(piece))).toEqual([0, 0, 0, 32768, 0, 32768, 65536]);
  });

  it('are checked over the leaves of a piece, or over the own tree of a file not larger than one', () => {
    const geometry = of(512 * KIB, [1, 70_000, 512 * KIB, 512 * KIB + 1]);
    const slots = [0, 1, 2, 3, 4].map((piece) => geometry.leafSlots(pieceIndex(piece)));
    // 70,000 bytes are five leaves, padded to eight and not to a whole piece.
    expect(slots).toEqual([1, 8, 32, 32, 32]);
  });

  it('[fault 52] are counted without 32-bit arithmetic', () => {
    const fiveTiB = 5 * 2 ** 40;
    const geometry = of(4 * MIB, [7, fiveTiB + 1]);
    expect(geometry.pieceCount).toBe(1 + 5 * 2 ** 18 + 1);
    const last = pieceIndex(geometry.pieceCount - 1);
    expect(geometry.pieceOffsetInFile(last)).toBe(fiveTiB);
    expect(geometry.pieceSize(last)).toBe(1);
    expect(geometry.segmentsOf(last)).toMatchObject([{ offsetInFile: fiveTiB, lengthBytes: 1 }]);
  });

  it('are refused outside the piece space', () => {
    const geometry = of(16 * KIB, [1]);
    for (const piece of [-1, 1, Number.NaN]) {
      expect(() => geometry.fileOfPiece(pieceIndex(piece))).toThrow('there is no piece');
    }
  });
});

describe('pieces of v1 files', () => {
  it('run over the ends of files', () => {
    const geometry = of(100, [30, 0, 150, 20, 51], 'packed');
    expect([geometry.pieceCount, geometry.totalBytes]).toEqual([3, 251]);
    expect(geometry.files.map((file) => [file.firstPiece, file.pieceCount])).toEqual([
      [0, 1],
      [0, 0],
      [0, 2],
      [1, 1],
      [2, 1],
    ]);
    const segments = [0, 1, 2].map((piece) =>
      geometry.segmentsOf(pieceIndex(piece)).map((part) => [part.file.index, part.offsetInFile, part.lengthBytes]),
    );
    expect(segments).toEqual([
      [
        [0, 0, 30],
        [2, 0, 70],
      ],
      [
        [2, 70, 80],
        [3, 0, 20],
      ],
      [[4, 0, 51]],
    ]);
  });
});

describe('any layout', () => {
  it('covers every byte of every file once, in order', () => {
    fc.assert(
      fc.property(lengths, layouts, fc.constantFrom(16 * KIB, 32 * KIB, 64 * KIB), (sizes, layout, pieceBytes) => {
        const geometry = of(pieceBytes, sizes, layout);
        const covered = sizes.map(() => 0);
        for (let index = 0; index < geometry.pieceCount; index++) {
          const segments = geometry.segmentsOf(pieceIndex(index));
          for (const { file, offsetInFile, lengthBytes } of segments) {
            expect(offsetInFile).toBe(covered[file.index]);
            covered[file.index]! += lengthBytes;
            expect(index).toBeGreaterThanOrEqual(file.firstPiece);
            expect(index).toBeLessThan(file.firstPiece + file.pieceCount);
          }
          expect(segments.reduce((sum, part) => sum + part.lengthBytes, 0)).toBe(geometry.pieceSize(pieceIndex(index)));
          if (layout === 'aligned') expect(segments).toHaveLength(1);
        }
        expect(covered).toEqual(sizes);
        expect(geometry.totalBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
      }),
    );
  });
});
