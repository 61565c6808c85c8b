import { createHash } from 'node:crypto';
import { describe as suite, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { toHex } from '../common/base/bytes.ts';
import { pieceIndex } from '../common/base/ids.ts';
import type { ContentFile, Geometry } from '../common/content/geometry.ts';
import { rootOfBytes } from '../common/content/merkle.ts';
import type { Metainfo } from '../common/content/metainfo.ts';
import { fileBytes, metainfoFixture, pieceBytes } from '../common/fixtures/torrent-content.ts';
import { vectors } from '../common/fixtures/vectors.ts';
import { cut, cutOf, describe, recognised, type Cut, type Digests, type Shared } from './description.ts';

const PIECE = 524_288;

/** What hashing the pieces of these files gives, where `bytesOf` gives the bytes of a file. */
function digestsOf(content: Cut, bytesOf: (file: ContentFile) => Uint8Array): Digests {
  const { geometry } = content;
  const roots: Uint8Array[] = [];
  const sha1s: Uint8Array[] = [];
  for (let index = 0; index < geometry.pieceCount; index++) {
    const piece = pieceIndex(index);
    const bytes = pieceOf(geometry, index, bytesOf);
    const { leafSlots, zeroBytes } = content.hashing(piece);
    if (leafSlots !== undefined) roots.push(rootOfBytes(bytes, leafSlots));
    if (zeroBytes === undefined) continue;
    sha1s.push(new Uint8Array(createHash('sha1').update(bytes).update(new Uint8Array(zeroBytes)).digest()));
  }
  const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
  return { roots: join(roots), sha1s: join(sha1s) };
}

function pieceOf(geometry: Geometry, index: number, bytesOf: (file: ContentFile) => Uint8Array): Uint8Array {
  const parts = geometry
    .segmentsOf(pieceIndex(index))
    .map(({ file, offsetInFile, lengthBytes }) => bytesOf(file).subarray(offsetInFile, offsetInFile + lengthBytes));
  return new Uint8Array(Buffer.concat(parts));
}

/** A torrent described anew: its files in any order, as a directory listing has them. */
function describedAnew(metainfo: Metainfo) {
  const { info } = metainfo;
  const shared: Shared = {
    format: info.kind,
    name: info.name,
    isDirectory: info.isDirectory,
    pieceBytes: info.geometry.pieceBytes,
  };
  const parts = info.geometry.files.filter((file) => !file.isPad).toReversed();
  const content = cut(shared, parts);
  const digests = digestsOf(content, (file) => fileBytes(metainfo, content.parts[file.index]!));
  return { ...describe(shared, content.geometry, digests), content, digests };
}

suite('the description of content', () => {
  it.each([
    ...['s1', 's16383', 's16384', 's16385', 's524288', 's524289', 's1572869', 's10577202'].map((name) => `${name}.v2`),
    ...['s1572869.v1', 's1572869.hybrid', 's524289.hybrid', 's10577202.v1', 's10577202.hybrid'],
    ...['multi.v2', 'multi-32k.v2', 'multi.hybrid', 'many.v2', 'many.hybrid', 'onefile-dir.hybrid'],
  ])('has the info hashes that another implementation gave %s, and the same layers', (name) => {
    const metainfo = metainfoFixture(name);
    const { info, layers } = describedAnew(metainfo);
    const { btmh, btih } = vectors.torrents[`${name}.torrent`]!;
    expect(info.infoHashV2 === undefined ? null : `1220${toHex(info.infoHashV2)}`).toBe(btmh);
    expect(info.infoHashV1 === undefined ? null : toHex(info.infoHashV1)).toBe(btih);
    expect(layers).toEqual(metainfo.pieceLayers ?? new Map());
  });

  it('orders the files of a v1 directory as those of a v2 one', () => {
    const paths = describedAnew(metainfoFixture('multi.v1')).info.geometry.files.map((file) => file.path.join('/'));
    expect(paths).toEqual(metainfoFixture('multi.v2').info.geometry.files.map((file) => file.path.join('/')));
  });

  const oneFile = (lengthBytes: number) => [{ path: ['x'], lengthBytes }];
  const shared: Shared = { format: 'v2', name: 'x', isDirectory: false, pieceBytes: PIECE };

  it('names the chunk size that would do when there are too many chunks', () => {
    expect(() => cut(shared, oneFile(5 * 2 ** 40))).toThrow('--chunk-size 4MiB');
    expect(() => cut({ ...shared, format: 'v1' }, oneFile(5 * 2 ** 40))).toThrow('--chunk-size 4MiB');
  });

  it('says so when no torrent could say it', () => {
    const deep = [{ path: Array.from({ length: 200 }, () => 'd'), lengthBytes: 1 }];
    const directory = { ...shared, isDirectory: true };
    const { geometry } = cut(directory, deep);
    const digests = { roots: new Uint8Array(32).fill(1), sha1s: new Uint8Array() };
    expect(() => describe(directory, geometry, digests)).toThrow('x cannot be described as a torrent');
  });
});

suite('content of a torrent that is there already', () => {
  const all = (metainfo: Metainfo): Bitfield => Bitfield.full(metainfo.info.geometry.pieceCount);

  it.each(['multi.v2', 'multi.hybrid', 'multi.v1', 's1572869.v2', 's1572869.hybrid', 'many.hybrid'])(
    '%s is recognised by its hashes, with or without its piece layers',
    (name) => {
      const metainfo = metainfoFixture(name);
      const digests = digestsOf(cutOf(metainfo.info), (file) => fileBytes(metainfo, file));
      expect(recognised(metainfo, digests, all(metainfo)).info).toBe(metainfo.info);
      const { pieceLayers, ...bare } = metainfo;
      expect(recognised(bare, digests, all(metainfo)).layers).toEqual(pieceLayers ?? new Map());
    },
  );

  it.each(['multi.v2', 'multi.hybrid', 'multi.v1'])(
    '[fault 46] %s: the first wrong chunk and its file are named',
    (name) => {
      const metainfo = metainfoFixture(name);
      const { geometry } = metainfo.info;
      const wanted = geometry.files.find((file) => file.path.join('/') === 'dir/c.bin')!;
      const edited = fileBytes(metainfo, wanted).slice();
      edited[edited.length - 1]! ^= 1;
      const digests = digestsOf(cutOf(metainfo.info), (file) => (file === wanted ? edited : fileBytes(metainfo, file)));
      const wrong = wanted.firstPiece + wanted.pieceCount - 1;
      expect(() => recognised(metainfo, digests, all(metainfo))).toThrow(`chunk ${wrong}, in `);
      const held = all(metainfo);
      held.remove(pieceIndex(wrong));
      expect(recognised(metainfo, digests, held).info).toBe(metainfo.info);
      if (name === 'multi.v1') return;
      const { pieceLayers: _none, ...bare } = metainfo;
      expect(() => recognised(bare, digests, all(metainfo))).toThrow('dir/c.bin');
    },
  );

  it('has the pieces that its fixture says', () => {
    const metainfo = metainfoFixture('multi.hybrid');
    const { geometry } = metainfo.info;
    const whole = pieceOf(geometry, 3, (file) => fileBytes(metainfo, file));
    expect(toHex(whole)).toBe(toHex(pieceBytes(metainfo, geometry, pieceIndex(3))));
  });
});
