import { describe, expect, it } from 'vitest';
import { instant } from '../base/ids.ts';
import { StallBudget } from './stall-budget.ts';

describe('the stalls of an event loop', () => {
  it('are allowed as long as reads are quick, however many', () => {
    const stalls = new StallBudget();
    for (let at = 0; at < 1_000; at += 0.5) stalls.spend(instant(at), instant(at + 0.5));
    expect(stalls.isLeft(instant(1_000))).toBe(true);
  });

  it('are a twentieth of the time at most, on a disk that is slow each time', () => {
    const stalls = new StallBudget();
    let stalledMs = 0;
    for (let at = 0; at < 60_000; at += 10) {
      if (!stalls.isLeft(instant(at))) continue;
      stalls.spend(instant(at), instant(at + 8));
      stalledMs += 8;
    }
    expect(stalledMs).toBeGreaterThan(60_000 / 25);
    expect(stalledMs).toBeLessThan(60_000 / 20 + 100 + 8);
  });

  it('that last long are paid for before there is another', () => {
    const stalls = new StallBudget();
    expect(stalls.isLeft(instant(0))).toBe(true);
    stalls.spend(instant(0), instant(2_000));
    expect(stalls.isLeft(instant(2_000))).toBe(false);
    expect(stalls.isLeft(instant(39_000))).toBe(false);
    expect(stalls.isLeft(instant(41_000))).toBe(true);
  });
});
