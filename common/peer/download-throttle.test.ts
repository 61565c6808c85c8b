import { describe, expect, it } from 'vitest';
import { after, instant } from '../base/ids.ts';
import { BLOCK_BYTES, KIB, MIB } from '../base/limits.ts';
import { VirtualClock } from '../sim/clock.ts';
import { DownloadThrottle, type ThrottledReader } from './download-throttle.ts';

/** Gets a chunk every millisecond unless it is held. */
class Reader implements ThrottledReader {
  isHeld = false;
  gotBytes = 0;
  holds = 0;

  hold(): void {
    this.isHeld = true;
    this.holds++;
  }

  release(): void {
    this.isHeld = false;
  }
}

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(0) });
  readonly throttle: DownloadThrottle;
  readonly readers: Reader[];

  constructor(bytesPerSecond: number, count: number) {
    this.throttle = new DownloadThrottle({ bytesPerSecond, clock: this.clock });
    this.readers = Array.from({ length: count }, () => new Reader());
    for (const reader of this.readers) this.throttle.enter(reader);
  }

  async flood(ms: number, chunkBytes: number): Promise<number> {
    const end = after(this.clock.now(), ms);
    while (this.clock.now() < end) {
      for (const reader of this.readers) {
        if (reader.isHeld) continue;
        reader.gotBytes += chunkBytes;
        this.throttle.received(reader, chunkBytes);
      }
      await this.clock.runFor(1);
    }
    return this.readers.reduce((sum, { gotBytes }) => sum + gotBytes, 0);
  }
}

describe('a download throttle', () => {
  it.each([
    [64 * KIB, 1, 4 * KIB],
    [1 * MIB, 1, 64 * KIB],
    [1 * MIB, 5, 16 * KIB],
    [20 * MIB, 3, 64 * KIB],
  ])('lets %i bytes a second come over %i streams', async (rate, count, chunkBytes) => {
    const bench = new Bench(rate, count);
    const gotBytes = await bench.flood(10_000, chunkBytes);
    expect(Math.abs(gotBytes / (10 * rate) - 1)).toBeLessThan(0.05);
    // No more often than it must be.
    expect(bench.readers[0]!.holds).toBeLessThan(10 * 52);
  });

  it('holds nobody back as long as there is room, and has no wake-up then', async () => {
    const bench = new Bench(1 * MIB, 2);
    for (let i = 0; i < 100; i++) {
      bench.throttle.received(bench.readers[i % 2]!, 10 * KIB);
      await bench.clock.runFor(20);
    }
    expect(bench.readers.map(({ holds }) => holds)).toEqual([0, 0]);
    expect(bench.clock.pending).toBe(0);
  });

  it('lets less be asked for the more bring something', async () => {
    const bench = new Bench(1 * MIB, 4);
    expect(bench.throttle.mostBytesInFlight).toBe(128 * KIB);
    await bench.clock.runFor(1_000);
    bench.throttle.received(bench.readers[0]!, 100);
    expect(bench.throttle.mostBytesInFlight).toBe(512 * KIB);
    const slow = new Bench(1 * KIB, 4);
    expect(slow.throttle.mostBytesInFlight).toBe(BLOCK_BYTES);
  });

  it('one that left is not released, and leaves no wake-up', async () => {
    const bench = new Bench(1 * KIB, 1);
    const [reader] = bench.readers;
    bench.throttle.received(reader!, 1 * MIB);
    expect(reader!.isHeld).toBe(true);
    bench.throttle.leave(reader!);
    expect(bench.clock.pending).toBe(0);
  });
});
