import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equalBytes, utf8 } from '../base/bytes.ts';
import { instant, pieceIndex } from '../base/ids.ts';
import type { PlacedFile } from '../base/target-ports.ts';
import { Geometry } from '../content/geometry.ts';
import { generate } from '../fixtures/generate.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { fileBytes, metainfoFixture, pieceBytes } from '../fixtures/torrent-content.ts';
import { realDisk } from './disk.ts';
import { findSources, listSources, type SourceList } from './source-list.ts';
import { SourceStore, SourceTree } from './source-tree.ts';

class HandClock {
  at = 0;
  now = () => instant(this.at);
}

function layOut(files: Readonly<Record<string, Uint8Array | string>>): string {
  const root = temporaryDirectory();
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  return root;
}

async function list(...paths: readonly string[]): Promise<SourceList & { readonly skipped: string[] }> {
  const skipped: string[] = [];
  return { ...(await listSources(paths, { disk: realDisk, onSkipped: (path) => skipped.push(path) })), skipped };
}

const pathsIn = ({ files }: SourceList): string[] => files.map(({ components }) => components.join('/')).toSorted();

describe('source list', () => {
  it('of a file is that file, under the name it was given by', async () => {
    const root = layOut({ 'a.bin': 'abc' });
    symlinkSync(join(root, 'a.bin'), join(root, 'link.bin'));
    expect(await list(join(root, 'a.bin'))).toMatchObject({ name: 'a.bin', isDirectory: false });
    const linked = await list(join(root, 'link.bin'));
    expect(linked).toMatchObject({ name: 'link.bin', isDirectory: false });
    expect(pathsIn(linked)).toEqual(['link.bin']);
    expect(linked.files[0]!.identity.sizeBytes).toBe(3);
  });

  it('of a directory is all in it, empty files too, but no links and nothing that is no file', async () => {
    const root = layOut({ 'top/b': 'b', 'top/d/e/f': '', 'top/ odd\nname': 'x', outside: 'o' });
    symlinkSync(join(root, 'outside'), join(root, 'top', 'link'));
    symlinkSync(root, join(root, 'top', 'd', 'loop'));
    const found = await list(join(root, 'top'));
    expect(found).toMatchObject({ name: 'top', isDirectory: true });
    expect(pathsIn(found)).toEqual([' odd\nname', 'b', 'd/e/f']);
    expect(found.skipped.toSorted()).toEqual([join(root, 'top', 'd', 'loop'), join(root, 'top', 'link')]);
  });

  it('of several paths is the directory that they have in common, each file once', async () => {
    const root = layOut({ 'top/a/x': '1', 'top/a/y': '2', 'top/b/z': '3', 'top/c': '4' });
    const found = await list(join(root, 'top/a'), join(root, 'top/b/z'), join(root, 'top/a/x'));
    expect(found).toMatchObject({ name: 'top', isDirectory: true });
    expect(pathsIn(found)).toEqual(['a/x', 'a/y', 'b/z']);
    expect((await list(join(root, 'top/a/x'), join(root, 'top/a/y'))).name).toBe('a');
  });

  it('of a torrent finds each file under its harmless name or the one in the torrent, and nothing outside', async () => {
    const root = layOut({ 'top/what?': 'abc', 'top/a_b': 'abc', secret: 'abc' });
    const file = (index: number, path: string, raw?: string): PlacedFile => {
      const rawPath = raw?.split('|').map(utf8);
      return { index, path: [path], lengthBytes: 3, isPad: false, ...(rawPath === undefined ? {} : { rawPath }) };
    };
    const find = (...files: readonly PlacedFile[]) =>
      findSources({ top: join(root, 'top'), isDirectory: true, files, disk: realDisk });
    const found = await find(file(0, 'what_', 'what?'), file(1, 'a_b', 'a:b'));
    expect(found.map((one) => one?.path)).toEqual([join(root, 'top', 'what?'), join(root, 'top', 'a_b')]);
    for (const raw of ['..|secret', '../secret', '.|..|secret', '']) {
      await expect(find(file(0, '__secret', raw))).rejects.toMatchObject({
        failure: 'failed',
        message: expect.stringContaining('there is no file') as string,
      });
    }
  });

  it('[fault 48] says what cannot be shared, and why', async () => {
    await expect(list('/no/such/place')).rejects.toMatchObject({
      name: 'StoreError',
      message: expect.stringMatching(/^cannot share \/no\/such\/place: ENOENT/) as string,
    });
    await expect(list('/dev/null')).rejects.toMatchObject({
      message: expect.stringContaining('neither a file nor a directory') as string,
    });
  });
});

async function treeOf(root: string, geometry: Geometry) {
  const { files } = await list(root);
  const byPath = new Map(files.map((file) => [file.components.join('/'), file]));
  const clock = new HandClock();
  const ordered = geometry.files.map((file) => (file.isPad ? undefined : byPath.get(file.path.join('/'))!));
  const tree = new SourceTree({ files: ordered, disk: realDisk, clock });
  return { clock, tree, store: new SourceStore({ files: tree, pieces: geometry }) };
}

describe('source tree', () => {
  it.each(['multi.v2', 'multi.v1', 'many.v2'])('%s: reads every piece of a directory', async (name) => {
    const metainfo = metainfoFixture(name);
    const { geometry } = metainfo.info;
    const files = geometry.files.map((file) => [file.path.join('/'), fileBytes(metainfo, file)] as const);
    const { store } = await treeOf(layOut(Object.fromEntries(files)), geometry);
    await Promise.all(
      Array.from({ length: geometry.pieceCount }, async (_, index) => {
        const piece = pieceIndex(index);
        const bytes = pieceBytes(metainfo, geometry, piece);
        const into = new Uint8Array(bytes.length - 3);
        await store.read(piece, 3, into);
        expect(equalBytes(into, bytes.subarray(3))).toBe(true);
      }),
    );
    await store.close();
  });

  it('reads the padding of a hybrid as zeros', async () => {
    const metainfo = metainfoFixture('multi.hybrid');
    const { geometry } = metainfo.info.v1!;
    const files = geometry.files.flatMap((file) =>
      file.isPad ? [] : [[file.path.join('/'), fileBytes(metainfo, file)] as const],
    );
    const { store } = await treeOf(layOut(Object.fromEntries(files)), geometry);
    const into = new Uint8Array(geometry.pieceBytes).fill(7);
    await store.read(pieceIndex(0), 0, into);
    expect(equalBytes(into, pieceBytes(metainfo, geometry, pieceIndex(0)))).toBe(true);
    await store.close();
  });

  const few = new Geometry({
    pieceBytes: 16_384,
    files: ['a', 'b', 'c'].map((name) => ({ path: [name], lengthBytes: 100 })),
    layout: 'aligned',
  });
  const layOutFew = (): string => layOut({ a: generate(100, 1), b: generate(100, 2), c: generate(100, 3) });

  it.each<readonly [string, (path: string) => void]>([
    ['was written to', (path) => appendFileSync(path, 'x')],
    ['is gone', (path) => rmSync(path)],
    ['was replaced', (path) => (writeFileSync(`${path}.new`, readFileSync(path)), renameSync(`${path}.new`, path))],
  ])('[fault 46] serves nothing any more when a file %s, though nobody has read it', async (_what, change) => {
    const root = layOutFew();
    const { tree, store } = await treeOf(root, few);
    await store.read(pieceIndex(0), 0, new Uint8Array(10));
    await tree.check();
    change(join(root, 'b'));
    await expect(tree.check()).rejects.toMatchObject({ failure: 'changed' });
    await expect(store.read(pieceIndex(0), 0, new Uint8Array(10))).rejects.toMatchObject({ failure: 'changed' });
    await store.close();
  });

  it('[fault 46] does not open a file that is not the one that was described', async () => {
    const root = layOutFew();
    const { store } = await treeOf(root, few);
    writeFileSync(join(root, 'c.new'), generate(100, 3));
    renameSync(join(root, 'c.new'), join(root, 'c'));
    await expect(store.read(pieceIndex(2), 0, new Uint8Array(10))).rejects.toMatchObject({ failure: 'changed' });
    await store.close();
  });

  it('reads at once what is open and was looked at lately, and leaves the rest to the slow way', async () => {
    const root = layOutFew();
    const { clock, store } = await treeOf(root, few);
    const [into, wanted] = [new Uint8Array(60), generate(100, 2).subarray(40)];
    expect(store.readNow(pieceIndex(1), 40, into)).toBe(false);
    await store.read(pieceIndex(1), 40, new Uint8Array(60));
    expect(store.readNow(pieceIndex(1), 40, into)).toBe(true);
    expect(equalBytes(into, wanted)).toBe(true);
    expect(store.readNow(pieceIndex(0), 0, into)).toBe(false);
    clock.at = 500;
    expect(store.readNow(pieceIndex(1), 40, into)).toBe(false);
    await store.read(pieceIndex(1), 40, into);
    expect(store.readNow(pieceIndex(1), 40, into)).toBe(true);
    await store.close();
  });

  it('[fault 46] reads nothing at once either of a file that has become shorter', async () => {
    const root = layOutFew();
    const { store } = await treeOf(root, few);
    const into = new Uint8Array(60);
    await store.read(pieceIndex(1), 40, into);
    truncateSync(join(root, 'b'), 50);
    const changed = expect.objectContaining({ failure: 'changed' }) as Error;
    expect(() => store.readNow(pieceIndex(1), 40, into)).toThrow(changed);
    expect(() => store.readNow(pieceIndex(0), 0, into)).toThrow(changed);
    await expect(store.read(pieceIndex(0), 0, into)).rejects.toEqual(changed);
    await store.close();
  });

  it('refuses to write', async () => {
    const { store } = await treeOf(layOutFew(), few);
    await expect(store.write()).rejects.toMatchObject({ failure: 'failed' });
    await store.close();
  });
});
