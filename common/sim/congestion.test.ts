import { describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { KIB, MIB } from '../base/limits.ts';
import { VirtualClock } from './clock.ts';
import { Congestion } from './congestion.ts';
import { CALM } from './link.ts';
import { SimNetwork } from './network.ts';
import { SeededRandom } from './random.ts';

describe('a window', () => {
  it('doubles each round trip until something is lost, and then grows by a segment', () => {
    const congestion = new Congestion();
    const sizes = Array.from({ length: 4 }, () => {
      const sizeBytes = congestion.windowBytes;
      congestion.sent(sizeBytes);
      expect(congestion.hasRoom).toBe(false);
      congestion.acknowledged(sizeBytes);
      return Math.round(sizeBytes / 1_448);
    });
    expect(sizes).toEqual([10, 20, 40, 80]);
    congestion.lost(instant(0), 100);
    congestion.lost(instant(99), 100);
    expect(congestion.windowBytes / 1_448).toBeCloseTo(112);
    congestion.sent(112 * 1_448);
    congestion.acknowledged(112 * 1_448);
    expect(congestion.windowBytes / 1_448).toBeCloseTo(113);
  });
});

/** How long so many hosts take to send a MiB each to one, over lines of 4 MiB/s, and what they sent for it. */
async function sendAll(count: number, queueMs: number): Promise<{ readonly ms: number; readonly sentBytes: number }> {
  const clock = new VirtualClock({ startAt: instant(0) });
  const traits = { ...CALM, latencyMs: 5, segmentBytes: 4 * KIB, cutsAtRandom: false, queueMs };
  const network = new SimNetwork({ clock, random: new SeededRandom({ seed: 1 }), traits });
  const to = network.addHost('10.0.0.1');
  to.down.bytesPerSecond = 4 * MIB;
  let arrivedBytes = 0;
  const listener = await to.listeners.listen({ host: '0.0.0.0', port: 7000 });
  listener.onConnection((stream) => {
    const onBytes = (view: Uint8Array): void => void (arrivedBytes += view.length);
    stream.start({ onBytes, onDrain: () => {}, onClosed: () => {} });
  });
  const senders = Array.from({ length: count }, (_, i) => network.addHost(`10.0.1.${i + 1}`));
  for (const sender of senders) {
    sender.up.bytesPerSecond = 4 * MIB;
    void sender.dialer.dial({ host: '10.0.0.1', port: 7000 }, 1_000).then((result) => {
      if (!result.ok) throw new Error(result.failure);
      result.stream.start({ onBytes: () => {}, onDrain: () => {}, onClosed: () => {} });
      result.stream.write([new Uint8Array(MIB)]);
    });
  }
  expect(await clock.runUntilTrue(() => arrivedBytes === count * MIB, 60_000)).toBe(true);
  return { ms: clock.now(), sentBytes: senders.reduce((sum, { up }) => sum + up.carriedBytes, 0) };
}

describe('a queue before a line', () => {
  it('that takes all that comes loses nothing, and nobody has to start slowly', async () => {
    const { ms, sentBytes } = await sendAll(4, Number.POSITIVE_INFINITY);
    expect(sentBytes).toBe(4 * MIB);
    expect(ms).toBeLessThan(1_030);
  });

  it('that is short loses what comes when it is full: it is sent again, and all arrives', async () => {
    const { ms, sentBytes } = await sendAll(4, 50);
    expect(sentBytes).toBeGreaterThan(4 * MIB);
    expect(sentBytes).toBeLessThan(5 * MIB);
    expect(ms).toBeLessThan(1_500);
  });

  it('is not met by one whose own line is no faster, but for the slow start', async () => {
    const { ms, sentBytes } = await sendAll(1, 50);
    expect(sentBytes).toBe(MIB);
    expect(ms).toBeLessThan(350);
  });
});
