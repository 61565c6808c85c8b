import { describe, expect, it } from 'vitest';
import { instant } from '../common/base/ids.ts';
import { PublishQuota } from './publish-quota.ts';

const takes = (quota: PublishQuota, source: number, times: number, nowMs: number): number =>
  Array.from({ length: times }, () => quota.take(source, instant(nowMs))).filter(Boolean).length;

describe('the publish quota', () => {
  it('lets a burst pass, then as many as flow in', () => {
    const quota = new PublishQuota({ perMinute: 120, sources: 10 });
    expect(takes(quota, 1, 500, 0)).toBe(120);
    expect(takes(quota, 1, 500, 1_000)).toBe(2);
    expect(takes(quota, 1, 500, 600_000)).toBe(120);
  });

  it('counts each source for itself', () => {
    const quota = new PublishQuota({ perMinute: 2, sources: 10 });
    expect([takes(quota, 1, 5, 0), takes(quota, 2, 5, 0)]).toEqual([2, 2]);
  });

  it('has no room for a new source while all others are busy, and finds it again', () => {
    const quota = new PublishQuota({ perMinute: 2, sources: 2 });
    expect([takes(quota, 1, 1, 0), takes(quota, 2, 1, 0), takes(quota, 3, 1, 0)]).toEqual([1, 1, 0]);
    expect(takes(quota, 3, 1, 60_000)).toBe(1);
  });
});
