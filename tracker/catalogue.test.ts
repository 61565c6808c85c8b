import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InfoHashV1, InfoHashV2, WireHash } from '../common/base/ids.ts';
import { MAX_DATAGRAM_BYTES } from '../common/base/limits.ts';
import type { CatalogueItem } from '../common/wire/catalogue-entry.ts';
import { itemSwarm } from '../common/wire/catalogue-entry.ts';
import { encodeListResponse, encodeLookupResponse } from '../common/wire/catalogue-reading.ts';
import type { CatalogueLimits } from './catalogue.ts';
import { Catalogue } from './catalogue.ts';

const ROOM: CatalogueLimits = { entries: 1_000, entriesPerSource: 1_000, scan: 1_000 };
const v2Of = (n: number): InfoHashV2 => new Uint8Array(32).fill(n) as InfoHashV2;
const v1Of = (n: number): InfoHashV1 => new Uint8Array(20).fill(n) as InfoHashV1;

const made = (limits: Partial<CatalogueLimits> = {}): Catalogue =>
  new Catalogue({ limits: { ...ROOM, ...limits }, firstSequence: 1, population: () => ({ seeders: 2, leechers: 1 }) });

const item = (n: number, name: string, over: Partial<CatalogueItem> = {}): CatalogueItem => ({
  infoHashV2: v2Of(n),
  infoHashV1: undefined,
  multiFile: false,
  unlisted: false,
  pieceBytes: 512 * 1024,
  sizeBytes: 1_000_000 + n,
  infoBytes: 100,
  name,
  ...over,
});

/** All names that a reader gets by following the cursor, page by page. */
function pages(catalogue: Catalogue, query = '', max = 0): string[][] {
  const found: string[][] = [];
  let cursor = 0n;
  do {
    const page = catalogue.list({ cursor, max, query });
    expect(encodeListResponse(1, page).length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
    found.push(page.entries.map((entry) => entry.name));
    cursor = page.nextCursor;
  } while (cursor !== 0n);
  return found;
}

describe('publish', () => {
  it('gives each new entry the next sequence, and a known one its own', () => {
    const catalogue = made();
    expect(catalogue.publish(item(1, 'a'), 1)).toEqual({ ok: true, sequence: 1 });
    expect(catalogue.publish(item(2, 'b'), 1)).toEqual({ ok: true, sequence: 2 });
    expect(catalogue.publish(item(1, 'a'), 2)).toEqual({ ok: true, sequence: 1 });
  });

  it('lets the first publisher fix name and size', () => {
    const catalogue = made();
    catalogue.publish(item(1, 'first'), 1);
    catalogue.publish(item(1, 'second', { sizeBytes: 7 }), 2);
    expect(catalogue.lookup({ kind: 'v2', hash: v2Of(1) })).toMatchObject([{ name: 'first', sizeBytes: 1_000_001 }]);
    expect(catalogue.size).toBe(1);
  });

  it.each([
    '',
    ' ',
    '.',
    '..',
    '...',
    'a/b',
    'a\\b',
    'a\nb',
    'a\u0000',
    'a\u001b[2Jb',
    'a\u202egnp.exe',
    'a\u2066b',
    'a\u2028b',
  ])('refuses the name %j', (name) => {
    expect(made().publish(item(1, name), 1)).toMatchObject({ ok: false, reason: 'bad-name' });
  });

  it.each(['..a', 'naïve.iso', '數據', '👩‍👩‍👧', '.hidden', 'a b'])('takes the name %j', (name) => {
    expect(made().publish(item(1, name), 1)).toMatchObject({ ok: true });
  });

  it('[fault 10] has bounds, altogether and for one source, and gives room back', () => {
    const catalogue = made({ entries: 3, entriesPerSource: 2 });
    const publish = (n: number, source: number): boolean => catalogue.publish(item(n, 'x'), source).ok;
    expect([publish(1, 1), publish(2, 1), publish(3, 1), publish(3, 2), publish(4, 3)]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
    expect(publish(1, 3)).toBe(true);
    catalogue.remove(itemSwarm(item(2, 'x')));
    expect([publish(5, 1), publish(6, 2)]).toEqual([true, false]);
    catalogue.remove(itemSwarm(item(99, 'x')));
    expect(catalogue.size).toBe(3);
  });
});

describe('list', () => {
  it('gives the newest first, with who has it', () => {
    const catalogue = made();
    for (const n of [1, 2, 3]) catalogue.publish(item(n, `n${n}`), 1);
    const page = catalogue.list({ cursor: 0n, max: 0, query: '' });
    expect(page).toMatchObject({ nextCursor: 0n, matches: 3 });
    expect(page.entries.map((entry) => entry.name)).toEqual(['n3', 'n2', 'n1']);
    expect(page.entries[0]).toMatchObject({ seeders: 2, leechers: 1, infoHashV2: v2Of(3) });
  });

  it('fills a datagram and goes on behind it', () => {
    const catalogue = made();
    for (let n = 0; n < 100; n++) catalogue.publish(item(n, `${n}`.padStart(40, '0')), 1);
    const found = pages(catalogue);
    expect(found[0]).toHaveLength(13);
    expect(found.flat()).toEqual(Array.from({ length: 100 }, (_, i) => `${99 - i}`.padStart(40, '0')));
    expect(pages(catalogue, '', 7)[0]).toHaveLength(7);
    expect(pages(catalogue, '', 50)).toHaveLength(2 + 6);
  });

  it('ends with the page that has the last entry', () => {
    const catalogue = made();
    for (let n = 0; n < 4; n++) catalogue.publish(item(n, `n${n}`), 1);
    expect(pages(catalogue, '', 2)).toEqual([
      ['n3', 'n2'],
      ['n1', 'n0'],
    ]);
    expect(pages(made())).toEqual([[]]);
  });

  it('finds entries that have every word of the query, in any case and form', () => {
    const catalogue = made();
    catalogue.publish(item(1, 'Debian 13 Netinst AMD64.iso'), 1);
    catalogue.publish(item(2, 'debian-13-arm64.iso'), 1);
    catalogue.publish(item(3, 'Ｕｂｕｎｔｕ.iso'), 1);
    expect(pages(catalogue, 'amd64  DEBIAN')).toEqual([['Debian 13 Netinst AMD64.iso']]);
    expect(pages(catalogue, 'ubuntu')).toEqual([['Ｕｂｕｎｔｕ.iso']]);
    expect(pages(catalogue, 'nothing')).toEqual([[]]);
    expect(catalogue.list({ cursor: 0n, max: 1, query: 'iso' })).toMatchObject({ matches: 3, entries: [{}] });
  });

  it('looks at a bounded number of entries and gives a cursor even without a match', () => {
    const catalogue = made({ scan: 10 });
    for (let n = 0; n < 35; n++) catalogue.publish(item(n, n === 3 ? 'wanted' : 'other'), 1);
    const first = catalogue.list({ cursor: 0n, max: 0, query: 'wanted' });
    expect(first).toMatchObject({ entries: [], nextCursor: 26n });
    expect(pages(catalogue, 'wanted').flat()).toEqual(['wanted']);
  });

  it('leaves out unlisted entries', () => {
    const catalogue = made();
    catalogue.publish(item(1, 'secret', { unlisted: true }), 1);
    expect(catalogue.list({ cursor: 0n, max: 0, query: '' })).toMatchObject({ matches: 0, entries: [] });
    expect(catalogue.lookup({ kind: 'name', name: 'secret' })).toEqual([]);
    expect(catalogue.lookup({ kind: 'v2', hash: v2Of(1) })).toHaveLength(1);
  });

  it('shifts no page when entries come and go between pages', () => {
    const change = fc.record({ remove: fc.nat({ max: 40 }), add: fc.nat({ max: 3 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.integer({ min: 1, max: 9 }), (changes, max) => {
        const catalogue = made();
        const stays = new Set(Array.from({ length: 40 }, (_, n) => `n${n}`));
        for (let n = 0; n < 40; n++) catalogue.publish(item(n, `n${n}`), 1);
        const seen: string[] = [];
        let cursor = 0n;
        let next = 40;
        for (let page = 0; page === 0 || cursor !== 0n; page++) {
          const answer = catalogue.list({ cursor, max, query: '' });
          seen.push(...answer.entries.map((entry) => entry.name));
          cursor = answer.nextCursor;
          const step = changes[page];
          if (step === undefined) continue;
          catalogue.remove(itemSwarm(item(step.remove, '')));
          stays.delete(`n${step.remove}`);
          for (let i = 0; i < step.add; i++, next++) catalogue.publish(item(next, `n${next}`), 1);
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen).toEqual(expect.arrayContaining([...stays]));
      }),
    );
  });
});

describe('lookup', () => {
  it('finds by swarm, by v2 hash, by exact name', () => {
    const catalogue = made();
    catalogue.publish(item(1, 'a.iso'), 1);
    const found = [{ name: 'a.iso', infoBytes: 100, seeders: 2 }];
    expect(catalogue.lookup({ kind: 'swarm', hash: v2Of(1).slice(0, 20) as Uint8Array as WireHash })).toMatchObject(
      found,
    );
    expect(catalogue.lookup({ kind: 'v2', hash: v2Of(1) })).toMatchObject(found);
    expect(catalogue.lookup({ kind: 'name', name: 'a.iso' })).toMatchObject(found);
    const sameStart = v2Of(1);
    sameStart[31] = 9;
    expect(catalogue.lookup({ kind: 'v2', hash: sameStart })).toEqual([]);
    expect(catalogue.lookup({ kind: 'name', name: 'A.iso' })).toEqual([]);
    catalogue.remove(itemSwarm(item(1, '')));
    expect(catalogue.lookup({ kind: 'name', name: 'a.iso' })).toEqual([]);
  });

  it('finds a hybrid by either hash, and lets its v1 hash keep nobody out', () => {
    const catalogue = made();
    catalogue.publish(item(1, 'hybrid', { infoHashV1: v1Of(9) }), 1);
    const byV1 = { kind: 'swarm', hash: v1Of(9) as Uint8Array as WireHash } as const;
    expect(catalogue.lookup(byV1)).toMatchObject([{ name: 'hybrid' }]);
    catalogue.publish(item(0, 'plain v1', { infoHashV2: undefined, infoHashV1: v1Of(9) }), 2);
    expect(catalogue.lookup(byV1)).toMatchObject([{ name: 'plain v1' }]);
    catalogue.remove(v1Of(9) as Uint8Array as WireHash);
    expect(catalogue.lookup(byV1)).toMatchObject([{ name: 'hybrid' }]);
    catalogue.remove(itemSwarm(item(1, '')));
    expect(catalogue.lookup(byV1)).toEqual([]);
  });

  it('gives as many namesakes as a datagram holds', () => {
    const catalogue = made();
    const name = 'x'.repeat(200);
    for (let n = 0; n < 20; n++) catalogue.publish(item(n, name), 1);
    const found = catalogue.lookup({ kind: 'name', name });
    expect(found).toHaveLength(4);
    expect(encodeLookupResponse(1, found).length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
  });
});
