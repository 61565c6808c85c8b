import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import { fileBytes, metainfoFixture, pieceBytes } from '../fixtures/torrent-content.ts';
import { torrentFixture } from '../fixtures/vectors.ts';
import { inTreeOrder, writeInfo, type WrittenContent } from './info-writer.ts';
import { rootOfBytes } from './merkle.ts';
import { makeTorrent, type Metainfo } from './metainfo.ts';

/** The content of a torrent, described anew from its files alone. */
function contentOf(metainfo: Metainfo): WrittenContent {
  const { info } = metainfo;
  const { geometry } = info;
  const files = geometry.files.flatMap((file) => {
    const { path, lengthBytes, treeHeight, isPad } = file;
    if (isPad) return [];
    return [
      {
        path,
        lengthBytes,
        root: lengthBytes === 0 ? undefined : rootOfBytes(fileBytes(metainfo, file), 2 ** treeHeight),
      },
    ];
  });
  const listed = info.v1?.geometry;
  const sha1s = listed === undefined ? undefined : new Uint8Array(listed.pieceCount * 20);
  for (let i = 0; i < (listed?.pieceCount ?? 0); i++) {
    const bytes = pieceBytes(metainfo, listed!, pieceIndex(i));
    sha1s!.set(new Uint8Array(createHash('sha1').update(bytes).digest()), i * 20);
  }
  const { kind: format, name, isDirectory } = info;
  return { format, name, isDirectory, pieceBytes: geometry.pieceBytes, files, sha1s };
}

describe('info writer', () => {
  it.each([
    ...['s1572869', 's3145728', 's10577202'].flatMap((name) => [`${name}.v2`, `${name}.hybrid`, `${name}.v1`]),
    ...['s524289.hybrid', 'multi.v2', 'multi-32k.v2', 'multi.hybrid', 'multi.v1', 'onefile-dir.hybrid'],
    ...['many.v2', 'many.hybrid', 's1.v2', 's8404992-16k.v2'],
  ])('writes %s byte for byte as libtorrent does', (name) => {
    const metainfo = metainfoFixture(name);
    const written = writeInfo(contentOf(metainfo));
    expect(written.ok && toHex(written.value.infoBytes)).toBe(toHex(metainfo.info.infoBytes));
    const { pieceLayers } = metainfo;
    const torrent = makeTorrent({ infoBytes: metainfo.info.infoBytes, ...(pieceLayers ? { pieceLayers } : {}) });
    const fixture = torrentFixture(`${name}.torrent`);
    // What else stands in theirs says who made it, and when.
    expect(fixture.length).toBeGreaterThanOrEqual(torrent.length);
  });

  it('gives a directory with one file a name of its own, as libtorrent writes it', () => {
    const metainfo = metainfoFixture('onefile-dir.v2');
    const [file] = contentOf(metainfo).files;
    const content = { ...contentOf(metainfo), name: 'onefile-dir', isDirectory: true, files: [file!] };
    const written = writeInfo(content);
    expect(written.ok && toHex(written.value.infoBytes)).toBe(toHex(metainfo.info.infoBytes));
  });

  it('orders files as a walk through the tree meets them, by bytes and not by joined paths', () => {
    const paths = ['dir.txt', 'dir/c', 'dir-x', 'a', 'B', 'é', 'dir/a/b', 'ﬀ', '😀'];
    const ordered = inTreeOrder(paths.map((path) => ({ path: path.split('/') })));
    expect(ordered.map(({ path }) => path.join('/'))).toEqual([
      ...['B', 'a', 'dir/a/b', 'dir/c', 'dir-x', 'dir.txt', 'é', 'ﬀ', '😀'],
    ]);
  });

  it('orders any names as bencode orders keys', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 20 }), (names) => {
        const ordered = inTreeOrder(names.map((name) => ({ path: [name] }))).map(({ path }) => toHex(utf8(path[0]!)));
        expect(ordered).toEqual(ordered.toSorted((a, b) => (a < b ? -1 : 1)));
      }),
    );
  });

  it('says why content cannot be described', () => {
    const content = contentOf(metainfoFixture('multi.v2'));
    const deep = { path: Array.from({ length: 101 }, () => 'd'), lengthBytes: 1, root: new Uint8Array(32).fill(1) };
    expect(writeInfo({ ...content, files: [deep] })).toMatchObject({ ok: false });
    expect(writeInfo({ ...content, files: [] })).toEqual({ ok: false, reason: 'it has no content' });
  });
});
