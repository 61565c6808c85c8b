import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { ShoalError } from '../base/errors.ts';
import { pieceIndex } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { StoreError } from '../base/ports.ts';
import { Geometry } from '../content/geometry.ts';
import { generate } from '../fixtures/generate.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type Disk, type DiskFile, realDisk } from './disk.ts';
import { PartFile } from './part-file.ts';

const PIECE = 16_384;
const CONTENT = generate(3 * PIECE + 100, 7);

const piecesOf = (lengthBytes: number, pieceBytes = PIECE): Geometry =>
  new Geometry({ pieceBytes, files: [{ path: ['content.bin'], lengthBytes }], layout: 'aligned' });

const partIn = (directory: string, disk: Disk = realDisk, sizeBytes = CONTENT.length): Promise<PartFile> =>
  PartFile.open({ path: join(directory, 'content.bin.part'), sizeBytes, pieces: piecesOf(sizeBytes), disk });

async function errorOf(work: Promise<unknown>): Promise<StoreError | ShoalError> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof StoreError || error instanceof ShoalError) return error;
  throw error;
}

/** The real disk, with the methods of the files it opens for writing replaced. */
const faulty = (change: (file: DiskFile) => Partial<DiskFile>, disk: Partial<Disk> = {}): Disk => ({
  ...realDisk,
  ...disk,
  openToWrite: async (path) => {
    const file = await realDisk.openToWrite(path);
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
      ...change(file),
    };
  },
});

const errno = (code: string): Error => Object.assign(new Error(`${code}: it failed, test`), { code });

async function writeAll(part: PartFile): Promise<void> {
  for (const piece of [3, 0, 2, 1].map(pieceIndex)) {
    const bytes = new Uint8Array(new SharedArrayBuffer(piece === 3 ? 100 : PIECE));
    bytes.set(CONTENT.subarray(piece * PIECE, (piece + 1) * PIECE));
    await part.write(piece, bytes);
  }
}

describe('part file', () => {
  it('has its full size at once, takes pieces in any order, and gets its name in the end', async () => {
    const directory = temporaryDirectory();
    const part = await partIn(directory);
    expect(part.foundBytes).toBe(0);
    expect(statSync(part.path).size).toBe(CONTENT.length);
    await writeAll(part);
    await part.sync();
    const target = join(directory, 'content.bin');
    await part.finish(target, { replace: false });
    expect(part.path).toBe(target);
    expect(existsSync(`${target}.part`)).toBe(false);
    expect(equalBytes(readFileSync(target), CONTENT)).toBe(true);
    // It goes on serving under its new name.
    const into = new Uint8Array(50);
    await part.read(pieceIndex(3), 50, into);
    expect(equalBytes(into, CONTENT.subarray(3 * PIECE + 50))).toBe(true);
    await part.close();
  });

  it('keeps what is there from an earlier run', async () => {
    const directory = temporaryDirectory();
    const first = await partIn(directory);
    await writeAll(first);
    await first.close();
    const second = await partIn(directory);
    expect(second.foundBytes).toBe(CONTENT.length);
    const into = new Uint8Array(PIECE);
    await second.read(pieceIndex(2), 0, into);
    expect(equalBytes(into, CONTENT.subarray(2 * PIECE, 3 * PIECE))).toBe(true);
    await second.close();
  });

  it('[fault 50] brings a file that grew or shrank to its size, and tells what it was', async () => {
    const directory = temporaryDirectory();
    for (const found of [10, 1_000_000]) {
      writeFileSync(join(directory, 'content.bin.part'), CONTENT.subarray(0, 10));
      if (found > 10) writeFileSync(join(directory, 'content.bin.part'), new Uint8Array(found));
      const part = await partIn(directory);
      expect(part.foundBytes).toBe(found);
      expect(statSync(part.path).size).toBe(CONTENT.length);
      await part.close();
    }
  });

  it('[fault 52] makes files of no bytes and of one byte', async () => {
    for (const size of [0, 1]) {
      const directory = temporaryDirectory();
      const part = await partIn(directory, realDisk, size);
      if (size === 1) await part.write(pieceIndex(0), Uint8Array.of(42));
      await part.finish(join(directory, 'content.bin'), { replace: false });
      expect(statSync(join(directory, 'content.bin')).size).toBe(size);
      await part.close();
    }
  });

  it('[fault 52] writes and reads beyond 5 TiB, leaving a hole before', async () => {
    const sizeBytes = 5 * 2 ** 40 + 3 * MIB + 100;
    const path = join(temporaryDirectory(), 'huge.part');
    const part = await PartFile.open({ path, sizeBytes, pieces: piecesOf(sizeBytes, 4 * MIB), disk: realDisk });
    const last = pieceIndex(5 * 2 ** 18);
    const bytes = generate(3 * MIB + 100, 3);
    await part.write(last, bytes);
    const into = new Uint8Array(1_000);
    await part.read(last, 3 * MIB - 900, into);
    expect(equalBytes(into, bytes.subarray(-1_000))).toBe(true);
    expect(statSync(path).size).toBe(sizeBytes);
    expect(statSync(path).blocks * 512).toBeLessThan(8 * MIB);
    await part.close();
  });

  it('refuses a piece that is not as long as it should be: our own mistake', async () => {
    const part = await partIn(temporaryDirectory());
    await expect(part.write(pieceIndex(3), new Uint8Array(PIECE))).rejects.toThrow('piece 3 is not 16384 bytes');
    await part.close();
  });
});

describe('part file: what is in the way', () => {
  it.runIf(process.platform !== 'win32')('[fault 25] does not follow a symbolic link', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'victim'), 'precious');
    symlinkSync('victim', join(directory, 'content.bin.part'));
    const error = await errorOf(partIn(directory));
    expect(error).toMatchObject({ failure: 'failed', message: expect.stringContaining('symbolic link') as string });
    expect(readFileSync(join(directory, 'victim'), 'utf8')).toBe('precious');
  });

  it('[fault 48] says that a directory or a missing folder is in the way', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'content.bin.part'));
    expect((await errorOf(partIn(directory))).message).toMatch(/^cannot write .*content\.bin\.part: EISDIR/);
    expect((await errorOf(partIn('/no/such/folder'))).message).toMatch(/^cannot write \/no\/such\/folder.*ENOENT/);
  });

  it('never replaces a target unless told to', async () => {
    const directory = temporaryDirectory();
    const target = join(directory, 'content.bin');
    const part = await partIn(directory);
    await writeAll(part);
    writeFileSync(target, 'mine');
    expect(await errorOf(part.finish(target, { replace: false }))).toMatchObject({ code: 'TARGET_DIFFERS' });
    expect(readFileSync(target, 'utf8')).toBe('mine');
    expect(existsSync(`${target}.part`)).toBe(true);
    await part.finish(target, { replace: true });
    expect(equalBytes(readFileSync(target), CONTENT)).toBe(true);
    await part.close();
  });

  it.runIf(process.platform !== 'win32')('[fault 25] replaces a link itself, never what it points to', async () => {
    const directory = temporaryDirectory();
    const target = join(directory, 'content.bin');
    writeFileSync(join(directory, 'victim'), 'precious');
    symlinkSync('victim', target);
    const part = await partIn(directory);
    await writeAll(part);
    expect(await errorOf(part.finish(target, { replace: false }))).toMatchObject({ code: 'TARGET_DIFFERS' });
    await part.finish(target, { replace: true });
    expect(readFileSync(join(directory, 'victim'), 'utf8')).toBe('precious');
    expect(lstatSync(target).isSymbolicLink()).toBe(false);
    await part.close();
  });

  it('does not put a file in the place of a directory', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'content.bin'));
    const part = await partIn(directory);
    const error = await errorOf(part.finish(join(directory, 'content.bin'), { replace: true }));
    expect(error).toMatchObject({ failure: 'failed', message: expect.stringContaining('is a directory') as string });
    await part.close();
  });
});

describe('part file: failing disks', () => {
  it.each([
    ['ENOSPC', 'full'],
    ['EDQUOT', 'full'],
    ['EIO', 'failed'],
    ['EROFS', 'failed'],
    ['EACCES', 'failed'],
    ['ESTALE', 'failed'],
    ['EFBIG', 'failed'],
  ])('[fault 47] [fault 48] %s is %s wherever it strikes, with the path', async (code, failure) => {
    const directory = temporaryDirectory();
    const reject = (): Promise<never> => Promise.reject(errno(code));
    const target = join(directory, 'content.bin');
    const expected = { failure, message: expect.stringMatching(new RegExp(`${directory}.*${code}`)) as string };
    expect(
      await errorOf(
        partIn(
          directory,
          faulty(() => ({ truncate: reject })),
        ),
      ),
    ).toMatchObject(expected);
    const part = await partIn(
      directory,
      faulty(() => ({ write: reject, read: reject, datasync: reject, sync: reject })),
    );
    expect(await errorOf(part.write(pieceIndex(0), new Uint8Array(PIECE)))).toMatchObject(expected);
    expect(await errorOf(part.read(pieceIndex(0), 0, new Uint8Array(1)))).toMatchObject(expected);
    expect(await errorOf(part.sync())).toMatchObject(expected);
    expect(await errorOf(part.finish(target, { replace: false }))).toMatchObject(expected);
    await part.close();
    const unnamed = await partIn(
      directory,
      faulty(() => ({}), { rename: reject }),
    );
    expect(await errorOf(unnamed.finish(target, { replace: false }))).toMatchObject(expected);
    expect(existsSync(`${target}.part`)).toBe(true);
    await unnamed.close();
  });

  it('joins short writes', async () => {
    const directory = temporaryDirectory();
    const part = await partIn(
      directory,
      faulty((file) => ({ write: (bytes, offset) => file.write(bytes.subarray(0, (bytes.length >> 1) + 1), offset) })),
    );
    await writeAll(part);
    await part.finish(join(directory, 'content.bin'), { replace: false });
    expect(equalBytes(readFileSync(join(directory, 'content.bin')), CONTENT)).toBe(true);
    await part.close();
  });

  it('does not write for ever to a disk that takes nothing', async () => {
    const part = await partIn(
      temporaryDirectory(),
      faulty(() => ({ write: () => Promise.resolve(0) })),
    );
    expect(await errorOf(part.write(pieceIndex(0), new Uint8Array(PIECE)))).toMatchObject({ failure: 'failed' });
    await part.close();
  });
});

const mounts: string[] = [];

/** A file system of one mebibyte; undefined where this user may not mount one. */
function tinyDisk(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-part-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' });
  } catch {
    rmdirSync(directory);
    return undefined;
  }
  mounts.push(directory);
  return directory;
}

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && tinyDisk() !== undefined;
const unmountAll = (): void => {
  for (const directory of mounts.splice(0)) {
    execFileSync('umount', [directory]);
    rmdirSync(directory);
  }
};
unmountAll();
afterEach(unmountAll);

describe.runIf(canMount)('part file on a disk that is really full', () => {
  it('[fault 47] says so, keeps what was written, and goes on when there is room', async () => {
    const directory = tinyDisk()!;
    const ballast = join(directory, 'ballast');
    writeFileSync(ballast, new Uint8Array(900 * 1_024));
    const sizeBytes = 20 * PIECE;
    const content = generate(sizeBytes, 5);
    const part = await partIn(directory, realDisk, sizeBytes);
    const piece = (index: number): Uint8Array => content.subarray(index * PIECE, (index + 1) * PIECE);
    let written = 0;
    const error = await errorOf(
      (async () => {
        for (; written < 20; written++) await part.write(pieceIndex(written), piece(written));
      })(),
    );
    expect(error).toMatchObject({ failure: 'full', message: expect.stringContaining('ENOSPC') as string });
    expect(written).toBeGreaterThan(0);
    const into = new Uint8Array(PIECE);
    for (let index = 0; index < written; index++) {
      await part.read(pieceIndex(index), 0, into);
      expect(equalBytes(into, piece(index))).toBe(true);
    }
    writeFileSync(ballast, '');
    for (; written < 20; written++) await part.write(pieceIndex(written), piece(written));
    await part.finish(join(directory, 'content.bin'), { replace: false });
    expect(equalBytes(readFileSync(join(directory, 'content.bin')), content)).toBe(true);
    await part.close();
  });
});
