import { describe, expect, it } from 'vitest';
import { instant, NEVER } from '../common/base/ids.ts';
import { type SeedBounds, SeedGoal } from './seed-goal.ts';

const goalOf = (bounds: SeedBounds): SeedGoal => new SeedGoal({ bounds, sizeBytes: 1_000, now: instant(5_000) });

describe('the goal of a leecher that serves on', () => {
  it('is never reached without bounds, and need not be looked at', () => {
    const goal = goalOf({});
    expect(goal.reached(1_000_000, instant(1e12))).toBeUndefined();
    expect(goal.nextLook(instant(5_000))).toBe(NEVER);
  });

  it('is a share of the size, counted in bytes sent', () => {
    const goal = goalOf({ ratio: 1.5 });
    expect(goal.reached(1_499, instant(6_000))).toBeUndefined();
    expect(goal.reached(1_500, instant(6_000))).toBe('ratio');
    expect(goal.nextLook(instant(6_000))).toBe(7_000);
  });

  it('is a time, counted from when it began', () => {
    const goal = goalOf({ timeMs: 600 });
    expect(goal.reached(0, instant(5_599))).toBeUndefined();
    expect(goal.reached(0, instant(5_600))).toBe('time');
    expect(goal.nextLook(instant(5_000))).toBe(5_600);
  });

  it('is whichever comes first', () => {
    const goal = goalOf({ ratio: 2, timeMs: 10_000 });
    expect(goal.reached(2_000, instant(5_001))).toBe('ratio');
    expect(goal.reached(1_999, instant(15_000))).toBe('time');
    expect(goal.nextLook(instant(14_500))).toBe(15_000);
  });
});
