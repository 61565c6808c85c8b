import { describe, expect, it } from 'vitest';
import type { Log } from '../common/base/ports.ts';
import { parseTorrent } from '../common/content/metainfo.ts';
import { torrentFixture } from '../common/fixtures/vectors.ts';
import type { Peer } from '../common/peer/peer.ts';
import type { SourceEntry } from './source-book.ts';
import { Teller } from './teller.ts';

const silent: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  trace: () => {},
  traces: false,
  child: () => silent,
};

const metainfo = parseTorrent(torrentFixture('s1572869.v2.torrent'));
const info = metainfo.ok ? metainfo.value.info : expect.fail(metainfo.reason);
const peer = { endpoint: { host: '10.0.0.7', port: 7000 }, client: 'Shoal' } as Peer;
const source: SourceEntry = {
  ...{ endpoint: '10.0.0.7:7000', client: 'Shoal', chunks: 4, bytes: 2_097_152, receivedBytes: 2_097_152 },
  failed: { corrupt: 0, rejected: 0, stalled: 0, gone: 0, choked: 0 },
  ...{ connectedMs: 2_000, isBanned: false, leftBecause: undefined },
};
const MIB = 1_048_576;
const result = { path: '/tmp/x', sizeBytes: 1_572_869, wasThere: false };
const facts = { seconds: 2, fetchedBytes: 2_097_152, sources: [source] };

function tell(
  how: { json?: boolean; isQuiet?: boolean },
  act: (teller: Teller) => void,
): { out: string[]; err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  const { json = false, isQuiet = false } = how;
  act(new Teller({ log: silent, out: (line) => out.push(line), err: (line) => err.push(line), json, isQuiet }));
  return { out, err };
}

describe('what a leecher tells people', () => {
  it('is the path and size on standard output, and who gave what on standard error', () => {
    const told = tell({}, (teller) => teller.done(result, facts));
    expect(told.out).toEqual(['/tmp/x 1572869']);
    expect(told.err).toEqual([
      'source 10.0.0.7:7000 (Shoal): 2.0MiB in 4 chunks at 1.0MiB/s',
      '2.0MiB in 2.0s (1.0MiB/s)',
    ]);
  });

  it('is how many seeders are there, once for each number, while it waits', () => {
    const told = tell({}, (teller) => {
      for (const found of [0, 1, 1, 2, 3]) teller.waiting(found, 3);
    });
    expect(told.err).toEqual([0, 1, 2].map((found) => `waiting for seeders: ${found} of at least 3 connected`));
  });

  it('is each corrupt chunk, until its source is banned', () => {
    const warnings: string[] = [];
    const log = { ...silent, warn: (text: string) => warnings.push(text) };
    const teller = new Teller({ log, out: () => {}, err: () => {}, json: false, isQuiet: false });
    teller.retry(1, peer, 'corrupt');
    teller.retry(2, peer, 'corrupt');
    teller.banned(peer);
    teller.retry(3, peer, 'corrupt');
    teller.retry(3, { ...peer }, 'corrupt');
    expect(warnings.map((text) => text.split(/[;:]/)[0])).toEqual([
      'a source sent a corrupt chunk',
      'a source sent a corrupt chunk',
      'a source is banned',
      'a source sent a corrupt chunk',
    ]);
  });

  it('is which chunks nobody has', () => {
    const told = tell({}, (teller) => teller.missing([{ first: 3, last: 9 }], 2));
    expect(told.err).toEqual(['chunks 3-9 are held by none of the 2 sources connected; waiting for others']);
  });

  it('is nothing but the result when they want quiet', () => {
    const told = tell({ isQuiet: true }, (teller) => {
      teller.waiting(0, 3);
      teller.done({ ...result, wasThere: true }, facts);
    });
    expect(told).toEqual({ out: ['/tmp/x 1572869'], err: [] });
  });
});

describe('what a leecher tells programs', () => {
  it('is an object for each event, the result last', () => {
    const told = tell({ json: true, isQuiet: true }, (teller) => {
      teller.content(info);
      teller.stage('fetching');
      teller.source(peer, 'joined');
      teller.chunk(3, peer, 524_288);
      teller.retry(2, peer, 'corrupt');
      teller.progress({ doneBytes: 1 });
      teller.done(result, facts);
    });
    const events = told.out.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual(['start', 'source', 'chunk', 'retry', 'progress', 'done']);
    expect(events[0]).toMatchObject({ name: 's1572869.bin', bytes: 1_572_869, chunks: 4, chunkBytes: 524_288 });
    expect(events[2]).toEqual({ event: 'chunk', chunk: 3, bytes: 524_288, source: '10.0.0.7:7000' });
    expect(events.at(-1)).toMatchObject({ ok: true, path: '/tmp/x', fetchedBytes: 2_097_152, seconds: 2 });
    expect(told.err).toEqual([]);
  });

  it('says why it failed', () => {
    const told = tell({ json: true }, (teller) =>
      teller.failed({ code: 'TIMED_OUT', message: 'no progress', seconds: 9, sources: [] }),
    );
    expect(JSON.parse(told.out[0]!)).toEqual({
      ...{ event: 'done', ok: false, error: 'TIMED_OUT', message: 'no progress', seconds: 9, sources: [] },
    });
  });

  it.each([
    [{}, 'goes on serving it until it is stopped'],
    [{ ratio: 1.5 }, 'goes on serving it until 1.5 times its size is sent'],
    [{ timeMs: 600_000 }, 'goes on serving it for 10m00s'],
    [{ ratio: 2, timeMs: 5_000 }, 'goes on serving it until 2 times its size is sent or for 5s, whichever is first'],
  ])('says how long it serves on: %j', (bounds, line) => {
    expect(tell({ json: true }, (teller) => teller.seeding(bounds))).toEqual({ out: [], err: [line] });
    expect(tell({ isQuiet: true }, (teller) => teller.seeding(bounds))).toEqual({ out: [], err: [] });
  });

  it('says at the end of that how much it sent', () => {
    const sent = { uploadedBytes: 3 * MIB, sizeBytes: 2 * MIB };
    expect(tell({}, (teller) => teller.seeded(sent)).err).toEqual(['sent 3.0MiB in all, 1.50 times its size']);
  });
});
