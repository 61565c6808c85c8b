import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactBytes, formatBytes, formatDuration, formatPercent, formatRate } from './format.ts';
import { parseOptionValue } from '../host/option-values.ts';

describe('format', () => {
  it.each([
    [0, '0B'],
    [1, '1B'],
    [1_023, '1023B'],
    [1_024, '1.0KiB'],
    [524_288, '512.0KiB'],
    [1_048_575, '1.0MiB'],
    [1_048_576, '1.0MiB'],
    [12.3 * 2 ** 30, '12.3GiB'],
    [70 * 2 ** 30, '70.0GiB'],
    [5 * 2 ** 40, '5.0TiB'],
    [Number.MAX_SAFE_INTEGER, '8.0PiB'],
    [-1, '?B'],
    [Number.NaN, '?B'],
  ])('shows %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('never shows a thousand and more of a unit that has a next one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        expect(Number.parseFloat(formatBytes(bytes))).toBeLessThan(1_024);
      }),
    );
  });

  it('shows rates in the same units', () => {
    expect(formatRate(110 * 2 ** 20)).toBe('110.0MiB/s');
  });

  it('shows an exact size that reads back as the same number', () => {
    expect([exactBytes(524_288), exactBytes(1_048_576), exactBytes(1_000), exactBytes(0)]).toEqual([
      '512KiB',
      '1MiB',
      '1000',
      '0',
    ]);
    const size = { kind: 'size', describe: '' } as const;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 43 }), fc.integer({ min: 0, max: 10 }), (value, shift) => {
        const bytes = value * 2 ** shift;
        fc.pre(Number.isSafeInteger(bytes) && !exactBytes(bytes).endsWith('PiB'));
        expect(parseOptionValue(size, exactBytes(bytes))).toEqual({ ok: true, value: bytes });
      }),
    );
  });

  it.each([
    [0, '0s'],
    [59.4, '59s'],
    [59.6, '1m00s'],
    [532, '8m52s'],
    [3_600, '1h00m'],
    [11_100, '3h05m'],
    [187_200, '2d04h'],
    [undefined, '-'],
    [Number.POSITIVE_INFINITY, '-'],
  ])('shows %s seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it('says 100% only when all is there', () => {
    expect(formatPercent(999_999, 1_000_000)).toBe('99%');
    expect(formatPercent(1, 1)).toBe('100%');
    expect(formatPercent(0, 0)).toBe('100%');
  });
});
