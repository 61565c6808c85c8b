import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, instant } from '../base/ids.ts';
import { TokenBucket } from './token-bucket.ts';

const START = instant(0);
const bucket = (): TokenBucket => new TokenBucket({ perSecond: 10, burst: 3, now: START });

describe('a token bucket', () => {
  it('lets a burst pass at once, then one for each share of a second', () => {
    const tokens = bucket();
    expect([1, 2, 3, 4].map(() => tokens.take(START))).toEqual([true, true, true, false]);
    expect(tokens.take(after(START, 99))).toBe(false);
    expect(tokens.take(after(START, 100))).toBe(true);
    expect(tokens.take(after(START, 100))).toBe(false);
  });

  it('saves up no more than a burst', () => {
    const tokens = bucket();
    const later = after(START, 1e9);
    expect([1, 2, 3, 4].map(() => tokens.take(later))).toEqual([true, true, true, false]);
  });

  it('never lets more pass than its rate and its burst', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 200 }), (waits) => {
        const tokens = bucket();
        let now = START;
        let passed = 0;
        for (const waitMs of waits) {
          now = after(now, waitMs);
          if (tokens.take(now)) passed++;
        }
        expect(passed).toBeLessThanOrEqual(3 + Math.ceil((now - START) / 100));
      }),
    );
  });
});
