import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { looseText, utf8 } from '../base/bytes.ts';
import type { WireHash } from '../base/ids.ts';
import { MAX_SCRAPE_HASHES } from '../base/limits.ts';
import { decodeScrapeAnswer, encodeScrapeAnswer, parseScrapeQuery, scrapeQuery, scrapeTarget } from './http-scrape.ts';

const hash = (fill: number): WireHash => new Uint8Array(20).fill(fill) as WireHash;

describe('where a tracker is scraped', () => {
  it.each([
    ['/announce', '/scrape'],
    ['/x/announce', '/x/scrape'],
    ['/announce.php', '/scrape.php'],
    ['/announce/announce?a=/announce', '/announce/scrape?a=/announce'],
    ['/announce?x2%0644', '/scrape?x2%0644'],
    ['/announce?x=2/4', '/scrape?x=2/4'],
    ['/x%064announce', undefined],
    ['/a', undefined],
    ['/announce/', undefined],
    ['/?announce', undefined],
    ['', undefined],
  ])('for %s is %s (BEP 48)', (announce, scrape) => {
    expect(scrapeTarget(announce)).toBe(scrape);
  });
});

describe('a scrape', () => {
  it('carries its hashes to the tracker, each once', () => {
    expect(parseScrapeQuery(scrapeQuery([hash(1), hash(255), hash(1)]))).toEqual([hash(1), hash(255)]);
    expect(parseScrapeQuery(`info_hash=${'A'.repeat(20)}&info_hash=${'%41'.repeat(20)}`)).toEqual([hash(0x41)]);
    expect(parseScrapeQuery('info_hash=short&x=1')).toEqual([]);
  });

  it('asks for no more than an answer holds', () => {
    const hashes = Array.from({ length: 200 }, (_, i) => hash(i));
    expect(parseScrapeQuery(scrapeQuery(hashes))).toEqual(hashes.slice(0, MAX_SCRAPE_HASHES));
  });

  it('is answered by hash, in order', () => {
    const counts = [
      { seeders: 1, completed: 2, leechers: 3 },
      { seeders: 4, completed: 5, leechers: 6 },
    ];
    const bytes = encodeScrapeAnswer([hash(0x62), hash(0x61)], counts);
    expect(looseText(bytes)).toBe(
      `d5:filesd20:${'a'.repeat(20)}d8:completei4e10:downloadedi5e10:incompletei6ee` +
        `20:${'b'.repeat(20)}d8:completei1e10:downloadedi2e10:incompletei3eeee`,
    );
    const asked = [hash(0x62), hash(0x61), hash(0x63)];
    expect(decodeScrapeAnswer(bytes, asked)).toEqual({ ok: true, value: [...counts, undefined] });
  });

  it('may be refused, or make no sense', () => {
    expect(decodeScrapeAnswer(utf8('d14:failure reason2:noe'), [])).toMatchObject({ refused: true, reason: 'no' });
    expect(decodeScrapeAnswer(utf8('d5:filesi1ee'), [hash(1)])).toEqual({ ok: true, value: [undefined] });
    expect(decodeScrapeAnswer(utf8('x'), [hash(1)])).toMatchObject({ ok: false, refused: false });
  });

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: 'binary' }), (bytes, query) => {
        expect(decodeScrapeAnswer(bytes, [hash(1)]).ok).toBeTypeOf('boolean');
        expect(parseScrapeQuery(query).length).toBeLessThanOrEqual(MAX_SCRAPE_HASHES);
      }),
    );
  });
});
