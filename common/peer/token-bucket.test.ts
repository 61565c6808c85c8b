import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, instant } from '../base/ids.ts';
import { TokenBucket } from './token-bucket.ts';

const START = instant(0);
const bucket = (): TokenBucket => new TokenBucket({ perSecond: 10, burst: 3, now: START });

describe('a token bucket', () => {
  it('lets a burst pass at once, then one for each share of a second', () => {
    const tokens = bucket();
    expect([1, 2, 3, 4].map(() => tokens.take(1, START))).toEqual([true, true, true, false]);
    expect(tokens.take(1, after(START, 99))).toBe(false);
    expect(tokens.take(1, after(START, 100))).toBe(true);
    expect(tokens.take(1, after(START, 100))).toBe(false);
  });

  it('lets what costs more pass less often, and what costs more than a burst never', () => {
    const tokens = bucket();
    expect([2, 2, 1].map((cost) => tokens.take(cost, START))).toEqual([true, false, true]);
    expect(tokens.take(4, after(START, 1e9))).toBe(false);
  });

  it('saves up no more than a burst', () => {
    const tokens = bucket();
    const later = after(START, 1e9);
    expect([1, 2, 3, 4].map(() => tokens.take(1, later))).toEqual([true, true, true, false]);
  });

  it('never lets more pass than its rate and its burst', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(500), fc.nat(4)), { maxLength: 200 }), (steps) => {
        const tokens = bucket();
        let now = START;
        let passed = 0;
        for (const [waitMs, cost] of steps) {
          now = after(now, waitMs);
          if (tokens.take(cost, now)) passed += cost;
        }
        expect(passed).toBeLessThanOrEqual(3 + (now - START) / 100 + 1e-6);
      }),
    );
  });

  it('has a debt after more was spent than there was, which comes off first', () => {
    const tokens = bucket();
    tokens.spend(5, START);
    expect(tokens.available(START)).toBe(-2);
    expect(tokens.dueFor(0, START)).toBe(200);
    expect(tokens.dueFor(1, START)).toBe(300);
    expect(tokens.take(1, after(START, 300))).toBe(true);
  });

  it('says when there will be enough, and of more than a burst when there will be a burst', () => {
    const tokens = bucket();
    expect(tokens.dueFor(3, START)).toBe(START);
    tokens.spend(3, START);
    expect(tokens.dueFor(100, START)).toBe(300);
  });

  it('is never due before it has what was asked for', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1e9, noNaN: true }), fc.nat(1_000_000), (perSecond, spent) => {
        const tokens = new TokenBucket({ perSecond, burst: perSecond, now: START });
        tokens.spend(spent, START);
        const due = tokens.dueFor(perSecond / 2, START);
        expect(tokens.available(due)).toBeGreaterThanOrEqual((perSecond / 2) * (1 - 1e-9));
      }),
    );
  });
});
