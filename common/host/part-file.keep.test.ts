import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import { Geometry } from '../content/geometry.ts';
import { rootOfBytes } from '../content/merkle.ts';
import { generate } from '../fixtures/generate.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type Disk, realDisk } from './disk.ts';
import { HashPool } from './hasher.ts';
import { PartFile } from './part-file.ts';
import { sha1Of } from './sha1.ts';

const PIECE = 32_768;
const CONTENT = generate(2 * PIECE + 100, 7);
const GEOMETRY = new Geometry({
  pieceBytes: PIECE,
  files: [{ path: ['content.bin'], lengthBytes: CONTENT.length }],
  layout: 'aligned',
});

const threads = new HashPool({ threads: 2 });
afterAll(() => threads.close());

const partIn = (directory: string, disk: Disk = realDisk): Promise<PartFile> =>
  PartFile.open({
    path: join(directory, 'content.bin.part'),
    sizeBytes: CONTENT.length,
    pieces: GEOMETRY,
    disk,
    threads,
  });

/** In shared memory, as a download has it. */
function pieceOf(index: number): Uint8Array {
  const bytes = CONTENT.subarray(index * PIECE, (index + 1) * PIECE);
  const shared = new Uint8Array(new SharedArrayBuffer(PIECE)).subarray(0, bytes.length);
  shared.set(bytes);
  return shared;
}

const v2 = (bytes: Uint8Array): PieceCheck => ({
  root: rootOfBytes(bytes, 2),
  leafSlots: 2,
  sha1: undefined,
  zeroBytes: undefined,
});
const v1 = (bytes: Uint8Array): PieceCheck => ({
  root: undefined,
  leafSlots: undefined,
  sha1: sha1Of(bytes, 500),
  zeroBytes: 500,
});
const both = (bytes: Uint8Array): PieceCheck => ({ ...v1(bytes), root: rootOfBytes(bytes, 2), leafSlots: 2 });

describe('part file: verify and write in one go', () => {
  it.each([
    ['a root', v2],
    ['a SHA-1', v1],
    ['both', both],
  ])('writes pieces that are right by %s, all at once', async (_what, checkOf) => {
    const part = await partIn(temporaryDirectory());
    const kept = [2, 0, 1].map((index) => part.keep!(pieceIndex(index), pieceOf(index), checkOf(pieceOf(index))));
    expect(await Promise.all(kept)).toEqual([true, true, true]);
    expect(equalBytes(readFileSync(part.path), CONTENT)).toBe(true);
    await part.close();
  });

  it('[fault 35] writes nothing of a piece that is wrong in any way', async () => {
    const part = await partIn(temporaryDirectory());
    const bytes = pieceOf(0);
    const checks = [v2(pieceOf(1)), v1(pieceOf(1)), { ...both(bytes), sha1: new Uint8Array(20) }];
    checks.push({ ...both(bytes), root: v2(pieceOf(1)).root });
    for (const check of checks) expect(await part.keep!(pieceIndex(0), bytes, check)).toBe(false);
    expect(readFileSync(part.path).every((byte) => byte === 0)).toBe(true);
    await part.close();
  });

  it('never keeps a piece of which nothing is known', async () => {
    const part = await partIn(temporaryDirectory());
    const nothing = { root: undefined, leafSlots: undefined, sha1: undefined, zeroBytes: undefined };
    expect(await part.keep!(pieceIndex(0), pieceOf(0), nothing)).toBe(false);
    await part.close();
  });

  it('[fault 48] says which path could not be written, and why', async () => {
    const directory = temporaryDirectory();
    const reader = openSync(import.meta.filename, 'r');
    // A descriptor that is open for reading only.
    const disk: Disk = {
      ...realDisk,
      openToWrite: async (path) => {
        const file = await realDisk.openToWrite(path);
        return new Proxy(file, {
          get: (target, key) => {
            if (key === 'fd') return reader;
            const value: unknown = Reflect.get(target, key, target);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        });
      },
    };
    const part = await partIn(directory, disk);
    await expect(part.keep!(pieceIndex(0), pieceOf(0), v2(pieceOf(0)))).rejects.toMatchObject({
      name: 'StoreError',
      failure: 'failed',
      message: expect.stringContaining('content.bin.part') as string,
    });
    await part.close();
    closeSync(reader);
  });

  it('refuses a piece that is not as long as it should be: our own mistake', async () => {
    const part = await partIn(temporaryDirectory());
    await expect(part.keep!(pieceIndex(2), pieceOf(0), v2(pieceOf(0)))).rejects.toThrow('piece 2 is not 32768 bytes');
    await part.close();
  });

  it('cannot without threads', async () => {
    const path = join(temporaryDirectory(), 'content.bin.part');
    const part = await PartFile.open({ path, sizeBytes: CONTENT.length, pieces: GEOMETRY, disk: realDisk });
    expect(part.keep).toBeUndefined();
    await part.close();
  });
});
