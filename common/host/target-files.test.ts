import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join, sep } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES } from '../base/limits.ts';
import { StoreError } from '../base/ports.ts';
import { contentOfSize, type Content } from '../fixtures/content.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { HostClock } from './clock.ts';
import { type Disk, realDisk } from './disk.ts';
import { HashPool } from './hasher.ts';
import { realProcessTable } from './process-table.ts';
import { HostTargetFiles } from './target-files.ts';

const hasher = new HashPool({ threads: 2 });
afterAll(() => hasher.close());

const SINGLE = { isDirectory: false, isChosen: () => true };
/** 6 pieces of two blocks, the last one short. */
const CONTENT = contentOfSize(11 * BLOCK_BYTES + 9, 2 * BLOCK_BYTES);

const filesFor = (
  output: string | undefined,
  options: { readonly disk?: Disk; readonly stop?: AbortSignal } = {},
): HostTargetFiles =>
  new HostTargetFiles({
    disk: options.disk ?? realDisk,
    clock: new HostClock(),
    processes: realProcessTable(),
    hasher,
    output,
    stop: options.stop ?? new AbortController().signal,
  });

const pathFor = (output: string | undefined, name: string): Promise<string> =>
  filesFor(output).pathFor(name, CONTENT.info.geometry, SINGLE);

async function checkOf(path: string, content: Content = CONTENT): Promise<number[]> {
  const right = await filesFor(undefined).check(
    path,
    content.info.geometry,
    (piece) => content.checks.of(piece),
    () => undefined,
    SINGLE,
  );
  return [...right];
}

const errno = (code: string): Error => Object.assign(new Error(`${code}: it failed, test`), { code });

describe('where content goes', () => {
  it('into the working directory under its own name, when nothing is said', async () => {
    expect(await pathFor(undefined, 'image.iso')).toBe(join(process.cwd(), 'image.iso'));
  });

  it('into a directory that is there, or under the path that was given', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'sub'));
    symlinkSync(join(directory, 'sub'), join(directory, 'link'));
    expect(await pathFor(directory, 'image.iso')).toBe(join(directory, 'image.iso'));
    expect(await pathFor(directory + sep, 'image.iso')).toBe(join(directory, 'image.iso'));
    expect(await pathFor(join(directory, 'link'), 'a')).toBe(join(directory, 'link', 'a'));
    expect(await pathFor(join(directory, 'other.iso'), 'image.iso')).toBe(join(directory, 'other.iso'));
    writeFileSync(join(directory, 'there.iso'), '');
    expect(await pathFor(join(directory, 'there.iso'), 'a')).toBe(join(directory, 'there.iso'));
  });

  it('of a directory: into the one that is given, or to that itself when it is the same content already', async () => {
    const directory = temporaryDirectory();
    const { geometry } = CONTENT.info;
    const tree = { isDirectory: true, isChosen: () => true };
    const place = (): Promise<string> => filesFor(directory).pathFor('photos', geometry, tree);
    expect(await place()).toBe(join(directory, 'photos'));
    writeFileSync(join(directory, ...geometry.files[0]!.path), CONTENT.bytes);
    expect(await place()).toBe(directory);
    expect(await filesFor(directory + sep).pathFor('photos', geometry, tree)).toBe(join(directory, 'photos'));
  });

  it('nowhere that has no directory', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    for (const output of ['none/x.iso', `none${sep}`, `file${sep}`, 'file/x.iso']) {
      const rejected = pathFor(join(directory, output) + (output.endsWith(sep) ? sep : ''), 'a');
      await expect(rejected).rejects.toMatchObject({ code: 'FILE_ACCESS' });
    }
  });
});

describe('target files', () => {
  it('[fault 25] tells files from directories, and links from both', async () => {
    const directory = temporaryDirectory();
    const path = (name: string): string => join(directory, name);
    writeFileSync(path('file'), 'x');
    symlinkSync(path('file'), path('link'));
    symlinkSync(path('nowhere'), path('broken'));
    const files = filesFor(undefined);
    const kinds = ['none', 'file', '.', 'link', 'broken'].map((name) => files.kindOf(path(name)));
    expect(await Promise.all(kinds)).toEqual(['none', 'file', 'directory', 'other', 'other']);
  });

  it('[fault 47] knows how much of a file is on the disk, and how much room there is', async () => {
    const directory = temporaryDirectory();
    const files = filesFor(undefined);
    const path = join(directory, 'holes');
    const geometry = CONTENT.info.geometry;
    expect(await files.sizeOf(path, geometry, SINGLE)).toEqual({ fits: false, storedBytes: 0 });
    writeFileSync(path, '');
    truncateSync(path, CONTENT.bytes.length);
    const sparse = await files.sizeOf(path, geometry, SINGLE);
    expect(sparse.fits).toBe(true);
    expect(sparse.storedBytes).toBeLessThan(CONTENT.bytes.length);
    truncateSync(path, 5);
    expect((await files.sizeOf(path, geometry, SINGLE)).fits).toBe(false);
    expect(await files.freeBytes(path)).toBeGreaterThan(0);
    expect(await files.freeBytes(join(directory, 'not', 'yet', 'there'))).toBeGreaterThan(0);
  });

  it('[fault 51] one at a time holds a path; letting go leaves nothing', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'image.iso');
    const release = await filesFor(undefined).lock(path);
    await expect(filesFor(undefined).lock(path)).rejects.toMatchObject({ code: 'DOWNLOAD_LOCKED' });
    const other = await filesFor(undefined).lock(join(directory, 'other.iso'));
    await Promise.all([release(), other()]);
    await (
      await filesFor(undefined).lock(path)
    )();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('a part file is made in full size, verified as it is, and finished in one rename', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'content.bin');
    const files = filesFor(path);
    const part = await files.openPart(`${path}.part`, CONTENT.info.geometry, SINGLE);
    expect(statSync(`${path}.part`).size).toBe(CONTENT.bytes.length);
    for (const piece of [5, 0, 2]) await part.write(pieceIndex(piece), CONTENT.pieceOf(piece));
    expect(await checkOf(`${path}.part`)).toEqual([0, 2, 5]);
    for (const piece of [1, 3, 4]) await part.write(pieceIndex(piece), CONTENT.pieceOf(piece));
    await part.finish(path, { replace: false });
    await part.close();
    expect(readdirSync(directory)).toEqual(['content.bin']);
    expect(Buffer.compare(readFileSync(path), CONTENT.bytes)).toBe(0);
    expect(await checkOf(path)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it.each([1, BLOCK_BYTES, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1])(
    '[fault 52] checks a file of %i bytes',
    async (size) => {
      const content = contentOfSize(size, 2 * BLOCK_BYTES);
      const path = join(temporaryDirectory(), 'content.bin');
      writeFileSync(path, content.bytes);
      const all = Array.from({ length: content.info.geometry.pieceCount }, (_, piece) => piece);
      expect(await checkOf(path, content)).toEqual(all);
      truncateSync(path, size - 1);
      expect(await checkOf(path, content)).toEqual(all.slice(0, -1));
    },
  );

  it('[fault 50] finds what was changed, cut off or added since', async () => {
    const path = join(temporaryDirectory(), 'content.bin');
    const changed = CONTENT.bytes.slice();
    changed[3 * BLOCK_BYTES]! ^= 1;
    writeFileSync(path, changed);
    expect(await checkOf(path)).toEqual([0, 2, 3, 4, 5]);
    writeFileSync(path, CONTENT.bytes.subarray(0, 7 * BLOCK_BYTES));
    expect(await checkOf(path)).toEqual([0, 1, 2]);
    writeFileSync(path, Buffer.concat([CONTENT.bytes, Buffer.from('more')]));
    expect(await checkOf(path)).toEqual([0, 1, 2, 3, 4, 5]);
    writeFileSync(path, '');
    expect(await checkOf(path)).toEqual([]);
  });

  it('tells how far a check is, up to all of it', async () => {
    const path = join(temporaryDirectory(), 'content.bin');
    writeFileSync(path, CONTENT.bytes.subarray(0, 5));
    let bytes = 0;
    const { geometry } = CONTENT.info;
    const onChecked = (more: number): void => void (bytes += more);
    await filesFor(undefined).check(path, geometry, (piece) => CONTENT.checks.of(piece), onChecked, SINGLE);
    expect(bytes).toBe(CONTENT.bytes.length);
  });

  it('[fault 54] a check ends early when the program is told to stop', async () => {
    const path = join(temporaryDirectory(), 'content.bin');
    writeFileSync(path, CONTENT.bytes);
    const stop = new AbortController();
    stop.abort();
    const files = filesFor(undefined, { stop: stop.signal });
    const rejected = files.check(
      path,
      CONTENT.info.geometry,
      (piece) => CONTENT.checks.of(piece),
      () => undefined,
      SINGLE,
    );
    await expect(rejected).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('[fault 49] a note comes back whole or not at all', async () => {
    const path = join(temporaryDirectory(), 'content.bin.part.json');
    const state = { version: 1, verified: 'ff00' };
    await filesFor(undefined).writeState(path, state);
    expect(await filesFor(undefined).readState(path)).toEqual(state);
    const text = readFileSync(path, 'utf8');
    for (const torn of [
      '',
      text.slice(0, -9),
      text.replace('ff00', 'ffff'),
      '{}',
      '{"state":1}',
      '\u0000'.repeat(99),
    ]) {
      writeFileSync(path, torn);
      expect(await filesFor(undefined).readState(path)).toBeUndefined();
    }
    rmSync(path);
    expect(await filesFor(undefined).readState(path)).toBeUndefined();
  });

  it('removes notes, part files and part directories, but nothing else that is a directory', async () => {
    const directory = temporaryDirectory();
    const files = filesFor(undefined);
    mkdirSync(join(directory, 'tree.part', 'sub'), { recursive: true });
    mkdirSync(join(directory, 'tree'));
    writeFileSync(join(directory, 'file.part'), 'x');
    writeFileSync(join(directory, 'file.part.json'), '{}');
    for (const name of ['tree.part', 'file.part', 'file.part.json', 'none']) await files.remove(join(directory, name));
    expect(readdirSync(directory)).toEqual(['tree']);
    await expect(files.remove(join(directory, 'tree'))).rejects.toBeInstanceOf(StoreError);
    expect(existsSync(join(directory, 'tree'))).toBe(true);
  });

  it('[fault 48] what the system refuses is an error that names the path', async () => {
    const refuse = (): Promise<never> => Promise.reject(errno('EIO'));
    const disk: Disk = { ...realDisk, openToRead: refuse, openToWrite: refuse, status: refuse, remove: refuse };
    const files = filesFor(undefined, { disk });
    const { geometry } = CONTENT.info;
    const calls: Promise<unknown>[] = [
      files.kindOf('/x/content.bin'),
      files.sizeOf('/x/content.bin', geometry, SINGLE),
      files.openPart('/x/content.bin.part', geometry, SINGLE),
      files.check(
        '/x/content.bin',
        geometry,
        (piece) => CONTENT.checks.of(piece),
        () => undefined,
        SINGLE,
      ),
      files.readState('/x/content.bin.part.json'),
      files.remove('/x/content.bin.part'),
    ];
    for (const call of calls) {
      const error: unknown = await call.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ failure: 'failed', message: expect.stringContaining('/x/content.bin') as string });
    }
  });

  it('[fault 25] writes through no link', async () => {
    const directory = temporaryDirectory();
    const precious = join(directory, 'precious');
    writeFileSync(precious, 'keep me');
    symlinkSync(precious, join(directory, 'content.bin.part'));
    const opened = filesFor(undefined).openPart(join(directory, 'content.bin.part'), CONTENT.info.geometry, SINGLE);
    await expect(opened).rejects.toBeInstanceOf(StoreError);
    expect(readFileSync(precious, 'utf8')).toBe('keep me');
  });
});
