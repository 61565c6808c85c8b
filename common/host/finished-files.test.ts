import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import type { FinishedStore, TargetShape } from '../base/target-ports.ts';
import { Geometry } from '../content/geometry.ts';
import { generate } from '../fixtures/generate.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { HostClock } from './clock.ts';
import { realDisk } from './disk.ts';
import { openFinished } from './finished-files.ts';
import { PartFile } from './part-file.ts';

const PIECE = 16_384;
const CONTENT = generate(3 * PIECE + 100, 7);
const SINGLE = new Geometry({
  pieceBytes: PIECE,
  files: [{ path: ['content.bin'], lengthBytes: CONTENT.length }],
  layout: 'aligned',
});
const TREE = new Geometry({
  pieceBytes: PIECE,
  files: [
    { path: ['a.bin'], lengthBytes: PIECE },
    { path: ['sub', 'b.bin'], lengthBytes: 2 * PIECE },
  ],
  layout: 'aligned',
});
const ALL: TargetShape = { isDirectory: false, isChosen: () => true };

const open = (path: string, places = SINGLE, shape = ALL): Promise<FinishedStore> =>
  openFinished({ path, places, shape, disk: realDisk, clock: new HostClock() });

async function bytesOf(store: FinishedStore, piece: number, sizeBytes = PIECE): Promise<Uint8Array> {
  const into = new Uint8Array(sizeBytes);
  await store.read(pieceIndex(piece), 0, into);
  return into;
}

function single(): string {
  const path = join(temporaryDirectory(), 'content.bin');
  writeFileSync(path, CONTENT);
  return path;
}

describe('a finished file', () => {
  it('is read, and is what it was', async () => {
    const store = await open(single());
    expect(equalBytes(await bytesOf(store, 1), CONTENT.subarray(PIECE, 2 * PIECE))).toBe(true);
    expect(equalBytes(await bytesOf(store, 3, 100), CONTENT.subarray(3 * PIECE))).toBe(true);
    await store.check();
    await store.close();
  });

  it('may be the part file of a moment ago, which is still open', async () => {
    const path = join(temporaryDirectory(), 'content.bin');
    const part = await PartFile.open({
      path: `${path}.part`,
      sizeBytes: CONTENT.length,
      pieces: SINGLE,
      disk: realDisk,
    });
    for (let piece = 0; piece < 4; piece++) {
      await part.write(pieceIndex(piece), CONTENT.subarray(piece * PIECE, (piece + 1) * PIECE));
    }
    await part.finish(path, { replace: false });
    const store = await open(path);
    const fromPart = new Uint8Array(PIECE);
    await part.read(pieceIndex(2), 0, fromPart);
    expect(equalBytes(await bytesOf(store, 2), fromPart)).toBe(true);
    await part.close();
    await store.check();
    await store.close();
  });

  it.each<readonly [string, (path: string) => void]>([
    ['written to', (path) => writeFileSync(path, 'x', { flag: 'a' })],
    ['touched', (path) => utimesSync(path, 1, 1)],
    ['deleted', (path) => rmSync(path)],
    [
      'replaced',
      (path) => {
        writeFileSync(`${path}.new`, CONTENT);
        renameSync(`${path}.new`, path);
      },
    ],
  ])('that is %s fails its check, and is not read any more', async (_what, change) => {
    const path = single();
    const store = await open(path);
    await bytesOf(store, 0);
    change(path);
    await expect(store.check()).rejects.toMatchObject({ failure: 'changed' });
    await expect(bytesOf(store, 0)).rejects.toMatchObject({ failure: 'changed' });
    await store.close();
  });

  it('is not opened when it is not there, or not in its size', async () => {
    const path = single();
    await expect(open(`${path}.other`)).rejects.toMatchObject({ failure: 'changed' });
    writeFileSync(path, 'short');
    await expect(open(path)).rejects.toMatchObject({ failure: 'changed' });
  });

  it('is never written to', async () => {
    const store = await open(single());
    await expect(store.write(pieceIndex(0), CONTENT.subarray(0, PIECE))).rejects.toMatchObject({ failure: 'failed' });
    await store.close();
  });
});

describe('a finished directory', () => {
  const shape: TargetShape = { isDirectory: true, isChosen: () => true };

  function tree(): string {
    const root = join(temporaryDirectory(), 'tree');
    mkdirSync(join(root, 'sub'), { recursive: true });
    writeFileSync(join(root, 'a.bin'), CONTENT.subarray(0, PIECE));
    writeFileSync(join(root, 'sub', 'b.bin'), CONTENT.subarray(PIECE, 3 * PIECE));
    return root;
  }

  it('is read file by file', async () => {
    const store = await open(tree(), TREE, shape);
    expect(equalBytes(await bytesOf(store, 2), CONTENT.subarray(2 * PIECE, 3 * PIECE))).toBe(true);
    await store.check();
    await store.close();
  });

  it('need not have what was not chosen', async () => {
    const root = tree();
    rmSync(join(root, 'a.bin'));
    const store = await open(root, TREE, { isDirectory: true, isChosen: (file) => file.index === 1 });
    expect(equalBytes(await bytesOf(store, 1), CONTENT.subarray(PIECE, 2 * PIECE))).toBe(true);
    await store.check();
    await store.close();
  });

  it('is not opened with a link in the place of a file', async () => {
    const root = tree();
    renameSync(join(root, 'a.bin'), join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), join(root, 'a.bin'));
    await expect(open(root, TREE, shape)).rejects.toMatchObject({ failure: 'changed' });
  });
});
