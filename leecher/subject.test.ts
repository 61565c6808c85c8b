import { describe, expect, it } from 'vitest';
import { toHex } from '../common/base/bytes.ts';
import { formatMagnet } from '../common/content/magnet.ts';
import { parseTorrent } from '../common/content/metainfo.ts';
import { torrentFixture } from '../common/fixtures/vectors.ts';
import { parseTrackerUrl } from '../common/announce/tracker-address.ts';
import type { CatalogueEntry } from '../common/wire/catalogue-entry.ts';
import { findSubject, type SubjectSources } from './subject.ts';

const torrent = torrentFixture('s1572869.v2.torrent');
const metainfo = parseTorrent(torrent);
const info = metainfo.ok ? metainfo.value.info : expect.fail(metainfo.reason);
const infoHashV2 = info.infoHashV2!;

const entry = (name: string): CatalogueEntry => ({
  ...{ infoHashV2, infoHashV1: undefined, multiFile: false, unlisted: false, pieceBytes: 524_288, sizeBytes: 1 },
  ...{ infoBytes: undefined, name, seeders: 3, leechers: 0 },
});

const sources = (change: Partial<SubjectSources> = {}): SubjectSources => ({
  trackers: [],
  readTorrent: () => Promise.resolve(torrent),
  askCatalogues: () => Promise.resolve({ entries: [], trackers: [] }),
  pick: () => Promise.reject(new Error('nobody is asked')),
  ...change,
});

const urlsOf = (trackers: readonly { readonly url: string }[]): string[] => trackers.map(({ url }) => url);

describe('the subject of a download', () => {
  it('is a hash as it stands, to be asked for at the tracker on this machine', async () => {
    const subject = await findSubject(toHex(infoHashV2), sources());
    expect(toHex(subject.wireHash)).toBe(toHex(infoHashV2.subarray(0, 20)));
    expect(urlsOf(subject.trackers)).toEqual(['udp://127.0.0.1:6969']);
  });

  it('of a magnet link has its trackers and peers, beside those of the command line', async () => {
    const peers = [{ host: '10.0.0.9', port: 7000 }];
    const link = formatMagnet({ infoHashV2, name: 'x', trackers: ['udp://10.0.0.1:6969', 'udp://10.0.0.2:1'], peers });
    const trackers = [parseTrackerUrl('udp://10.0.0.1:6969')!];
    const subject = await findSubject(link, sources({ trackers }));
    expect(urlsOf(subject.trackers)).toEqual(['udp://10.0.0.1:6969', 'udp://10.0.0.2:1']);
    expect(subject.endpoints).toEqual(peers);
  });

  it('of a .torrent file knows its content already', async () => {
    const subject = await findSubject('x.torrent', sources());
    expect(subject.known?.info.name).toBe('s1572869.bin');
    expect(subject.known?.layers.size).toBe(1);
  });

  it.each(['s1572869.v1', 's1572869.hybrid', 's1572869.v2'])(
    'of %s is every hash it has, by file and by link',
    async (name) => {
      const file = torrentFixture(`${name}.torrent`);
      const parsed = parseTorrent(file);
      const known = parsed.ok ? parsed.value.info : expect.fail(parsed.reason);
      const hashes = {
        ...(known.infoHashV2 === undefined ? {} : { infoHashV2: known.infoHashV2 }),
        ...(known.infoHashV1 === undefined ? {} : { infoHashV1: known.infoHashV1 }),
      };
      const byFile = await findSubject('x.torrent', sources({ readTorrent: () => Promise.resolve(file) }));
      const byLink = await findSubject(formatMagnet({ ...hashes, name: 'x', trackers: [], peers: [] }), sources());
      for (const { wanted, wireHash } of [byFile, byLink]) {
        expect(wanted).toEqual(hashes);
        expect(toHex(wireHash)).toBe(toHex((known.infoHashV2 ?? known.infoHashV1)!).slice(0, 40));
      }
    },
  );

  it('of a name is the one entry that it means, or the one that is picked', async () => {
    const entries = [entry('a.bin'), entry('b.bin')];
    const askCatalogues = (): ReturnType<SubjectSources['askCatalogues']> => Promise.resolve({ entries, trackers: [] });
    expect((await findSubject('a.bin', sources({ askCatalogues }))).wanted).toEqual({ infoHashV2 });
    const picked: string[] = [];
    const pick: SubjectSources['pick'] = (choices) => {
      picked.push(...choices.map(({ name }) => name));
      return Promise.resolve(choices[1]!);
    };
    await findSubject('bin', sources({ askCatalogues, pick }));
    expect(picked).toEqual(['a.bin', 'b.bin']);
  });

  it.each([
    ['magnet:?xt=urn:btmh:12', 'TORRENT_UNREADABLE'],
    ['broken.torrent', 'TORRENT_UNREADABLE'],
    ['nothing', 'CONTENT_UNKNOWN'],
  ])('that cannot be found ends with the right code: %s', async (what, code) => {
    const readTorrent = (): Promise<Uint8Array> => Promise.resolve(torrent.subarray(0, 100));
    const askCatalogues = (): ReturnType<SubjectSources['askCatalogues']> =>
      Promise.resolve({ entries: [], trackers: [{ tracker: { url: 'udp://a:1' }, status: 'ok' }] });
    await expect(findSubject(what, sources({ readTorrent, askCatalogues }))).rejects.toMatchObject({ code });
  });
});
