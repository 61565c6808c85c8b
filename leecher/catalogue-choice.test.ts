import { describe, expect, it } from 'vitest';
import type { InfoHashV2 } from '../common/base/ids.ts';
import type { CatalogueEntry } from '../common/wire/catalogue-entry.ts';
import { entryLines, entryObject, nothingFound, type TrackerAnswer } from './catalogue-choice.ts';

const entry = (name: string, sizeBytes: number, seeders: number): CatalogueEntry => ({
  infoHashV2: new Uint8Array(32).fill(0xab) as InfoHashV2,
  infoHashV1: undefined,
  ...{ multiFile: false, unlisted: false, pieceBytes: 524_288, infoBytes: undefined },
  ...{ name, sizeBytes, seeders, leechers: 0 },
});

describe('the catalogue', () => {
  it('is a table of name, size, seeders and info hash', () => {
    const hash = 'ab'.repeat(32);
    expect(entryLines([entry('a.iso', 5 * 2 ** 30, 1), entry('longer-name', 10, 12)])).toEqual([
      `a.iso        5.0GiB  1 seeder    ${hash}`,
      `longer-name     10B  12 seeders  ${hash}`,
    ]);
    expect(entryLines([])).toEqual([]);
  });

  it('lets no name drive the terminal', () => {
    expect(entryLines([entry('\u001b[2Jevil\u202e', 1, 1)])[0]).not.toMatch(/[\u001b\u202e]/);
  });

  it('gives programs bytes and counts', () => {
    expect(entryObject(entry('a', 7, 3))).toMatchObject({ name: 'a', bytes: 7, seeders: 3, chunkBytes: 524_288 });
  });
});

describe('nothing found', () => {
  const answers = (...states: TrackerAnswer['status'][]): TrackerAnswer[] =>
    states.map((status, i) => ({ tracker: { url: `udp://t${i}:1` }, status }));

  it.each([
    [answers('unresolved'), 'NAME_UNRESOLVED'],
    [answers('unresolved', 'no answer'), 'NETWORK'],
    [answers('no answer'), 'NETWORK'],
    [answers('no catalogue', 'no answer'), 'CONTENT_UNKNOWN'],
    [answers('ok', 'no answer'), 'CONTENT_UNKNOWN'],
  ])('is told by what the trackers answered (%#)', (trackers, code) => {
    expect(nothingFound('x', trackers).code).toBe(code);
  });

  it('names what was asked for and what to do', () => {
    expect(nothingFound('x.iso', answers('ok')).message).toContain('nothing called x.iso');
    expect(nothingFound(undefined, answers('ok')).message).toContain('start a seeder');
    expect(nothingFound('x', answers('no catalogue')).message).toContain('magnet');
  });
});
