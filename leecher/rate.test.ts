import { describe, expect, it } from 'vitest';
import { instant } from '../common/base/ids.ts';
import { Rate } from './rate.ts';

const ASSUMED = 5_000;

/** Reports `bytesPerSecond` every 50 ms from `fromMs` on; the result is when it ended. */
function deliver(rate: Rate, bytesPerSecond: number, fromMs: number, forMs: number): number {
  for (let ms = 50; ms <= forMs; ms += 50) rate.add(bytesPerSecond / 20, instant(fromMs + ms));
  return fromMs + forMs;
}

describe('Rate', () => {
  it('assumes what it is told as long as it knows nothing', () => {
    const rate = new Rate();
    expect(rate.isKnown).toBe(false);
    expect(rate.perSecond(instant(0), ASSUMED)).toBe(ASSUMED);
    rate.begin(instant(0));
    rate.add(16_384, instant(1));
    expect(rate.perSecond(instant(1), ASSUMED)).toBe(ASSUMED);
  });

  it('is right from the first quarter of a second on', () => {
    const rate = new Rate();
    rate.begin(instant(0));
    const now = deliver(rate, 100_000, 0, 250);
    expect(rate.isKnown).toBe(true);
    expect(rate.perSecond(instant(now), ASSUMED)).toBeCloseTo(100_000);
  });

  it('follows a change within seconds', () => {
    const rate = new Rate();
    rate.begin(instant(0));
    const changed = deliver(rate, 1_000_000, 0, 20_000);
    const now = deliver(rate, 10_000, changed, 15_000);
    expect(rate.perSecond(instant(now), ASSUMED)).toBeLessThan(80_000);
    expect(rate.perSecond(instant(now), ASSUMED)).toBeGreaterThan(10_000);
  });

  it('sinks in a silence while something is awaited', () => {
    const rate = new Rate();
    rate.begin(instant(0));
    const now = deliver(rate, 1_000_000, 0, 10_000);
    expect(rate.perSecond(instant(now + 15_000), ASSUMED)).toBeLessThan(60_000);
  });

  it('does not sink while nothing is awaited', () => {
    const rate = new Rate();
    rate.begin(instant(0));
    const now = deliver(rate, 1_000_000, 0, 10_000);
    rate.end(instant(now));
    expect(rate.perSecond(instant(now + 60_000), ASSUMED)).toBeCloseTo(1_000_000);
    rate.begin(instant(now + 60_000));
    expect(rate.perSecond(instant(now + 60_100), ASSUMED)).toBeCloseTo(1_000_000);
  });

  it('lets the assumption fade for a source that never delivers', () => {
    const rate = new Rate();
    rate.begin(instant(0));
    expect(rate.perSecond(instant(15_000), ASSUMED)).toBeLessThan(ASSUMED / 10);
  });

  it('puts many short spells together until they are worth a sample', () => {
    const rate = new Rate();
    for (let spell = 0; spell < 30; spell++) {
      const begin = spell * 1_000;
      rate.begin(instant(begin));
      rate.add(1_000, instant(begin + 10));
      rate.end(instant(begin + 10));
    }
    expect(rate.perSecond(instant(30_000), ASSUMED)).toBeCloseTo(100_000);
    expect(rate.meanPerSecond).toBeCloseTo(100_000);
    expect(rate.receivedBytes).toBe(30_000);
  });

  it('reports the mean over busy time only', () => {
    const rate = new Rate();
    rate.begin(instant(0));
    rate.end(instant(deliver(rate, 10_000, 0, 1_000)));
    rate.begin(instant(9_000));
    rate.end(instant(deliver(rate, 30_000, 9_000, 1_000)));
    expect(rate.meanPerSecond).toBeCloseTo(20_000);
    expect(new Rate().meanPerSecond).toBe(0);
  });
});
