import { describe, expect, it } from 'vitest';
import { KIB, MIB } from '../base/limits.ts';
import { rateLimitsOf, SERVING_OPTIONS } from './serving-options.ts';

describe('--bwlimit', () => {
  it.each([
    ['10M:off', 10 * MIB, undefined],
    ['off:5M', undefined, 5 * MIB],
    ['off:512K', undefined, 512 * KIB],
    ['2MiB', 2 * MIB, 2 * MIB],
    ['1.5M:1k', 1.5 * MIB, KIB],
    ['OFF', undefined, undefined],
    ['off:off', undefined, undefined],
  ])('%s', (bwlimit, upBytesPerSecond, downBytesPerSecond) => {
    expect(SERVING_OPTIONS.bwlimit.check(bwlimit)).toBeUndefined();
    expect(rateLimitsOf({ bwlimit, bwlimitLan: undefined })).toEqual({
      limits: { upBytesPerSecond, downBytesPerSecond },
      lan: undefined,
    });
  });

  it.each(['', ':', '10M:', ':10M', '1M:2M:3M', '0', '512', '10M/s', '-1M', 'fast', '10 M', '1e6', '10MB'])(
    'is not "%s"',
    (text) => {
      expect(SERVING_OPTIONS.bwlimit.check(text)).toContain('10M:off');
    },
  );

  it('has a twin for the local network, which counts with the rest without it', () => {
    const off = { upBytesPerSecond: undefined, downBytesPerSecond: undefined };
    expect(rateLimitsOf({ bwlimit: undefined, bwlimitLan: undefined })).toEqual({ limits: off, lan: undefined });
    expect(rateLimitsOf({ bwlimit: '1M', bwlimitLan: 'off' }).lan).toEqual(off);
    expect(rateLimitsOf({ bwlimit: undefined, bwlimitLan: '1M:2M' }).lan).toEqual({
      upBytesPerSecond: MIB,
      downBytesPerSecond: 2 * MIB,
    });
  });
});
