import { describe, expect, it } from 'vitest';
import { TrackerNews, type TrackerNote } from './tracker-news.ts';

const note = (url: string, status: TrackerNote['status'], seeders = 0, leechers = 0): TrackerNote => ({
  tracker: { url },
  status,
  text: status === 'refused' ? 'not on the list' : '',
  seeders,
  leechers,
});

const codeOf = (...notes: readonly TrackerNote[]): string | undefined => {
  const news = new TrackerNews([]);
  for (const one of notes) news.take(one);
  return news.whyNobody()?.code;
};

describe('why nobody came', () => {
  it('is that no tracker could be asked', () => {
    expect(codeOf(note('a', 'unresolved'))).toBe('NAME_UNRESOLVED');
    expect(codeOf(note('a', 'unresolved'), note('b', 'silent'))).toBe('NETWORK');
    expect(codeOf(note('a', 'silent'))).toBe('NETWORK');
  });

  it('is that no tracker has answered yet', () => {
    const news = new TrackerNews([{ url: 'a' }, { url: 'b' }]);
    expect(news.whyNobody()).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('a, b') as string });
    news.take(note('a', 'unresolved'));
    expect(news.whyNobody()?.code).toBe('NETWORK');
    news.take(note('b', 'working', 0, 1));
    expect(news.whyNobody()?.code).toBe('CONTENT_UNKNOWN');
  });

  it('is that nobody shares it, as far as one tracker knows', () => {
    expect(codeOf(note('a', 'silent'), note('b', 'working', 0, 1))).toBe('CONTENT_UNKNOWN');
    expect(codeOf(note('a', 'refused'))).toBe('CONTENT_UNKNOWN');
  });

  it('is not for the trackers to say when they named someone, or nobody was asked', () => {
    expect(codeOf(note('a', 'working', 1, 1))).toBeUndefined();
    expect(codeOf(note('a', 'working', 0, 2))).toBeUndefined();
    expect(codeOf()).toBeUndefined();
  });

  it('goes by the last word of each tracker', () => {
    expect(codeOf(note('a', 'silent'), note('a', 'working', 0, 1))).toBe('CONTENT_UNKNOWN');
  });
});
