import { describe, expect, it } from 'vitest';
import { equalBytes, toHex } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import { contentOf } from '../fixtures/trees.ts';
import { torrentFixture } from '../fixtures/vectors.ts';
import { rootOfBytes } from './merkle.ts';
import { parseTorrent, type Metainfo } from './metainfo.ts';
import { PieceRoots } from './piece-roots.ts';

function metainfoOf(torrent: string): Metainfo {
  const parsed = parseTorrent(torrentFixture(torrent));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

describe('piece roots', () => {
  it.each([
    ['s1.v2.torrent', 's1.bin'],
    ['s16385.v2.torrent', 's16385.bin'],
    ['s524288.v2.torrent', 's524288.bin'],
    ['s524289.v2.torrent', 's524289.bin'],
    ['s10577202.v2.torrent', 's10577202.bin'],
    ['s8404992-16k.v2.torrent', 's8404992.bin'],
    ['s3145728.hybrid.torrent', 's3145728.bin'],
  ])('[fault 52] %s: every piece of the content has its root, no other has', (torrent, name) => {
    const { info, pieceLayers } = metainfoOf(torrent);
    const { geometry } = info;
    const roots = new PieceRoots(geometry, pieceLayers ?? new Map());
    const bytes = contentOf(name);
    for (let index = 0; index < geometry.pieceCount; index++) {
      const piece = pieceIndex(index);
      const begin = geometry.pieceOffsetInFile(piece);
      const part = bytes.slice(begin, begin + geometry.pieceSize(piece));
      const slots = geometry.leafSlots(piece);
      expect(equalBytes(rootOfBytes(part, slots), roots.rootOf(piece))).toBe(true);
      part[part.length - 1]! ^= 1;
      expect(equalBytes(rootOfBytes(part, slots), roots.rootOf(piece))).toBe(false);
    }
  });

  it('of several files each has its own', () => {
    const { info, pieceLayers } = metainfoOf('multi-32k.v2.torrent');
    const roots = new PieceRoots(info.geometry, pieceLayers!);
    for (const { root, lengthBytes, firstPiece, pieceCount } of info.geometry.files) {
      if (root === undefined) continue;
      const layer = pieceLayers!.get(toHex(root));
      expect(layer === undefined).toBe(lengthBytes <= info.geometry.pieceBytes);
      for (let i = 0; i < pieceCount; i++) {
        const expected = layer?.subarray(i * 32, (i + 1) * 32) ?? root;
        expect(equalBytes(roots.rootOf(pieceIndex(firstPiece + i)), expected)).toBe(true);
      }
    }
  });

  it('cannot be without the layer of a file larger than a piece', () => {
    const { info } = metainfoOf('s524289.v2.torrent');
    expect(() => new PieceRoots(info.geometry, new Map())).toThrow('no piece layer');
  });
});
