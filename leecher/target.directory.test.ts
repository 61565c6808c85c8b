import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../common/fixtures/temporary.ts';
import { fileBytes, metainfoFixture, pieceBytes } from '../common/fixtures/torrent-content.ts';
import { KeptLog } from '../common/fixtures/logs.ts';
import { HostClock } from '../common/host/clock.ts';
import { realDisk } from '../common/host/disk.ts';
import { HashPool } from '../common/host/hasher.ts';
import { realProcessTable } from '../common/host/process-table.ts';
import { HostTargetFiles } from '../common/host/target-files.ts';
import { proofOf } from './fixtures/proofs.ts';
import { Selection } from './selection.ts';
import { contentOf, Target, type Taken } from './target.ts';

const hasher = new HashPool({ threads: 2 });
afterAll(() => hasher.close());

const FORMATS = ['v2', 'hybrid', 'v1'] as const;

/** A directory with the content, or some of it, and a target that is to become it. */
class Bench {
  readonly metainfo: ReturnType<typeof metainfoFixture>;
  readonly root = join(temporaryDirectory(), 'multi');
  readonly target: Target;

  constructor(format: string) {
    this.metainfo = metainfoFixture(`multi.${format}`);
    const clock = new HostClock();
    this.target = new Target({
      files: new HostTargetFiles({
        ...{ disk: realDisk, clock, hasher, processes: realProcessTable() },
        output: this.root,
        stop: new AbortController().signal,
      }),
      clock,
      log: new KeptLog(),
      force: false,
      onChecked: () => undefined,
    });
  }

  get names(): string[] {
    return this.metainfo.info.geometry.files.flatMap(({ path, isPad }) => (isPad ? [] : [path.join('/')]));
  }

  /** A file of several chunks. */
  get large(): string {
    const { files, pieceBytes: most } = this.metainfo.info.geometry;
    return files.find(({ lengthBytes }) => lengthBytes > 2 * most)!.path.join('/');
  }

  sizeOf(name: string): number {
    return this.metainfo.info.geometry.files.find(({ path }) => path.join('/') === name)!.lengthBytes;
  }

  layOut(isThere: (name: string) => boolean): void {
    for (const file of this.metainfo.info.geometry.files) {
      if (file.isPad || !isThere(file.path.join('/'))) continue;
      this.put(file.path.join('/'), fileBytes(this.metainfo, file));
    }
  }

  put(name: string, bytes: Uint8Array): void {
    mkdirSync(dirname(join(this.root, name)), { recursive: true });
    writeFileSync(join(this.root, name), bytes);
  }

  take(isWanted: (name: string) => boolean = () => true): Promise<Taken> {
    const { info, pieceLayers } = this.metainfo;
    const selection = new Selection(info.geometry, (file) => isWanted(file.path.join('/')));
    const proof = proofOf({ info, layers: pieceLayers ?? new Map() });
    return this.target.take(contentOf(info, selection), proof, () => true);
  }

  /** Writes what is missing, as a download does. */
  async complete(taken: Taken): Promise<void> {
    if (taken.kind !== 'open') throw new Error(`the place is ${taken.kind}`);
    const { geometry } = this.metainfo.info;
    for (let index = 0; index < geometry.pieceCount; index++) {
      const piece = index as Parameters<typeof taken.have.has>[0];
      if (taken.have.has(piece)) continue;
      await taken.store.write(piece, pieceBytes(this.metainfo, geometry, piece));
      this.target.verified(piece);
    }
    await this.target.finish();
  }

  found(root = this.root): string[] {
    const entries = readdirSync(root, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
  }
}

const isOdd = (names: readonly string[]) => (name: string) => names.indexOf(name) % 2 === 1;

describe.each(FORMATS)('a directory of format %s with some of its files', (format) => {
  it('is gone on from when more of them are wanted, and what is there is not fetched again', async () => {
    const bench = new Bench(format);
    // Of v1 only a large file has whole chunks that can be checked.
    bench.layOut((name) => name === bench.large || isOdd(bench.names)(name));
    const taken = await bench.take();
    if (taken.kind !== 'open') throw new Error(`the place is ${taken.kind}`);
    expect(taken.have.count).toBeGreaterThan(0);
    await bench.complete(taken);
    await bench.target.leave();
    expect(bench.found()).toHaveLength(bench.names.length);
    expect(readdirSync(dirname(bench.root))).toEqual(['multi']);
  });

  it('keeps them when others are wanted', async () => {
    const bench = new Bench(format);
    const wasThere = isOdd(bench.names);
    bench.layOut(wasThere);
    const there = bench.found().length;
    await bench.complete(await bench.take((name) => !wasThere(name)));
    await bench.target.leave();
    expect(bench.found().length).toBeGreaterThan(there);
    for (const name of bench.names.filter(wasThere)) expect(existsSync(join(bench.root, name))).toBe(true);
  });

  it('has its name back when nothing comes', async () => {
    const bench = new Bench(format);
    bench.layOut(isOdd(bench.names));
    const before = bench.found();
    await bench.take();
    expect(existsSync(`${bench.root}.part`)).toBe(true);
    await bench.target.leave();
    expect(bench.found()).toEqual(before);
    expect(readdirSync(dirname(bench.root))).toEqual(['multi']);
  });

  it('stays in parts when something came', async () => {
    const bench = new Bench(format);
    const wasThere = isOdd(bench.names);
    bench.layOut(wasThere);
    const taken = await bench.take();
    if (taken.kind !== 'open') throw new Error(`the place is ${taken.kind}`);
    const { geometry } = bench.metainfo.info;
    const last = geometry.files.filter(
      ({ lengthBytes, path, isPad }) => !isPad && lengthBytes > 0 && !wasThere(path.join('/')),
    );
    const piece = last[0]!.firstPiece as Parameters<typeof taken.have.has>[0];
    await taken.store.write(piece, pieceBytes(bench.metainfo, geometry, piece));
    bench.target.verified(piece);
    await bench.target.leave();
    expect([existsSync(bench.root), existsSync(`${bench.root}.part`)]).toEqual([false, true]);
  });

  it('is left alone when a file in it is not what it should be', async () => {
    const bench = new Bench(format);
    bench.layOut(isOdd(bench.names));
    bench.put(bench.large, new Uint8Array(bench.sizeOf(bench.large)).fill(1));
    const before = bench.found();
    await expect(bench.take((name) => name !== bench.large)).rejects.toMatchObject({ code: 'TARGET_DIFFERS' });
    await bench.target.leave();
    expect(bench.found()).toEqual(before);
  });
});

it('somebody’s own directory, with something else in it, takes the content in and is left alone', async () => {
  const bench = new Bench('v2');
  bench.layOut(isOdd(bench.names));
  bench.put('mine.txt', new Uint8Array(3));
  const before = bench.found();
  expect(await bench.take()).toMatchObject({ kind: 'open' });
  expect(bench.target.path).toBe(join(bench.root, 'multi'));
  await bench.target.leave();
  expect(bench.found()).toEqual(before);
});
