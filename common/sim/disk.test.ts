import { describe, expect, it } from 'vitest';
import { instant, pieceIndex } from '../base/ids.ts';
import { KIB } from '../base/limits.ts';
import type { PartStore } from '../base/target-ports.ts';
import { Geometry } from '../content/geometry.ts';
import { contentOfSize } from '../fixtures/content.ts';
import { VirtualClock } from './clock.ts';
import { describeStoreContract, STORED } from './contracts/store.ts';
import { SimDisk } from './disk.ts';
import { SeededRandom } from './random.ts';
import { SimTargetFiles } from './target-files.ts';

const PATH = '/home/file.part';
const CONTENT = contentOfSize(4 * 32 * KIB, 32 * KIB);
const { geometry } = CONTENT.info;

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(1_000) });
  readonly disk = new SimDisk({ delayMs: 3 });
  readonly random = new SeededRandom({ seed: 5 });

  /** What a program sees; another one after each crash. */
  files(): SimTargetFiles {
    return new SimTargetFiles({ clock: this.clock, disk: this.disk, directory: '/home' });
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.run(promise, 60_000);
  }

  open(): Promise<PartStore> {
    return this.run(this.files().openPart(PATH, geometry));
  }

  async write(store: PartStore, ...pieces: readonly number[]): Promise<void> {
    for (const piece of pieces) await this.run(store.write(pieceIndex(piece), CONTENT.pieceOf(piece)));
  }

  /** Which pieces are right, as a program finds. */
  async right(): Promise<number[]> {
    const { checks } = CONTENT;
    const checked: number[] = [];
    const found = this.files().check(
      PATH,
      geometry,
      (piece) => checks.of(piece),
      (bytes) => checked.push(bytes),
    );
    const right = await this.run(found);
    expect(checked).toHaveLength(geometry.pieceCount);
    return [...right];
  }
}

describeStoreContract('a part file on the simulated disk', async () => {
  const bench = new Bench();
  const { pieceBytes, lengthBytes } = STORED;
  const places = new Geometry({ pieceBytes, files: [{ path: ['file'], lengthBytes }], layout: 'aligned' });
  const store = await bench.run(bench.files().openPart(PATH, places));
  return { store, run: (promise) => bench.run(promise) };
});

describe('a program that is killed', () => {
  it('leaves behind what was written', async () => {
    const bench = new Bench();
    await bench.write(await bench.open(), 0, 2);
    bench.disk.crash(bench.random, { losesPower: false });
    expect(await bench.right()).toEqual([0, 2]);
  });

  it('leaves any part of what was being written', async () => {
    const counts = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const bench = new Bench();
      const store = await bench.open();
      void store.write(pieceIndex(1), CONTENT.pieceOf(1));
      bench.disk.crash(new SeededRandom({ seed }), { losesPower: false });
      const bytes = bench.disk.files.get(PATH)!.bytes.subarray(32 * KIB, 64 * KIB);
      counts.add(bytes.findLastIndex((byte, i) => byte === CONTENT.pieceOf(1)[i] && byte !== 0));
    }
    expect(counts.size).toBeGreaterThan(15);
  });

  it('has no lock any more', async () => {
    const bench = new Bench();
    await bench.run(bench.files().lock('/home/file'));
    await expect(bench.run(bench.files().lock('/home/file'))).rejects.toMatchObject({ code: 'DOWNLOAD_LOCKED' });
    bench.disk.crash(bench.random, { losesPower: false });
    const release = await bench.run(bench.files().lock('/home/file'));
    await bench.run(release());
    expect(bench.disk.locks.size).toBe(0);
  });
});

describe('a loss of power', () => {
  it('takes some of what was not synced, and nothing of what was', async () => {
    const bench = new Bench();
    const store = await bench.open();
    await bench.write(store, 0);
    await bench.run(store.sync());
    await bench.write(store, 1, 2, 3);
    bench.disk.crash(bench.random, { losesPower: true });
    const right = await bench.right();
    expect(right).toContain(0);
    expect(right.length).toBeLessThan(4);
  });

  it('leaves a note, or none, or one that is torn and counts as none', async () => {
    const fates = new Set<unknown>();
    for (let seed = 0; seed < 20; seed++) {
      const bench = new Bench();
      await bench.run(bench.files().writeState('/home/note', { at: 1 }));
      bench.disk.crash(new SeededRandom({ seed }), { losesPower: true });
      fates.add(JSON.stringify(await bench.run(bench.files().readState('/home/note'))));
    }
    expect(fates).toEqual(new Set([undefined, '{"at":1}']));
  });
});

describe('room', () => {
  it('is taken by what is written, not by holes, and given back', async () => {
    const bench = new Bench();
    bench.disk.roomBytes = 40 * KIB;
    const store = await bench.open();
    await bench.write(store, 2);
    expect(await bench.run(bench.files().freeBytes())).toBe(8 * KIB);
    const { fits, storedBytes } = await bench.run(bench.files().sizeOf(PATH, geometry));
    expect([fits, storedBytes]).toEqual([true, 32 * KIB]);
    await expect(bench.write(store, 1)).rejects.toMatchObject({ failure: 'full' });
    await bench.write(store, 2);
    await bench.run(bench.files().remove(PATH));
    expect(await bench.run(bench.files().freeBytes())).toBe(40 * KIB);
  });
});

describe('finishing', () => {
  it('gives the file its name, and replaces another only when told to', async () => {
    const bench = new Bench();
    const store = await bench.open();
    await bench.write(store, 0, 1, 2, 3);
    bench.disk.files.set('/home/file', bench.disk.files.get(PATH)!);
    const refused = bench.run(store.finish('/home/file', { replace: false }));
    await expect(refused).rejects.toMatchObject({ code: 'TARGET_DIFFERS' });
    await bench.run(store.finish('/home/file', { replace: true }));
    expect([...bench.disk.files.keys()]).toEqual(['/home/file']);
    expect(await bench.run(bench.files().kindOf('/home/file'))).toBe('file');
    const bytes = new Uint8Array(10);
    await bench.run(store.read(pieceIndex(3), 0, bytes));
    expect(bytes).toEqual(CONTENT.pieceOf(3).slice(0, 10));
  });
});

describe('moods', () => {
  it('fail what they should', async () => {
    const bench = new Bench();
    const store = await bench.open();
    bench.disk.writeFailure = 'failed';
    await expect(bench.write(store, 0)).rejects.toMatchObject({ failure: 'failed' });
    await expect(bench.run(store.sync())).rejects.toMatchObject({ failure: 'failed' });
    bench.disk.writeFailure = undefined;
    await bench.write(store, 0);
    bench.disk.readFailure = 'failed';
    await expect(bench.run(store.read(pieceIndex(0), 0, new Uint8Array(1)))).rejects.toMatchObject({
      failure: 'failed',
    });
  });
});
