import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { instant, pieceIndex, type PieceIndex } from '../base/ids.ts';
import { type StoreFailure, StoreError } from '../base/ports.ts';
import { Geometry } from '../content/geometry.ts';
import { generate } from '../fixtures/generate.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type Disk, type DiskFile, freeBytes, realDisk } from './disk.ts';
import { SourceFile } from './source-file.ts';

const PIECE = 16_384;
const CONTENT = generate(3 * PIECE + 100, 7);

const temporary = (): string => join(temporaryDirectory(), 'content.bin');

/** A clock that is moved by hand. */
class HandClock {
  at = 0;
  now = () => instant(this.at);
}

async function sourceOf(content: Uint8Array, disk: Disk = realDisk) {
  const path = temporary();
  writeFileSync(path, content);
  const clock = new HandClock();
  const source = await SourceFile.open({ path, disk, clock });
  const pieces = new Geometry({
    pieceBytes: PIECE,
    files: [{ path: ['content.bin'], lengthBytes: content.length }],
    layout: 'aligned',
  });
  const store = {
    read: (piece: PieceIndex, begin: number, into: Uint8Array) =>
      source.read(pieces.pieceOffsetInFile(piece) + begin, into),
    close: () => source.close(),
  };
  return { path, clock, source, store };
}

async function failureOf(work: Promise<unknown>): Promise<{ failure: StoreFailure; message: string }> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error as StoreError;
}

describe('source file', () => {
  it('reads pieces and parts of them, into shared memory too', async () => {
    const { store } = await sourceOf(CONTENT);
    const into = new Uint8Array(new SharedArrayBuffer(PIECE));
    await store.read(pieceIndex(1), 0, into);
    expect(equalBytes(into, CONTENT.subarray(PIECE, 2 * PIECE))).toBe(true);
    const rest = new Uint8Array(60);
    await store.read(pieceIndex(3), 40, rest);
    expect(equalBytes(rest, CONTENT.subarray(3 * PIECE + 40))).toBe(true);
    await store.close();
  });

  it('knows what it was when it was opened', async () => {
    const { path, source, store } = await sourceOf(CONTENT);
    const stat = statSync(path, { bigint: true });
    expect(source.identity).toEqual({
      sizeBytes: CONTENT.length,
      mtimeNs: stat.mtimeNs,
      inode: stat.ino,
      device: stat.dev,
    });
    await source.check();
    await store.close();
  });

  it('joins short reads', async () => {
    const halting: Disk = {
      ...realDisk,
      openToRead: async (path) => {
        const file = await realDisk.openToRead(path);
        return {
          ...bound(file),
          read: (into, offset) => file.read(into.subarray(0, Math.max(1, into.length >> 1)), offset),
        };
      },
    };
    const { store } = await sourceOf(CONTENT, halting);
    const into = new Uint8Array(PIECE);
    await store.read(pieceIndex(2), 0, into);
    expect(equalBytes(into, CONTENT.subarray(2 * PIECE, 3 * PIECE))).toBe(true);
    await store.close();
  });

  it('[fault 46] notices a file that became shorter, at once', async () => {
    const { path, store } = await sourceOf(CONTENT);
    truncateSync(path, PIECE);
    const { failure, message } = await failureOf(store.read(pieceIndex(1), 0, new Uint8Array(1)));
    expect(failure).toBe('changed');
    expect(message).toContain(path);
    // For good: what was hashed is gone even if it grows again.
    expect((await failureOf(store.read(pieceIndex(0), 0, new Uint8Array(1)))).failure).toBe('changed');
    await store.close();
  });

  const changes: readonly (readonly [string, (path: string) => void, RegExp])[] = [
    ['grew', (path) => appendFileSync(path, 'x'), /its size was 49252 bytes and is 49253/],
    ['was written to', (path) => utimesSync(path, 1, 1), /modification time/],
    ['was deleted', (path) => rmSync(path), /deleted or replaced/],
    ['was replaced', (path) => (writeFileSync(`${path}.new`, CONTENT), renameSync(`${path}.new`, path)), /replaced/],
  ];
  it.each(changes)('[fault 46] notices a file that %s, soon while reading', async (_what, change, words) => {
    const { path, clock, store, source } = await sourceOf(CONTENT);
    change(path);
    // Not at each read: only once in a while.
    await store.read(pieceIndex(0), 0, new Uint8Array(10));
    clock.at = 1_000;
    const { failure, message } = await failureOf(store.read(pieceIndex(0), 0, new Uint8Array(10)));
    expect(failure).toBe('changed');
    expect(message).toMatch(words);
    expect((await failureOf(source.check())).failure).toBe('changed');
    await store.close();
  });

  it('[fault 46] notices a change when nobody reads', async () => {
    const { path, source, store } = await sourceOf(CONTENT);
    appendFileSync(path, 'x');
    expect((await failureOf(source.check())).failure).toBe('changed');
    await store.close();
  });

  it('does not mind another name of the same file', async () => {
    const { path, source, store } = await sourceOf(CONTENT);
    linkSync(path, `${path}.other`);
    rmSync(path);
    await source.check();
    await store.close();
  });

  it('[fault 48] says what cannot be opened, and why', async () => {
    const clock = new HandClock();
    const absent = await failureOf(SourceFile.open({ path: '/no/such/file', disk: realDisk, clock }));
    expect(absent).toMatchObject({
      failure: 'failed',
      message: expect.stringMatching(/^cannot open \/no\/such\/file: ENOENT/) as string,
    });
    const directory = temporary();
    mkdirSync(directory);
    const folder = await failureOf(SourceFile.open({ path: directory, disk: realDisk, clock }));
    expect(folder.message).toContain('not a regular file');
  });

  it.runIf(process.platform !== 'win32')('[fault 48] does not wait for a named pipe', async () => {
    const path = temporary();
    execFileSync('mkfifo', [path]);
    const pipe = await failureOf(SourceFile.open({ path, disk: realDisk, clock: new HandClock() }));
    expect(pipe.message).toContain('not a regular file');
  });

  it('[fault 48] names path and errno of a failing read', async () => {
    const failing: Disk = {
      ...realDisk,
      openToRead: async (path) => ({
        ...bound(await realDisk.openToRead(path)),
        read: () => Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })),
      }),
    };
    const { path, store } = await sourceOf(CONTENT, failing);
    const error = await failureOf(store.read(pieceIndex(0), 0, new Uint8Array(1)));
    expect(error).toMatchObject({ failure: 'failed', message: `cannot read ${path}: EIO: i/o error, read` });
    await store.close();
  });
});

describe('free space', () => {
  it('is known for a path that is not there yet', async () => {
    const known = await freeBytes(tmpdir());
    expect(known).toBeGreaterThan(0);
    expect(await freeBytes(join(tmpdir(), 'not', 'yet', 'there'))).toBeGreaterThan(0);
  });
});

/** The methods of a file as plain functions, so that some can be replaced. */
function bound(file: DiskFile): DiskFile {
  return {
    fd: file.fd,
    read: (into, offset) => file.read(into, offset),
    readNow: (into, offset) => file.readNow(into, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    status: () => file.status(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    datasync: () => file.datasync(),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}
