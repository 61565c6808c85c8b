import { describe, expect, it } from 'vitest';
import type { RangeHead } from '../common/base/web-ports.ts';
import { failureOfEnd, judgeHead } from './web-answer.ts';

const head = (status: number, more: Partial<RangeHead> = {}): RangeHead => ({
  status,
  contentRange: undefined,
  contentLength: undefined,
  contentEncoding: undefined,
  retryAfter: undefined,
  date: undefined,
  location: undefined,
  ...more,
});
const wanted = { firstByte: 100, lastByte: 199, fileBytes: 1000 };
const kindOf = (given: RangeHead): string => {
  const verdict = judgeHead(given, wanted);
  return verdict.kind === 'refused' ? verdict.failure.kind : verdict.kind;
};

describe('the answer to a ranged GET', () => {
  it.each([
    ['bytes 100-199/1000', 'ranged'],
    ['Bytes 100-199/*', 'ranged'],
    ['bytes 100-199/1001', 'unfit'],
    ['bytes 0-99/1000', 'unfit'],
    ['bytes 100-198/1000', 'unfit'],
    ['bytes 100-200/1000', 'unfit'],
    ['bytes */1000', 'unfit'],
    ['bytes 1e2-199/1000', 'unfit'],
    ['', 'unfit'],
    [undefined, 'unfit'],
  ])('206 of the range %s is %s', (contentRange, kind) => {
    expect(kindOf(head(206, { contentRange }))).toBe(kind);
  });

  it('206 must be as long as it says', () => {
    const contentRange = 'bytes 100-199/1000';
    expect(kindOf(head(206, { contentRange, contentLength: 100 }))).toBe('ranged');
    expect(kindOf(head(206, { contentRange, contentLength: 99 }))).toBe('unfit');
  });

  it('200 is the whole file, if it has its length and is not encoded', () => {
    expect(kindOf(head(200))).toBe('whole');
    expect(kindOf(head(200, { contentLength: 1000, contentEncoding: 'Identity' }))).toBe('whole');
    expect(kindOf(head(200, { contentLength: 999 }))).toBe('unfit');
    expect(kindOf(head(200, { contentEncoding: 'gzip' }))).toBe('unfit');
  });

  it.each([
    [404, 'missing'],
    [416, 'missing'],
    [403, 'missing'],
    [400, 'missing'],
    [204, 'missing'],
    [429, 'busy'],
    [503, 'busy'],
    [500, 'failed'],
    [502, 'failed'],
  ])('%i: %s', (status, kind) => {
    expect(kindOf(head(status))).toBe(kind);
  });

  it.each([
    ['7', 7_000],
    [' 7 ', 7_000],
    ['99999999', 600_000],
    ['-1', undefined],
    ['Fri, 31 Dec 1999 23:59:59 GMT', undefined],
    [undefined, undefined],
  ])('503 with Retry-After %s asks for a pause of %s ms', (retryAfter, pauseMs) => {
    const verdict = judgeHead(head(503, { retryAfter }), wanted);
    expect(verdict.kind === 'refused' && verdict.failure.pauseMs).toBe(pauseMs);
  });

  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:30 GMT', 7_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:50:00 GMT', 0],
    ['Sun, 06 Nov 2094 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT', 600_000],
    ['-1', 'Sun, 06 Nov 1994 08:49:37 GMT', undefined],
    ['soon', 'Sun, 06 Nov 1994 08:49:37 GMT', undefined],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 'now', undefined],
  ])(
    '503 with Retry-After %s at %s asks for a pause of %s ms, whatever our clock says',
    (retryAfter, date, pauseMs) => {
      const verdict = judgeHead(head(503, { retryAfter, date }), wanted);
      expect(verdict.kind === 'refused' && verdict.failure.pauseMs).toBe(pauseMs);
    },
  );

  it('a redirect leads somewhere', () => {
    expect(judgeHead(head(302, { location: '/b' }), wanted)).toEqual({ kind: 'moved', location: '/b' });
    expect(kindOf(head(301))).toBe('unfit');
  });

  it('that breaks off is a failure of the moment, and one that is no HTTP is for good', () => {
    expect([failureOfEnd('cut').kind, failureOfEnd('timeout').kind, failureOfEnd('unfit').kind]).toEqual([
      'failed',
      'failed',
      'unfit',
    ]);
  });
});
