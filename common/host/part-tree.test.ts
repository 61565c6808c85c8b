import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import type { TargetShape } from '../base/target-ports.ts';
import { Geometry } from '../content/geometry.ts';
import type { Metainfo } from '../content/metainfo.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { fileBytes, metainfoFixture, pieceBytes } from '../fixtures/torrent-content.ts';
import { describeStoreContract, STORED } from '../sim/contracts/store.ts';
import { type Disk, realDisk } from './disk.ts';
import { PartTree } from './part-tree.ts';

const ALL: TargetShape = { isDirectory: true, isChosen: () => true };

function placeFor(): { part: string; target: string } {
  const directory = temporaryDirectory();
  return { part: join(directory, 'multi.part'), target: join(directory, 'multi') };
}

const openTree = (path: string, places: Geometry, shape = ALL, disk: Disk = realDisk): Promise<PartTree> =>
  PartTree.open({ path, places, shape, disk });

async function writeAll(tree: PartTree, metainfo: Metainfo, isWanted = (_piece: number): boolean => true) {
  const { geometry } = metainfo.info;
  for (let piece = geometry.pieceCount - 1; piece >= 0; piece--) {
    if (isWanted(piece)) await tree.write(pieceIndex(piece), pieceBytes(metainfo, geometry, pieceIndex(piece)));
  }
}

describeStoreContract('the part tree of a v1 directory', async () => {
  const { pieceBytes: size, lengthBytes } = STORED;
  const parts = [1, 0, 100, size, lengthBytes - size - 101];
  const files = parts.map((length, i) => ({ path: [`d${i % 2}`, `${i}`], lengthBytes: length }));
  const geometry = new Geometry({ pieceBytes: size, files, layout: 'packed' });
  return { store: await openTree(placeFor().part, geometry), run: (promise) => promise };
});

describe('part tree', () => {
  it.each(['multi.v2', 'multi.hybrid', 'multi.v1', 'many.v2'])(
    '%s becomes the directory that it was, in one rename, and can be read before and after',
    async (name) => {
      const metainfo = metainfoFixture(name);
      const { geometry } = metainfo.info;
      const { part, target } = placeFor();
      const tree = await openTree(part, geometry);
      await writeAll(tree, metainfo);
      await tree.sync();
      expect(existsSync(target)).toBe(false);
      await tree.finish(target, { replace: false });
      expect(existsSync(part)).toBe(false);
      expect(tree.path).toBe(target);
      let count = 0;
      for (const file of geometry.files) {
        if (file.isPad) continue;
        count++;
        expect(equalBytes(readFileSync(join(target, ...file.path)), fileBytes(metainfo, file))).toBe(true);
      }
      expect(readdirSync(target, { recursive: true, withFileTypes: true }).filter((e) => e.isFile())).toHaveLength(
        count,
      );
      const last = pieceIndex(geometry.pieceCount - 1);
      const into = new Uint8Array(geometry.pieceSize(last));
      await tree.read(last, 0, into);
      expect(equalBytes(into, pieceBytes(metainfo, geometry, last))).toBe(true);
      await tree.close();
    },
  );

  it('never stores padding, and reads it as zeros', async () => {
    const metainfo = metainfoFixture('multi.hybrid');
    const { geometry } = metainfo.info.v1!;
    const { part } = placeFor();
    const tree = await openTree(part, geometry);
    const bytes = pieceBytes(metainfo, geometry, pieceIndex(0));
    await tree.write(pieceIndex(0), bytes);
    expect(readdirSync(part)).toEqual(['B-upper.bin']);
    const into = new Uint8Array(geometry.pieceBytes).fill(1);
    await tree.read(pieceIndex(0), 0, into);
    expect(equalBytes(into, bytes)).toBe(true);
    await tree.close();
  });

  it('makes nothing that was not chosen, though a piece reaches into it', async () => {
    const metainfo = metainfoFixture('multi.v1');
    const { geometry } = metainfo.info;
    const { part, target } = placeFor();
    const wanted = geometry.files.find((file) => file.path.join('/') === 'b.bin')!;
    const tree = await openTree(part, geometry, { isDirectory: true, isChosen: (file) => file.index === wanted.index });
    const end = wanted.firstPiece + wanted.pieceCount;
    await writeAll(tree, metainfo, (piece) => piece >= wanted.firstPiece && piece < end);
    await tree.finish(target, { replace: false });
    expect(readdirSync(target, { recursive: true })).toEqual(['b.bin']);
    expect(equalBytes(readFileSync(join(target, 'b.bin')), fileBytes(metainfo, wanted))).toBe(true);
    await tree.close();
  });

  it.each([
    ['the directory itself', (part: string, elsewhere: string) => symlinkSync(elsewhere, part)],
    [
      'a directory in it',
      (part: string, elsewhere: string) => (mkdirSync(part), symlinkSync(elsewhere, join(part, 'dir'))),
    ],
    [
      'a file in it',
      (part: string, elsewhere: string) => (
        mkdirSync(join(part, 'dir'), { recursive: true }),
        symlinkSync(join(elsewhere, 'victim'), join(part, 'dir', 'c.bin'))
      ),
    ],
  ])('[fault 25] refuses to write through a link in the place of %s', async (_what, plant) => {
    const { part } = placeFor();
    const elsewhere = temporaryDirectory();
    writeFileSync(join(elsewhere, 'victim'), 'untouched');
    plant(part, elsewhere);
    const metainfo = metainfoFixture('multi.v2');
    const work = openTree(part, metainfo.info.geometry).then((tree) => writeAll(tree, metainfo));
    await expect(work).rejects.toMatchObject({ name: 'StoreError', message: expect.stringMatching(/link/) as string });
    expect(readdirSync(elsewhere)).toEqual(['victim']);
    expect(readFileSync(join(elsewhere, 'victim'), 'utf8')).toBe('untouched');
  });

  it('refuses a target that exists, and with force keeps what was there beside it', async () => {
    const metainfo = metainfoFixture('multi.v2');
    const { part, target } = placeFor();
    mkdirSync(target);
    writeFileSync(join(target, 'mine'), 'mine');
    const tree = await openTree(part, metainfo.info.geometry);
    await writeAll(tree, metainfo);
    await expect(tree.finish(target, { replace: false })).rejects.toMatchObject({ code: 'TARGET_DIFFERS' });
    expect(readdirSync(target)).toEqual(['mine']);
    await tree.finish(target, { replace: true });
    expect(statSync(join(target, 'dir', 'empty.bin')).size).toBe(0);
    expect(readFileSync(join(`${target}.replaced-1`, 'mine'), 'utf8')).toBe('mine');
    await tree.close();
  });

  it('[fault 49] puts every file and directory on the disk before the rename', async () => {
    const metainfo = metainfoFixture('multi.v2');
    const { part, target } = placeFor();
    const steps: string[] = [];
    const disk: Disk = {
      ...realDisk,
      openToWrite: async (path) => {
        const file = await realDisk.openToWrite(path);
        const sync = file.sync.bind(file);
        file.sync = () => (steps.push(`sync ${path.slice(part.length + 1)}`), sync());
        return file;
      },
      syncDirectory: (path) => (steps.push(`directory ${path.slice(part.length + 1)}`), realDisk.syncDirectory(path)),
      rename: (from, to) => (steps.push('rename'), realDisk.rename(from, to)),
    };
    const tree = await openTree(part, metainfo.info.geometry, ALL, disk);
    await writeAll(tree, metainfo);
    await tree.finish(target, { replace: false });
    expect(steps.filter((step) => step.startsWith('sync '))).toHaveLength(10);
    expect(steps.slice(10)).toEqual(['directory dir/sub', 'directory dir', 'directory ', 'rename', 'directory ']);
    await tree.close();
  });

  it('[fault 48] names the path and the errno', async () => {
    const { part } = placeFor();
    mkdirSync(join(part, 'a.bin'), { recursive: true });
    const metainfo = metainfoFixture('multi.v2');
    const tree = await openTree(part, metainfo.info.geometry);
    await expect(writeAll(tree, metainfo)).rejects.toMatchObject({
      failure: 'failed',
      message: expect.stringMatching(/a\.bin.*EISDIR/) as string,
    });
    await tree.close();
  });
});
