import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toHex } from '../base/bytes.ts';
import type { Log } from '../base/ports.ts';
import { generate } from '../fixtures/generate.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { realDisk } from './disk.ts';
import { RootCache, type RootKey } from './root-cache.ts';

const NOW_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const ROOTS = generate(5 * 32, 9);
const FILE = {
  path: '/srv/content.bin',
  identity: { sizeBytes: 2_500_000, mtimeNs: 1_700_000_000_123_456_789n, inode: 2n ** 63n, device: 66n },
};
const KEY: RootKey = { files: [FILE], pieceBytes: 524_288, layout: 'v2' };

const silent: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  trace: () => {},
  traces: false,
  child: () => silent,
};

const cacheIn = (directory: string | undefined, wallMs = NOW_MS): RootCache =>
  new RootCache({ directory, disk: realDisk, log: silent, wallMs: () => wallMs });

const found = async (cache: RootCache, key: RootKey = KEY): Promise<string | undefined> => {
  const roots = await cache.read(key, 5 * 32);
  return roots === undefined ? undefined : toHex(roots);
};

describe('root cache', () => {
  it('remembers the roots of a file', async () => {
    const directory = temporaryDirectory();
    expect(await found(cacheIn(directory))).toBeUndefined();
    await cacheIn(directory).write(KEY, [ROOTS]);
    expect(await found(cacheIn(directory))).toBe(toHex(ROOTS));
  });

  it('holds for exactly these files, of one size, time, inode and device each, cut and hashed in one way', async () => {
    const directory = temporaryDirectory();
    const cache = cacheIn(directory);
    await cache.write(KEY, [ROOTS]);
    const { identity } = FILE;
    const withFile = (change: Partial<typeof FILE>): RootKey => ({ ...KEY, files: [{ ...FILE, ...change }] });
    for (const other of [
      withFile({ path: '/srv/other.bin' }),
      { ...KEY, files: [FILE, FILE] },
      { ...KEY, layout: 'v1' },
      { ...KEY, pieceBytes: 1_048_576 },
      withFile({ identity: { ...identity, sizeBytes: identity.sizeBytes + 1 } }),
      withFile({ identity: { ...identity, mtimeNs: identity.mtimeNs + 1n } }),
      withFile({ identity: { ...identity, inode: identity.inode - 1n } }),
      withFile({ identity: { ...identity, device: 67n } }),
    ]) {
      expect(await found(cache, other)).toBeUndefined();
    }
    expect(await cache.read(KEY, 6 * 32)).toBeUndefined();
    expect(await found(cache)).toBe(toHex(ROOTS));
  });

  it('ignores an entry that is torn or altered, and writes it again', async () => {
    const directory = temporaryDirectory();
    const cache = cacheIn(directory);
    await cache.write(KEY, [ROOTS]);
    const path = join(directory, readdirSync(directory)[0]!);
    const whole = readFileSync(path);
    for (const length of [0, 1, 20, whole.length - 40, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      expect(await found(cache)).toBeUndefined();
    }
    for (const at of [0, 30, whole.length - 40, whole.length - 1]) {
      const altered = Uint8Array.from(whole);
      altered[at]! ^= 1;
      writeFileSync(path, altered);
      expect(await found(cache)).toBeUndefined();
    }
    await cache.write(KEY, [ROOTS]);
    expect(await found(cache)).toBe(toHex(ROOTS));
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it('does not remember a file that was written to just now', async () => {
    const directory = temporaryDirectory();
    const mtimeMs = Number(FILE.identity.mtimeNs / 1_000_000n);
    await cacheIn(directory, mtimeMs + 1_000).write(KEY, [ROOTS]);
    expect(readdirSync(directory)).toEqual([]);
    await cacheIn(directory, mtimeMs + 3_000).write(KEY, [ROOTS]);
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it('forgets what was not used for 90 days; use keeps it', async () => {
    const directory = temporaryDirectory();
    await cacheIn(directory).write(KEY, [ROOTS]);
    const used = join(directory, readdirSync(directory)[0]!);
    const old = join(directory, 'old.roots');
    const leftover = join(directory, 'x.roots.abc.new');
    const foreign = join(directory, 'README');
    for (const path of [old, leftover, foreign]) writeFileSync(path, '');
    const longAgo = new Date(NOW_MS - 91 * DAY_MS);
    for (const path of [used, old, leftover, foreign]) utimesSync(path, longAgo, longAgo);
    await found(cacheIn(directory));
    expect(statSync(used).mtimeMs).toBe(NOW_MS);
    await cacheIn(directory).write({ ...KEY, files: [{ ...FILE, path: '/srv/new.bin' }] }, [ROOTS]);
    expect([used, old, leftover, foreign].map((path) => existsSync(path))).toEqual([true, false, false, true]);
  });

  it('keeps no more than 512 entries, the latest used', async () => {
    const directory = temporaryDirectory();
    for (let n = 0; n < 600; n++) {
      const path = join(directory, `${n}.roots`);
      writeFileSync(path, '');
      const usedAt = new Date(NOW_MS - DAY_MS + n * 1_000);
      utimesSync(path, usedAt, usedAt);
    }
    const cache = cacheIn(directory);
    await cache.write(KEY, [ROOTS]);
    const left = readdirSync(directory);
    expect(left).toHaveLength(512);
    expect(left).toContain('599.roots');
    expect(left).not.toContain('88.roots');
    expect(await found(cache)).toBe(toHex(ROOTS));
  });

  it('[fault 60] does without when there is no place, or no right to write', async () => {
    for (const directory of [undefined, '/no/such/folder', '/proc']) {
      const cache = cacheIn(directory);
      await cache.write(KEY, [ROOTS]);
      expect(await found(cache)).toBeUndefined();
    }
  });
});
