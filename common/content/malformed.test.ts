import { describe, expect, it } from 'vitest';
import { MALFORMED_TORRENTS } from '../fixtures/malformed.ts';
import { LooseDocument } from '../fixtures/loose-bencode.ts';
import { torrentFixture, vectors } from '../fixtures/vectors.ts';
import { MIB } from '../base/limits.ts';
import { parseTorrent } from './metainfo.ts';

/** A judgement that takes longer, on a machine that does other things too, is one that a torrent could make endless. */
const LONGEST_MS = 15_000;
/** What the judge may take beside the file itself. */
const MOST_BYTES = 160 * MIB;

describe('[fault 19] [fault 20] [fault 21] [fault 22] [fault 23] a malformed torrent', () => {
  it('comes in many kinds, no two alike', () => {
    const kinds = MALFORMED_TORRENTS.map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(kinds.length).toBeGreaterThanOrEqual(60);
  });

  it.each(MALFORMED_TORRENTS)(
    'is refused for its reason: $kind',
    ({ make, reason }) => {
      const bytes = make();
      const before = process.memoryUsage();
      const result = parseTorrent(bytes);
      const after = process.memoryUsage();
      expect(result).toEqual({ ok: false, reason });
      // Garbage that was not collected yet counts too, so the bound is a generous one.
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(MOST_BYTES);
      expect(after.heapUsed - before.heapUsed).toBeLessThan(MOST_BYTES);
    },
    LONGEST_MS,
  );

  it('is made of valid ones: taken apart and put together they are what they were', () => {
    for (const name of Object.keys(vectors.torrents)) {
      const bytes = torrentFixture(name);
      expect(new LooseDocument(bytes).bytes).toEqual(bytes);
      expect(parseTorrent(bytes).ok).toBe(true);
    }
  });
});
