import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../base/bytes.ts';
import { layerOfFile } from '../fixtures/trees.ts';
import { torrentFixture, vectors } from '../fixtures/vectors.ts';
import { bencodeDict, encodeBencode, type BencodeValue } from '../wire/bencode.ts';
import { treeHeightOf } from './geometry.ts';
import { makeInfo, makeTorrent, parseTorrent, type Metainfo } from './metainfo.ts';

function parsed(bytes: Uint8Array): Metainfo {
  const result = parseTorrent(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

describe('a .torrent file', () => {
  it.each(Object.entries(vectors.torrents))('%s is read, and its piece layers prove right', (name, vector) => {
    const bytes = torrentFixture(name);
    expect(bytes.length).toBe(vector.torrent_size);
    const { info, pieceLayers } = parsed(bytes);
    expect(info.infoBytes.length).toBe(vector.info_size);
    expect(info.infoHashV2 && `1220${toHex(info.infoHashV2)}`).toBe(vector.btmh ?? undefined);
    expect(info.infoHashV1 && toHex(info.infoHashV1)).toBe(vector.btih ?? undefined);
    expect(pieceLayers?.size).toBe(vector.kind === 'v1' ? undefined : vector.piece_layers_entries);
  });

  it('gives the hashes of the pieces, by root', () => {
    const { pieceLayers } = parsed(torrentFixture('s10577202.v2.torrent'));
    const root = vectors.files['s10577202.bin']!.pieces_root!;
    expect(pieceLayers!.get(root)).toEqual(layerOfFile('s10577202.bin', 5));
  });

  it('gives trackers in tiers, and web seeds', () => {
    const { trackerTiers, webSeeds, info } = parsed(torrentFixture('s1572869-private-trackers-webseed.v2.torrent'));
    expect(trackerTiers).toEqual([['udp://tracker.example:6969/announce'], ['http://tracker.example:6969/announce']]);
    expect(webSeeds).toEqual(['http://web.example/files/']);
    expect(info.isPrivate).toBe(true);
  });

  it('is not held on to', () => {
    const bytes = torrentFixture('s524289.v2.torrent');
    const { info, pieceLayers } = parsed(bytes);
    const before = [toHex(info.infoBytes), toHex([...pieceLayers!.values()][0]!), toHex(info.geometry.files[0]!.root!)];
    bytes.fill(0);
    const after = [toHex(info.infoBytes), toHex([...pieceLayers!.values()][0]!), toHex(info.geometry.files[0]!.root!)];
    expect(after).toEqual(before);
  });
});

/* ---- torrents that are not in order ---- */

const info = parsed(torrentFixture('s524289.v2.torrent')).info.infoBytes;
const root = vectors.files['s524289.bin']!.pieces_root!;
const layer = parsed(torrentFixture('s524289.v2.torrent')).pieceLayers!.get(root)!;
const rootBytes = parsed(torrentFixture('s524289.v2.torrent')).info.geometry.files[0]!.root!;

type Entries = readonly (readonly [string | Uint8Array, BencodeValue | undefined])[];
const torrent = (entries: Entries) => encodeBencode(bencodeDict([['info', { encoded: info }], ...entries]));
const layers = (entries: Entries) => torrent([['piece layers', bencodeDict(entries)]]);

describe('[fault 22] piece layers', () => {
  it('may be missing altogether: peers have them', () => {
    const { pieceLayers } = parsed(torrent([]));
    expect(pieceLayers).toBeUndefined();
  });

  it('of a file not larger than a piece are of no use, and do no harm', () => {
    const small = parsed(torrentFixture('s1.v2.torrent')).info;
    const bytes = encodeBencode(
      bencodeDict([
        ['info', { encoded: small.infoBytes }],
        ['piece layers', bencodeDict([[small.geometry.files[0]!.root!, small.geometry.files[0]!.root!]])],
      ]),
    );
    expect(parsed(bytes).pieceLayers).toEqual(new Map());
  });

  it.each([
    ['no dictionary', torrent([['piece layers', []]]), 'its piece layers are no dictionary'],
    ['without that of a file', layers([]), 'it lacks the piece layer of a file'],
    ['of no file', layers([[rootBytes, layer], ['x', layer]]), 'it has a piece layer of no file'], // prettier-ignore
    ['that are no bytes', layers([[rootBytes, 5]]), 'it has a piece layer of the wrong length'],
    ['too short', layers([[rootBytes, layer.subarray(32)]]), 'it has a piece layer of the wrong length'],
    ['too long', layers([[rootBytes, new Uint8Array(96)]]), 'it has a piece layer of the wrong length'],
    ['that are others', layers([[rootBytes, new Uint8Array(64)]]), 'it has a piece layer that does not match its file'],
  ])('%s are refused', (_what, bytes, reason) => {
    expect(parseTorrent(bytes)).toEqual({ ok: false, reason });
  });
});

describe('a .torrent file that is none', () => {
  it.each([
    ['le', 'it is no dictionary'],
    ['de', 'it has no info dictionary'],
    ['d4:infolee', 'it is no dictionary'],
    ['d4:infodee', 'it has neither a v1 nor a v2 part'],
    ['<html>', 'it has a byte where no value can begin'],
    ['', 'it ends in the middle of a value'],
  ])('%j: %s', (text, reason) => {
    expect(parseTorrent(utf8(text))).toEqual({ ok: false, reason });
  });

  it('[fault 19] with bytes after its end is refused', () => {
    const bytes = new Uint8Array([...torrentFixture('s1.v2.torrent'), 0x0a]);
    expect(parseTorrent(bytes)).toEqual({ ok: false, reason: 'it has bytes after its end' });
  });

  it('cut short anywhere is refused', () => {
    const whole = torrentFixture('s524289.hybrid.torrent');
    for (let length = 0; length < whole.length; length++) {
      expect(parseTorrent(whole.subarray(0, length)).ok).toBe(false);
    }
  });

  it('with any bytes changed is judged without an error', () => {
    const original = torrentFixture('s1572869-private-trackers-webseed.v2.torrent');
    const change = fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...utf8('0123456789deil:-'))));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = original.slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        parseTorrent(bytes);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('trackers and web seeds', () => {
  const tiersOf = (entries: Entries) => parsed(torrent(entries)).trackerTiers;

  it('of a list make `announce` void, unless none of them can be used', () => {
    const announce = ['announce', 'udp://one:1'] as const;
    expect(tiersOf([announce])).toEqual([['udp://one:1']]);
    expect(tiersOf([announce, ['announce-list', [['udp://two:2']]]])).toEqual([['udp://two:2']]);
    expect(tiersOf([announce, ['announce-list', []]])).toEqual([['udp://one:1']]);
    expect(tiersOf([announce, ['announce-list', [['file:///x'], 5]]])).toEqual([['udp://one:1']]);
    expect(tiersOf([])).toEqual([]);
  });

  it('are left out when they are no URL of their kind, or come twice', () => {
    const list = [
      ['udp://a:1', 'udp://a:1', 5, 'ftp://x'],
      ['', 'udp://'],
      ['http://b/announce', 'udp://a:1'],
    ];
    expect(tiersOf([['announce-list', list]])).toEqual([['udp://a:1'], ['http://b/announce']]);
    const seeds = (value: BencodeValue) => parsed(torrent([['url-list', value]])).webSeeds;
    expect(seeds('http://x/')).toEqual(['http://x/']);
    expect(seeds(['http://x/', 'udp://x/', 'https://y', 'http://x/'])).toEqual(['http://x/', 'https://y']);
    expect(seeds(5)).toEqual([]);
  });

  it('are taken in a bounded number', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => [`udp://t${i}:1`]);
    expect(tiersOf([['announce-list', many]])).toHaveLength(64);
  });
});

describe('what we make', () => {
  const singles = Object.entries(vectors.torrents).filter(
    ([name, vector]) => vector.kind === 'v2' && /^s\d+(?:-16k)?\.v2/.test(name),
  );

  it.each(singles)('is %s, byte for byte, of the same file', (name, vector) => {
    const fileName = name.replace(/[.-].*/, '.bin');
    const { length, pieces_root: pieceRoot } = vectors.files[fileName]!;
    const rootOf = parsed(torrentFixture(name)).info.geometry.files[0]!.root!;
    expect(toHex(rootOf)).toBe(pieceRoot);
    const infoBytes = makeInfo({ name: fileName, lengthBytes: length, pieceBytes: vector.piece_length, root: rootOf });
    expect(toHex(infoBytes)).toBe(vector.info_hex);
    const isLarge = length > vector.piece_length;
    const height = treeHeightOf(vector.piece_length);
    const pieceLayers = new Map(isLarge ? [[pieceRoot!, layerOfFile(fileName, height)]] : []);
    const made = makeTorrent({ infoBytes, pieceLayers, createdBy: 'libtorrent 2.0.8' });
    expect(toHex(made)).toBe(toHex(torrentFixture(name)));
  });

  it.each(Object.keys(vectors.torrents))('is %s again, of the parts of it', (name) => {
    const bytes = torrentFixture(name);
    const { info: own, ...rest } = parsed(bytes);
    expect(toHex(makeTorrent({ infoBytes: own.infoBytes, ...rest, createdBy: 'libtorrent 2.0.8' }))).toBe(toHex(bytes));
  });

  it('can be private', () => {
    const name = 's1572869-private-trackers-webseed.v2.torrent';
    const made = makeInfo({
      name: 's1572869.bin',
      lengthBytes: 1572869,
      pieceBytes: 524288,
      root: parsed(torrentFixture(name)).info.geometry.files[0]!.root!,
      isPrivate: true,
    });
    expect(toHex(made)).toBe(vectors.torrents[name]!.info_hex);
  });

  it('has all that was asked for', () => {
    const made = makeTorrent({
      infoBytes: info,
      trackerTiers: [['udp://a:1', 'udp://b:1'], ['udp://c:1']],
      webSeeds: ['http://x/', 'http://y/'],
      comment: 'c',
      createdAtS: 7,
    });
    const { trackerTiers, webSeeds } = parsed(made);
    expect(trackerTiers).toEqual([['udp://a:1', 'udp://b:1'], ['udp://c:1']]);
    expect(webSeeds).toEqual(['http://x/', 'http://y/']);
  });

  it('is refused when it could not be read again', () => {
    const file = { name: 'a', lengthBytes: 5, pieceBytes: 16384, root: rootBytes };
    expect(() => makeInfo({ ...file, name: '' })).toThrow('its file tree is a file');
    expect(() => makeInfo({ ...file, lengthBytes: 0 })).toThrow('it has no content');
    expect(() => makeInfo({ ...file, pieceBytes: 20_000 })).toThrow('its piece length');
    expect(() => makeInfo({ ...file, root: rootBytes.subarray(1) })).toThrow('pieces root');
  });
});
