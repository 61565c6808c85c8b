import { describe, expect, it } from 'vitest';
import { instant } from '../common/base/ids.ts';
import { BLOCK_BYTES } from '../common/base/limits.ts';
import { Patience } from './patience.ts';

const patienceFrom = (nowMs: number): Patience =>
  new Patience({ waitMs: 30_000, timeoutMs: 90_000, now: instant(nowMs) });

describe('patience', () => {
  it('[fault 58] ends when there are not sources enough in time, and not before', () => {
    const patience = patienceFrom(1_000);
    expect(patience.nextDue).toBe(31_000);
    expect(patience.verdict(instant(30_999))).toBeUndefined();
    expect(patience.verdict(instant(31_000))).toBe('too-few');
  });

  it('the wait begins again when there was other work to do', () => {
    const patience = patienceFrom(0);
    patience.waitsAnew(instant(20_000));
    expect(patience.verdict(instant(49_999))).toBeUndefined();
    expect(patience.verdict(instant(50_000))).toBe('too-few');
  });

  it('of progress alone the wait for sources knows nothing', () => {
    const patience = patienceFrom(0);
    patience.progressed(instant(29_000));
    patience.heard(BLOCK_BYTES, instant(29_500));
    expect(patience.verdict(instant(30_000))).toBe('too-few');
  });

  it('once started only progress counts', () => {
    const patience = patienceFrom(0);
    patience.started(instant(10_000));
    expect(patience.nextDue).toBe(100_000);
    patience.progressed(instant(60_000));
    expect(patience.verdict(instant(149_999))).toBeUndefined();
    expect(patience.verdict(instant(150_000))).toBe('no-progress');
  });

  it('[fault 42] a block is progress, in however many parts; a byte now and then is not', () => {
    const patience = patienceFrom(0);
    patience.started(instant(0));
    patience.heard(BLOCK_BYTES - 1, instant(50_000));
    expect(patience.nextDue).toBe(90_000);
    patience.heard(1, instant(60_000));
    expect(patience.nextDue).toBe(150_000);
    for (let at = 61_000; at < 150_000; at += 1_000) patience.heard(1, instant(at));
    expect(patience.verdict(instant(150_000))).toBe('no-progress');
  });
});
