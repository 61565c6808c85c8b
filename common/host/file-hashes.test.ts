import { closeSync, ftruncateSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { toHex } from '../base/bytes.ts';
import { type Digest, type PieceIndex, pieceIndex } from '../base/ids.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import { Geometry } from '../content/geometry.ts';
import { foldRoot, rootOfBytes } from '../content/merkle.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { contentOf, layerOfFile } from '../fixtures/trees.ts';
import { vectors } from '../fixtures/vectors.ts';
import { checkPieces, digestPieces, singleFile } from './file-hashes.ts';
import { HashPool } from './hasher.ts';

const hasher = new HashPool({ threads: 2 });
afterAll(() => hasher.close());

const open = new Set<number>();
afterEach(() => {
  for (const fd of open) closeSync(fd);
  open.clear();
});

function fileOf(bytes: Uint8Array): { readonly path: string; readonly fd: number } {
  const path = join(temporaryDirectory(), 'content.bin');
  writeFileSync(path, bytes);
  const fd = openSync(path, 'r+');
  open.add(fd);
  return { path, fd };
}

const geometry = (lengthBytes: number, pieceBytes: number): Geometry =>
  new Geometry({ pieceBytes, files: [{ path: ['content.bin'], lengthBytes }], layout: 'aligned' });

/** The merkle roots of all pieces of a file. */
const rootsIn = async (work: {
  readonly file: { readonly path: string; readonly fd: number };
  readonly pieces: Geometry;
  readonly onProgress?: (doneBytes: number) => void;
  readonly stop?: AbortSignal;
}): Promise<Uint8Array> => {
  const { file, pieces } = work;
  const digests = await digestPieces({
    ...work,
    hasher,
    files: singleFile(file),
    pieceCount: pieces.pieceCount,
    hashing: (piece) => ({ leafSlots: pieces.leafSlots(piece), zeroBytes: undefined }),
    formats: { merkle: true, sha1: false },
  });
  return digests.roots;
};

const rootsOf = (bytes: Uint8Array, pieceBytes: number): Promise<Uint8Array> => {
  const pieces = geometry(bytes.length, pieceBytes);
  return rootsIn({ file: fileOf(bytes), pieces });
};

const merkle = (root: Uint8Array, leafSlots: number): PieceCheck => ({
  root: root as Digest,
  leafSlots,
  sha1: undefined,
  zeroBytes: undefined,
});

describe('file hashes: all pieces', () => {
  it.each(Object.keys(vectors.files).filter((name) => /^s\d+\.bin$/.test(name)))(
    '[fault 52] %s has the roots that another implementation found',
    async (name) => {
      const { pieces_root, piece_layers, length } = vectors.files[name]!;
      for (const pieceBytes of [16_384, 32_768, 524_288]) {
        const roots = await rootsOf(contentOf(name), pieceBytes);
        const layer = piece_layers?.[pieceBytes];
        if (length === 0) expect(roots).toHaveLength(0);
        else if (length <= pieceBytes) expect(toHex(roots)).toBe(pieces_root);
        else if (Array.isArray(layer)) expect(toHex(roots)).toBe((layer as string[]).join(''));
        else expect(toHex(roots)).toBe(toHex(layerOfFile(name, Math.log2(pieceBytes / 16_384))));
      }
    },
  );

  it('finds the same roots with pieces larger than one read', async () => {
    const bytes = contentOf('s10577202.bin');
    const roots = await rootsOf(bytes, 4 * 2 ** 20);
    expect(roots).toHaveLength(3 * 32);
    for (let piece = 0; piece < 3; piece++) {
      const part = bytes.subarray(piece * 4 * 2 ** 20, (piece + 1) * 4 * 2 ** 20);
      expect(toHex(roots.subarray(piece * 32, piece * 32 + 32))).toBe(toHex(rootOfBytes(part, 256)));
    }
    const whole = await rootsOf(bytes, 16 * 2 ** 20);
    expect(toHex(whole)).toBe(vectors.files['s10577202.bin']!.pieces_root);
  });

  it('takes holes for the zeros they are, also in part', async () => {
    const pieceBytes = 4 * 2 ** 20;
    const size = 2 * pieceBytes + 50_000;
    const bytes = new Uint8Array(size);
    // Zeros first and last, data in the middle of the first piece only.
    bytes.set(contentOf('s49153.bin'), 2 * 2 ** 20 + 5);
    const roots = await rootsOf(bytes, pieceBytes);
    for (let piece = 0; piece < 3; piece++) {
      const part = bytes.subarray(piece * pieceBytes, (piece + 1) * pieceBytes);
      expect(toHex(roots.subarray(piece * 32, piece * 32 + 32))).toBe(toHex(rootOfBytes(part, 256)));
    }
  });

  it('tells how far it is, up to all of it', async () => {
    const bytes = contentOf('s10577202.bin');
    const pieces = geometry(bytes.length, 2 ** 20);
    const seen: number[] = [];
    await rootsIn({
      file: fileOf(bytes),
      pieces,
      onProgress: (doneBytes) => seen.push(doneBytes),
    });
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toBe(bytes.length);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('[fault 46] notices a file that is shorter than it was', async () => {
    const bytes = contentOf('s1572869.bin');
    const file = fileOf(bytes);
    truncateSync(file.path, bytes.length - 1);
    const pieces = geometry(bytes.length, 524_288);
    await expect(rootsIn({ file, pieces })).rejects.toMatchObject({
      name: 'StoreError',
      failure: 'changed',
      message: expect.stringContaining(file.path) as string,
    });
  });

  it('[fault 54] stops early when asked to', async () => {
    const stop = new AbortController();
    const bytes = new Uint8Array(100 * 2 ** 20);
    const pieces = geometry(bytes.length, 2 ** 20);
    let doneBytes = 0;
    const work = rootsIn({
      file: fileOf(bytes),
      pieces,
      stop: stop.signal,
      onProgress: (done) => {
        doneBytes = done;
        stop.abort();
      },
    });
    await expect(work).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(doneBytes).toBeLessThan(bytes.length);
  });

  it('[fault 48] names the path and the errno of a failing read', async () => {
    const directory = temporaryDirectory();
    const fd = openSync(directory, 'r');
    open.add(fd);
    const pieces = geometry(100, 16_384);
    await expect(rootsIn({ file: { path: directory, fd }, pieces })).rejects.toMatchObject({
      failure: 'failed',
      message: expect.stringMatching(/^cannot read .*shoal-test-.*EISDIR/) as string,
    });
  });
});

describe('file hashes: pieces that are claimed', () => {
  const bytes = contentOf('s10577202.bin');
  const pieceBytes = 524_288;
  const pieces = geometry(bytes.length, pieceBytes);
  const layer = layerOfFile('s10577202.bin', 5);
  const all = Array.from({ length: pieces.pieceCount }, (_, index) => pieceIndex(index));

  async function check(file: { path: string; fd: number }, claimed: Iterable<PieceIndex> = all): Promise<number[]> {
    const right: number[] = [];
    let checked = 0;
    await checkPieces({
      hasher,
      files: singleFile(file),
      pieces,
      claimed,
      checkOf: (piece) => merkle(layer.subarray(piece * 32, piece * 32 + 32), 32),
      onChecked: (piece, isRight) => {
        checked++;
        if (isRight) right.push(piece);
      },
    });
    expect(checked).toBe([...claimed].length);
    return right.toSorted((a, b) => a - b);
  }

  it('finds every piece of a whole file', async () => {
    expect(await check(fileOf(bytes))).toEqual([...all]);
  });

  it('[fault 50] finds the pieces that were written to, and what was cut off', async () => {
    const file = fileOf(bytes);
    writeSync(file.fd, Uint8Array.of(bytes[3 * pieceBytes]! ^ 1), 0, 1, 3 * pieceBytes);
    writeSync(file.fd, Uint8Array.of(bytes[8 * pieceBytes - 1]! ^ 1), 0, 1, 8 * pieceBytes - 1);
    ftruncateSync(file.fd, 19 * pieceBytes + 1);
    expect(await check(file)).toEqual(all.filter((piece) => ![3, 7, 19, 20].includes(piece)));
  });

  it('[fault 50] does not mind a file that grew', async () => {
    const file = fileOf(bytes);
    ftruncateSync(file.fd, bytes.length + 1_000_000);
    expect(await check(file)).toEqual([...all]);
  });

  it('looks at nothing but what is claimed', async () => {
    expect(await check(fileOf(bytes), [20, 2, 4].map(pieceIndex))).toEqual([2, 4, 20]);
    expect(await check(fileOf(bytes), [])).toEqual([]);
  });

  it('takes a hole for a wrong piece, and for a right one where zeros are right', async () => {
    const file = fileOf(new Uint8Array(0));
    ftruncateSync(file.fd, bytes.length);
    expect(await check(file)).toEqual([]);
    const zeroRoot = foldRoot(rootOfBytes(new Uint8Array(16_384), 1), 1);
    const small = geometry(16_384, 16_384);
    const right: boolean[] = [];
    await checkPieces({
      hasher,
      files: singleFile(file),
      pieces: small,
      claimed: [pieceIndex(0)],
      checkOf: () => merkle(zeroRoot, 1),
      onChecked: (_piece, isRight) => right.push(isRight),
    });
    expect(right).toEqual([true]);
  });
});
