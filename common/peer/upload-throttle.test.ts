import { describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { BURST_MS, KIB, MIB, THROTTLE_WAKE_MS } from '../base/limits.ts';
import { VirtualClock } from '../sim/clock.ts';
import { type ThrottledSender, UploadThrottle } from './upload-throttle.ts';

/** Sends what it has, as far as it may. */
class Sender implements ThrottledSender {
  sentBytes = 0;
  calls = 0;
  leftBytes: number;

  constructor(bytes = Infinity) {
    this.leftBytes = bytes;
  }

  send(mostBytes: number): number {
    this.calls++;
    const count = Math.min(mostBytes, this.leftBytes);
    this.leftBytes -= count;
    this.sentBytes += count;
    return count;
  }
}

const begin = (bytesPerSecond: number): { clock: VirtualClock; throttle: UploadThrottle } => {
  const clock = new VirtualClock({ startAt: instant(0) });
  return { clock, throttle: new UploadThrottle({ bytesPerSecond, clock }) };
};

describe('an upload throttle', () => {
  it.each([1 * KIB, 50 * KIB, 1 * MIB, 100 * MIB])('lets %i bytes a second pass, and a short burst', async (rate) => {
    const { clock, throttle } = begin(rate);
    const sender = new Sender();
    throttle.enter(sender);
    expect(sender.sentBytes).toBeLessThanOrEqual((rate * BURST_MS) / 1_000);
    await clock.runFor(10_000);
    expect(Math.abs(sender.sentBytes / (10 * rate) - 1)).toBeLessThan(0.03);
    throttle.leave(sender);
    expect(clock.pending).toBe(0);
  });

  it('wakes some fifty times a second at most, and not at all with nothing to send', async () => {
    const { clock, throttle } = begin(1 * MIB);
    const sender = new Sender(3 * MIB);
    throttle.enter(sender);
    await clock.runFor(1_000);
    expect(sender.calls).toBeLessThan(3_000 / THROTTLE_WAKE_MS + 20);
    await clock.runFor(10_000);
    expect([sender.leftBytes, clock.pending]).toEqual([0, 0]);
    sender.leftBytes = 100;
    throttle.enter(sender);
    expect(sender.leftBytes).toBe(0);
  });

  it('shares what there is evenly, whoever came first', async () => {
    const { clock, throttle } = begin(1 * MIB);
    const senders = Array.from({ length: 7 }, () => new Sender());
    for (const sender of senders) throttle.enter(sender);
    expect(throttle.sharers).toBe(7);
    await clock.runFor(10_000);
    const sent = senders.map(({ sentBytes }) => sentBytes);
    expect(Math.max(...sent) / Math.min(...sent)).toBeLessThan(1.1);
    expect(Math.abs(sent.reduce((sum, one) => sum + one, 0) / (10 * MIB) - 1)).toBeLessThan(0.03);
  });

  it('one that needs little gets it, and the rest is for the others', async () => {
    const { clock, throttle } = begin(100 * KIB);
    const [greedy, modest] = [new Sender(), new Sender(0)];
    throttle.enter(greedy);
    for (let second = 0; second < 10; second++) {
      modest.leftBytes = 1 * KIB;
      throttle.enter(modest);
      await clock.runFor(1_000);
      expect(modest.leftBytes).toBe(0);
    }
    expect(greedy.sentBytes).toBeGreaterThan(980 * KIB);
  });

  it('one that enters again while it sends is not sent twice', async () => {
    const { clock, throttle } = begin(100 * KIB);
    const sender = new Sender(40 * KIB);
    const send = sender.send.bind(sender);
    sender.send = (most) => {
      if (sender.leftBytes > 0) throttle.enter(sender);
      return send(most);
    };
    throttle.enter(sender);
    await clock.runFor(5_000);
    expect([sender.sentBytes, clock.pending]).toEqual([40 * KIB, 0]);
  });
});
