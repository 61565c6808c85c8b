import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, looseText, toHex, utf8 } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import { MAX_METADATA_BYTES } from '../base/limits.ts';
import { contentOf } from '../fixtures/trees.ts';
import { torrentFixture, vectors } from '../fixtures/vectors.ts';
import { bencodeDict, decodeBencode, dictGet, encodeBencode, type BencodeValue } from '../wire/bencode.ts';
import type { Geometry } from './geometry.ts';
import { parseInfo, type Info } from './info.ts';
import { rootOfBytes } from './merkle.ts';

/** The info dictionary of a torrent of the vectors. */
function infoOf(name: string): Uint8Array {
  const root = decodeBencode(torrentFixture(name), { depth: 100, items: 1e6 });
  return dictGet(root.ok ? root.value : undefined, 'info')!.raw;
}

function parsed(bytes: Uint8Array): Info {
  const result = parseInfo(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

/** A piece of generated content, put together from its files, with zeros for padding. */
function pieceOf(geometry: Geometry, piece: number, top: string): Uint8Array {
  return concatBytes(
    geometry.segmentsOf(pieceIndex(piece)).map(({ file, offsetInFile, lengthBytes }) => {
      if (file.isPad) return new Uint8Array(lengthBytes);
      return contentOf([top, ...file.path].filter((part) => part !== '').join('/')).subarray(
        offsetInFile,
        offsetInFile + lengthBytes,
      );
    }),
  );
}

describe('the info dictionary of', () => {
  it.each(Object.entries(vectors.torrents))('%s is read as another client made it', (name, vector) => {
    const bytes = infoOf(name);
    const info = parsed(bytes);
    expect(info.kind).toBe(vector.kind);
    expect(bytes.length).toBe(vector.info_size);
    expect(info.geometry.pieceBytes).toBe(vector.piece_length);
    expect(info.infoHashV1 && toHex(info.infoHashV1)).toBe(vector.btih ?? undefined);
    expect(info.infoHashV2 && `1220${toHex(info.infoHashV2)}`).toBe(vector.btmh ?? undefined);
    if (vector.info_hex !== undefined) expect(toHex(info.infoBytes)).toBe(vector.info_hex);
    expect(info.v1 !== undefined).toBe(vector.kind !== 'v2');
  });

  it.each([
    ['s1572869.v2.torrent', ''],
    ['s1572869.hybrid.torrent', ''],
    ['multi.v2.torrent', 'multi'],
    ['multi-32k.v2.torrent', 'multi'],
    ['multi.hybrid.torrent', 'multi'],
  ])('%s places the pieces of a small file and counts their leaves as the roots want', (name, top) => {
    const { geometry } = parsed(infoOf(name));
    for (let piece = 0; piece < geometry.pieceCount; piece++) {
      const file = geometry.fileOfPiece(pieceIndex(piece));
      if (file.lengthBytes > geometry.pieceBytes) continue;
      const bytes = pieceOf(geometry, piece, top);
      expect(rootOfBytes(bytes, geometry.leafSlots(pieceIndex(piece)))).toEqual(file.root);
    }
  });

  it.each([
    ['s1572869.v1.torrent', ''],
    ['s1572869.hybrid.torrent', ''],
    ['s10577202.hybrid.torrent', ''],
    ['multi.v1.torrent', 'multi'],
    ['multi.hybrid.torrent', 'multi'],
    ['onefile-dir.hybrid.torrent', 'onefile-dir'],
  ])('%s has the v1 hash of every piece, padding included', (name, top) => {
    const { pieces, geometry } = parsed(infoOf(name)).v1!;
    for (let piece = 0; piece < geometry.pieceCount; piece++) {
      const sha1 = createHash('sha1')
        .update(pieceOf(geometry, piece, top))
        .digest('hex');
      expect(sha1).toBe(toHex(pieces.subarray(20 * piece, 20 * piece + 20)));
    }
  });

  it.each(['multi.v2.torrent', 'multi.hybrid.torrent'])(
    '%s has files in the order of the tree, not of paths',
    (name) => {
      const { geometry } = parsed(infoOf(name));
      const map = geometry.files.map((file) => [
        file.path.join('/'),
        file.pieceCount === 0 ? null : file.firstPiece,
        file.pieceCount,
      ]);
      expect(map).toEqual(vectors.piece_map_multi_v2.first_piece_and_count);
    },
  );

  it.each([
    ['s1.v2.torrent', 's1.bin', false, 's1.bin'],
    ['s1572869.hybrid.torrent', 's1572869.bin', false, 's1572869.bin'],
    ['s1572869.v1.torrent', 's1572869.bin', false, 's1572869.bin'],
    // Whatever its maker meant, a v2 tree of one file is that file.
    ['onefile-dir.v2.torrent', 'onefile-dir', false, 'only.bin'],
    ['onefile-dir.hybrid.torrent', 'onefile-dir', true, 'only.bin'],
    ['multi.v1.torrent', 'multi', true, 'dir-x.bin'],
  ])('%s is called %s, directory: %s, first file %s', (name, called, isDirectory, first) => {
    const info = parsed(infoOf(name));
    expect([info.name, info.isDirectory, info.geometry.files[0]!.path.join('/')]).toEqual([called, isDirectory, first]);
    expect(looseText(info.rawName)).toBe(called);
  });

  it('a private torrent says so', () => {
    expect(parsed(infoOf('s1572869-private-trackers-webseed.v2.torrent')).isPrivate).toBe(true);
    expect(parsed(infoOf('s1572869.v2.torrent')).isPrivate).toBe(false);
  });
});

/* ---- dictionaries that are not in order ---- */

const root = new Uint8Array(32).fill(1);
type Entries = Record<string, BencodeValue | undefined>;

const dict = (entries: Entries) => bencodeDict(Object.entries(entries));
const file = (length: BencodeValue, more: Entries = {}) => dict({ '': dict({ length, 'pieces root': root, ...more }) });

const V2: Entries = { 'meta version': 2, name: 'a', 'piece length': 16384, 'file tree': dict({ a: file(20_000) }) };
const sha1s = (count: number) => new Uint8Array(20 * count);
const V1: Entries = { name: 'a', 'piece length': 16384, length: 20_000, pieces: sha1s(2) };
const listed = (length: BencodeValue, path: BencodeValue, attr?: string) => dict({ length, path, attr });

function reasonOf(entries: Entries): string | undefined {
  const result = parseInfo(encodeBencode(dict(entries)));
  return result.ok ? undefined : result.reason;
}

describe('an info dictionary', () => {
  it('of the base cases is in order', () => {
    expect([reasonOf(V2), reasonOf(V1), reasonOf({ ...V1, ...V2 })]).toEqual([undefined, undefined, undefined]);
  });

  it('that is no dictionary, or no bencode, or too long is refused', () => {
    expect(parseInfo(utf8('le'))).toEqual({ ok: false, reason: 'it is no dictionary' });
    expect(parseInfo(utf8('d'))).toEqual({ ok: false, reason: 'it ends in the middle of a value' });
    const tooLong = new Uint8Array(MAX_METADATA_BYTES + 1);
    expect(parseInfo(tooLong)).toEqual({ ok: false, reason: 'it is longer than allowed' });
  });

  const power = 'its piece length is not a power of two from 16 KiB to 128 MiB';
  const positive = 'its piece length is not from 1 byte to 128 MiB';
  const noFile = 'its file tree has an entry that is neither a file nor a directory';
  const noLength = 'it has a file of no valid length';
  const noRoot = 'it has a file of no valid pieces root';

  it.each([
    [{}, 'it has neither a v1 nor a v2 part'],
    [{ ...V2, 'meta version': 3 }, 'it is of a protocol version newer than 2'],
    [{ ...V2, 'meta version': 'two' }, 'its protocol version is no number'],
    [{ ...V2, 'meta version': undefined }, 'it has neither a v1 nor a v2 part'],
    [{ ...V2, name: undefined }, 'it has no name'],
    [{ ...V2, name: 5 }, 'it has no name'],
    [{ ...V2, 'file tree': undefined }, 'it has no file tree'],
    [{ ...V2, 'file tree': [] }, 'it has no file tree'],
    [{ ...V2, 'file tree': file(5) }, 'its file tree is a file'],
    [{ ...V2, 'file tree': dict({}) }, 'it has no content'],
    [{ ...V2, 'file tree': dict({ a: dict({}) }) }, 'it has no content'],
    [{ ...V2, 'file tree': dict({ a: file(0) }) }, 'it has no content'],
    [{ ...V2, 'file tree': dict({ a: 5 }) }, noFile],
    [{ ...V2, 'file tree': dict({ a: dict({ '': 5 }) }) }, noFile],
    [{ ...V2, 'file tree': dict({ a: dict({ '': dict({ length: 5, 'pieces root': root }), b: file(5) }) }) }, 'its file tree has a file that is a directory too'], // prettier-ignore
    [{ ...V2, 'file tree': dict({ a: file(5, { attr: 'p' }) }) }, 'its file tree has padding'],
    [{ ...V2, 'file tree': dict({ a: file(5, { attr: 'xl' }) }) }, 'it has a link with content'],
    [{ ...V2, 'file tree': dict({ a: file(-1) }) }, noLength],
    [{ ...V2, 'file tree': dict({ a: file('5') }) }, noLength],
    [{ ...V2, 'file tree': dict({ a: file(5, { 'pieces root': undefined }) }) }, noRoot],
    [{ ...V2, 'file tree': dict({ a: file(5, { 'pieces root': new Uint8Array(31) }) }) }, noRoot],
    [{ ...V2, 'file tree': dict({ a: file(5, { 'pieces root': new Uint8Array(32) }) }) }, noRoot],
    [
      { ...V2, 'file tree': dict({ a: file(5), b: file(6) }) },
      'it has files of different lengths with the same pieces root',
    ],
    [{ ...V1, pieces: undefined }, 'its v1 part has no piece hashes'],
    [{ ...V1, pieces: new Uint8Array(39) }, 'its v1 part has piece hashes of the wrong length'],
    [{ ...V1, length: undefined }, 'its v1 part does not have either a length or files'],
    [{ ...V1, files: [listed(5, ['a'])] }, 'its v1 part does not have either a length or files'],
    [{ ...V1, length: undefined, files: 5 }, 'its v1 part does not have either a length or files'],
    [{ ...V1, length: undefined, files: [5] }, 'its v1 part has an entry that is no file'],
    [{ ...V1, length: undefined, files: [] }, 'it has no content'],
    [{ ...V1, length: undefined, files: [listed(5, 'a')] }, 'its v1 part has a file of no valid path'],
    [{ ...V1, length: undefined, files: [listed(5, [])] }, 'its v1 part has a file of no valid path'],
    [{ ...V1, length: undefined, files: [listed(5, [5])] }, 'its v1 part has a file of no valid path'],
    [
      {
        ...V1,
        length: undefined,
        files: [
          listed(
            5,
            Array.from({ length: 101 }, () => 'a'),
          ),
        ],
      },
      'it has a path that is too long',
    ],
    [{ ...V1, length: -1 }, noLength],
    [{ ...V1, length: 0, pieces: sha1s(0) }, 'it has no content'],
  ] as const)('is refused, case %#', (entries, reason) => {
    expect(reasonOf(entries)).toBe(reason);
  });

  it.each([0, -16384, 1, 8192, 16385, 49152, 2 ** 28, 2 ** 62, 'x', []])(
    '[fault 21] of piece length %s is refused',
    (length) => {
      const value = typeof length === 'number' ? BigInt(length) : (length as BencodeValue);
      expect(reasonOf({ ...V2, 'piece length': value })).toBe(power);
      const isFineInV1 = [1, 8192, 16385, 49152].includes(length as number);
      if (!isFineInV1) expect(reasonOf({ ...V1, 'piece length': value })).toBe(positive);
    },
  );

  it('[fault 21] of more bytes than can be counted is refused', () => {
    const tooMuch = 'it has more content than can be counted';
    expect(reasonOf({ ...V2, 'file tree': dict({ a: file(2n ** 53n) }) })).toBe(noLength);
    const other = { 'pieces root': new Uint8Array(32).fill(2) };
    expect(reasonOf({ ...V2, 'file tree': dict({ a: file(2 ** 53 - 1), b: file(1, other) }) })).toBe(tooMuch);
    const files = [listed(2 ** 53 - 1, ['a']), listed(2 ** 53 - 1, ['b'])];
    expect(reasonOf({ ...V1, length: undefined, files })).toBe(tooMuch);
  });

  it('[fault 21] of more pieces than can be kept is refused', () => {
    expect(reasonOf({ ...V2, 'file tree': dict({ a: file(2 ** 35) }) })).toBeUndefined();
    expect(reasonOf({ ...V2, 'file tree': dict({ a: file(2 ** 35 + 1) }) })).toBe('it has too many pieces');
    expect(reasonOf({ ...V1, length: 2 ** 35 + 1 })).toBe('it has too many pieces');
  });

  it.each([0, 1, 3])('[fault 21] [fault 22] of two pieces with %i v1 hashes is refused', (count) => {
    expect(reasonOf({ ...V1, pieces: sha1s(count) })).toBe('its v1 part has the wrong number of piece hashes');
  });

  it('[fault 19] of directories 100,000 deep is refused', () => {
    const depth = 100_000;
    const bytes = concatBytes([utf8('d9:file tree'), utf8('d1:a'.repeat(depth)), utf8('e'.repeat(depth + 1))]);
    expect(parseInfo(bytes)).toEqual({ ok: false, reason: 'it is nested too deeply' });
  });

  it('[fault 24] names files harmlessly', () => {
    const tree = dict({ '..': dict({ '/etc': file(5) }), 'CON.txt': file(5) });
    const info = parsed(encodeBencode(dict({ ...V2, name: '../..', 'file tree': tree })));
    expect(info.name).toBe('.._');
    expect(info.geometry.files.map((entry) => entry.path)).toEqual([['_', '_etc'], ['_ON.txt']]);
    const v1 = parsed(encodeBencode(dict({ ...V1, length: undefined, files: [listed(20_000, ['..', 'a/../b'])] })));
    expect(v1.geometry.files[0]!.path).toEqual(['_', 'a_.._b']);
    expect(parsed(encodeBencode(dict({ ...V1, name: '..' }))).geometry.files[0]!.path).toEqual(['_']);
  });

  it('leaves out links, and keeps empty files without a piece', () => {
    const link = dict({ '': dict({ attr: 'l', length: 0, 'symlink path': ['x'] }) });
    const tree = dict({ a: file(5), b: link, c: dict({ '': dict({ length: 0 }) }), d: file(5) });
    const { geometry, isDirectory } = parsed(encodeBencode(dict({ ...V2, 'file tree': tree })));
    expect(isDirectory).toBe(true);
    expect(geometry.files.map((entry) => [entry.path[0], entry.pieceCount])).toEqual([
      ['a', 1],
      ['c', 0],
      ['d', 1],
    ]);
  });

  it('takes v1 names in UTF-8 over those that may be in anything', () => {
    const files = [dict({ length: 20_000, path: ['old'], 'path.utf-8': ['new'] })];
    const info = parsed(encodeBencode(dict({ ...V1, length: undefined, files, 'name.utf-8': 'dir' })));
    expect([info.name, info.geometry.files[0]!.path]).toEqual(['dir', ['new']]);
  });

  it('takes a v1 piece length that is no power of two', () => {
    expect(reasonOf({ ...V1, 'piece length': 10_000 })).toBeUndefined();
  });
});

describe('[fault 23] a hybrid', () => {
  const other = new Uint8Array(32).fill(2);
  const tree = dict({ a: file(20_000), b: dict({ c: file(5, { 'pieces root': other }) }) });
  const pad = listed(12_768, ['.pad', '12768'], 'p');
  const tail = listed(16_379, ['.pad', '16379'], 'p');
  const hybrid = (files: BencodeValue, pieces = 3): Entries => ({
    ...V2,
    'file tree': tree,
    files,
    pieces: sha1s(pieces),
  });
  const different = 'its v1 and v2 parts have different files';
  const elsewhere = 'its v1 and v2 parts place files differently';

  it('may have padding after the last file or not', () => {
    expect(reasonOf(hybrid([listed(20_000, ['a']), pad, listed(5, ['b', 'c'])]))).toBeUndefined();
    expect(reasonOf(hybrid([listed(20_000, ['a']), pad, listed(5, ['b', 'c']), tail]))).toBeUndefined();
  });

  it('may have links and empty files', () => {
    const more = dict({ a: file(20_000), b: dict({ '': dict({ length: 0 }) }), c: dict({ '': dict({ attr: 'l', length: 0 }) }) }); // prettier-ignore
    const files = [listed(20_000, ['a']), listed(0, ['b']), listed(0, ['c'], 'l')];
    expect(reasonOf({ ...hybrid(files, 2), 'file tree': more })).toBeUndefined();
  });

  it.each([
    [[listed(20_000, ['a']), pad, listed(5, ['b', 'd'])], 3, different],
    [[listed(20_000, ['a']), pad, listed(5, ['b'])], 3, different],
    [[listed(20_000, ['A']), pad, listed(5, ['b', 'c'])], 3, different],
    [[listed(19_999, ['a']), pad, listed(6, ['b', 'c'])], 3, different],
    [[listed(5, ['b', 'c']), listed(16_379, ['.pad', 'x'], 'p'), listed(20_000, ['a'])], 3, different],
    [[listed(20_000, ['a']), pad], 2, different],
    [[listed(20_000, ['a']), pad, listed(5, ['b', 'c']), listed(5, ['d'])], 3, different],
    [[listed(20_000, ['a']), listed(5, ['b', 'c'])], 2, elsewhere],
    [[pad, listed(20_000, ['a']), listed(5, ['b', 'c'])], 3, elsewhere],
    [[listed(20_000, ['a']), pad, listed(5, ['b', 'c']), tail, listed(1, ['x'], 'p')], 4, elsewhere],
  ] as const)('whose parts differ is refused: %#', (files, pieces, reason) => {
    expect(reasonOf(hybrid(files, pieces))).toBe(reason);
  });

  it('of one file has the same name and length in both parts', () => {
    expect(reasonOf({ ...V2, length: 20_000, pieces: sha1s(2) })).toBeUndefined();
    expect(reasonOf({ ...V2, length: 20_001, pieces: sha1s(2) })).toBe(different);
    expect(reasonOf({ ...V2, name: 'b', length: 20_000, pieces: sha1s(2) })).toBe(different);
  });

  it('without v1 piece hashes is refused', () => {
    expect(reasonOf({ ...V2, length: 20_000 })).toBe('its v1 part has no piece hashes');
  });
});

describe('any info dictionary', () => {
  it('cut short is refused', () => {
    const whole = infoOf('multi.hybrid.torrent');
    for (let length = 0; length < whole.length; length++) expect(parseInfo(whole.subarray(0, length)).ok).toBe(false);
  });

  it('with any bytes changed is judged without an error', () => {
    const names = ['s1572869.v2.torrent', 'multi.hybrid.torrent', 'multi.v1.torrent', 'onefile-dir.hybrid.torrent'];
    const originals = names.map(infoOf);
    const change = fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...utf8('0123456789deil:-'))));
    fc.assert(
      fc.property(fc.nat({ max: 3 }), fc.array(change, { minLength: 1, maxLength: 4 }), (which, changes) => {
        const bytes = originals[which]!.slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const result = parseInfo(bytes);
        if (!result.ok) return;
        // What is taken is consistent in itself.
        const { geometry } = result.value;
        expect(equalBytes(result.value.infoBytes, bytes)).toBe(true);
        expect(geometry.pieceSize(pieceIndex(geometry.pieceCount - 1))).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });
});
