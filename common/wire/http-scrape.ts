import type { WireHash } from '../base/ids.ts';
import { MAX_SCRAPE_HASHES } from '../base/limits.ts';
import type { BencodeValue } from './bencode.ts';
import { asInt, bencodeDict, dictGet, encodeBencode } from './bencode.ts';
import { escapeBytes, queryParameters, unescapeBytes } from './http-query.ts';
import type { HttpTrackerAnswer } from './http-tracker.ts';
import { decodeAnswer } from './http-tracker.ts';
import type { SwarmCounts } from './tracker-packets.ts';

/** Scrapes over HTTP, in both directions (BEP 48). */

/**
 * Where a tracker is scraped: its announce URL with `announce` at the beginning of the last part of the path turned
 * into `scrape`. Undefined when there is none, which means that the tracker has no scrape.
 */
export function scrapeTarget(announceTarget: string): string | undefined {
  const match = /^([^?]*\/)announce([^/?]*(?:\?.*)?)$/.exec(announceTarget);
  return match === null ? undefined : `${match[1]!}scrape${match[2]!}`;
}

export const scrapeQuery = (hashes: readonly WireHash[]): string =>
  hashes.map((hash) => `info_hash=${escapeBytes(hash)}`).join('&');

/** What is asked for, each once, none that is no hash. BOUNDED: by MAX_SCRAPE_HASHES; the rest is passed over. */
export function parseScrapeQuery(query: string): readonly WireHash[] {
  const hashes: WireHash[] = [];
  const seen = new Set<string>();
  for (const [name, value] of queryParameters(query)) {
    if (name !== 'info_hash' || hashes.length === MAX_SCRAPE_HASHES) continue;
    const hash = unescapeBytes(value);
    const canonical = escapeBytes(hash);
    if (hash.length !== 20 || seen.has(canonical)) continue;
    seen.add(canonical);
    hashes.push(hash as WireHash);
  }
  return hashes;
}

/** Counts for each hash asked for; undefined for one that the tracker does not know. */
export function decodeScrapeAnswer(
  bytes: Uint8Array,
  hashes: readonly WireHash[],
): HttpTrackerAnswer<readonly (SwarmCounts | undefined)[]> {
  const root = decodeAnswer(bytes);
  if (!root.ok) return root;
  const files = dictGet(root.value, 'files');
  const counts = hashes.map((hash) => {
    const one = dictGet(files, hash);
    if (one?.kind !== 'dict') return undefined;
    const count = (key: string): number => asInt(dictGet(one, key)) ?? 0;
    return { seeders: count('complete'), completed: count('downloaded'), leechers: count('incomplete') };
  });
  return { ok: true, value: counts };
}

/** `hashes` each once. */
export function encodeScrapeAnswer(hashes: readonly WireHash[], counts: readonly SwarmCounts[]): Uint8Array {
  const files = new Map<Uint8Array, BencodeValue>();
  for (const [i, hash] of hashes.entries()) {
    const { seeders, completed, leechers } = counts[i]!;
    files.set(
      hash,
      bencodeDict([
        ['complete', seeders],
        ['downloaded', completed],
        ['incomplete', leechers],
      ]),
    );
  }
  return encodeBencode(bencodeDict([['files', files]]));
}
