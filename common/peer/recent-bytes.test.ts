import fc from 'fast-check';
import { expect, it } from 'vitest';
import { after, instant } from '../base/ids.ts';
import { RecentBytes } from './recent-bytes.ts';

const START = instant(5_000);

it('counts what came within the window, and forgets it afterwards', () => {
  const recent = new RecentBytes({ windowMs: 2_000 });
  recent.add(10, START);
  recent.add(5, after(START, 1_000));
  expect(recent.sum(after(START, 1_500))).toBe(15);
  expect(recent.sum(after(START, 2_500))).toBe(5);
  expect(recent.sum(after(START, 10_000))).toBe(0);
});

it('is a naive sum over the window, but for its oldest part', () => {
  const adds = fc.array(fc.tuple(fc.nat(100), fc.nat(900)), { maxLength: 60 });
  fc.assert(
    fc.property(adds, (steps) => {
      const recent = new RecentBytes({ windowMs: 2_000 });
      const all: { bytes: number; at: number }[] = [];
      let now = START;
      for (const [bytes, waitMs] of steps) {
        now = after(now, waitMs);
        recent.add(bytes, now);
        all.push({ bytes, at: now });
        const since = (ageMs: number): number =>
          all.filter(({ at }) => at > now - ageMs).reduce((sum, add) => sum + add.bytes, 0);
        expect(recent.sum(now)).toBeGreaterThanOrEqual(since(1_900));
        expect(recent.sum(now)).toBeLessThanOrEqual(since(2_000.001));
      }
    }),
  );
});
