import { describe, expect, it } from 'vitest';
import { OpenFiles } from './open-files.ts';

class Bench {
  readonly opened: number[] = [];
  readonly closed: number[] = [];
  failing = new Set<number>();
  readonly files: OpenFiles<{ index: number; close(): Promise<void> }>;

  constructor(capacity: number) {
    this.files = new OpenFiles({
      capacity,
      open: async (index) => {
        await Promise.resolve();
        if (this.failing.has(index)) throw new Error(`no file ${index}`);
        this.opened.push(index);
        return {
          index,
          close: () => {
            this.closed.push(index);
            return Promise.resolve();
          },
        };
      },
    });
  }

  async touch(...indexes: readonly number[]): Promise<void> {
    for (const index of indexes) await this.files.use(index, () => Promise.resolve());
    await Promise.resolve();
  }
}

describe('open files', () => {
  it('are opened once and closed when others were used later', async () => {
    const bench = new Bench(2);
    await bench.touch(1, 2, 1, 3);
    expect(bench.opened).toEqual([1, 2, 3]);
    expect(bench.closed).toEqual([2]);
    expect(bench.files.openIndexes).toEqual([1, 3]);
  });

  it('stay open while in use, however many they are', async () => {
    const bench = new Bench(1);
    const held = await Promise.all([1, 2, 3].map((index) => bench.files.take(index)));
    expect(bench.files.size).toBe(3);
    expect(bench.closed).toEqual([]);
    for (const one of held) one.release();
    // A second release is none.
    held[0]!.release();
    await bench.touch(3);
    expect(bench.closed).toEqual([1, 2]);
  });

  it('are opened once for many who ask at the same time', async () => {
    const bench = new Bench(2);
    const held = await Promise.all(Array.from({ length: 10 }, () => bench.files.take(5)));
    expect(bench.opened).toEqual([5]);
    expect(new Set(held.map(({ file }) => file)).size).toBe(1);
  });

  it('that cannot be opened may be tried again', async () => {
    const bench = new Bench(2);
    bench.failing.add(1);
    await expect(bench.files.take(1)).rejects.toThrow('no file 1');
    expect(bench.files.size).toBe(0);
    bench.failing.clear();
    await bench.touch(1);
    expect(bench.opened).toEqual([1]);
  });

  it('are all closed at the end', async () => {
    const bench = new Bench(3);
    await bench.touch(1, 2, 3);
    await bench.files.close();
    expect(bench.closed.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    expect(bench.files.size).toBe(0);
  });
});
