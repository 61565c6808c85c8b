import { describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { Bitfield } from '../base/bitfield.ts';
import { metainfoFixture } from '../fixtures/torrent-content.ts';
import { Torrent } from './torrent.ts';
import { wireNamesOf } from './wire-names.ts';

const { info, pieceLayers } = metainfoFixture('multi.hybrid');
const LAYERS = [...pieceLayers!];
const LARGE = info.geometry.files.filter(({ lengthBytes }) => lengthBytes > info.geometry.pieceBytes);
const SMALL = info.geometry.files.filter(({ root }) => root !== undefined && !LARGE.some((file) => file.root === root));

function torrentWith(layers: readonly (readonly [string, Uint8Array])[]): Torrent {
  const { infoBytes, geometry } = info;
  const torrent = new Torrent(wireNamesOf(info));
  torrent.learn({ info: infoBytes, geometry, isPrivate: false }, new Bitfield(geometry.pieceCount));
  torrent.learnLayers(new Map(layers));
  return torrent;
}

describe('torrent', () => {
  it('knows the hashes of all files from their layers, and of small ones from their roots', () => {
    const torrent = torrentWith(LAYERS);
    expect(torrent.knowsHashes).toBe(true);
    for (const { root } of [...LARGE, ...SMALL]) {
      expect(equalBytes(torrent.hashesOf(root!)!.tree.root, root!)).toBe(true);
    }
    expect(torrent.hashesOf(new Uint8Array(32))).toBeUndefined();
  });

  it('learns layers one by one, and nobody is told off for asking before all are known', () => {
    const torrent = torrentWith([]);
    for (const { root } of SMALL) expect(torrent.hashesOf(root!)).toBeDefined();
    for (const { root } of LARGE) expect(torrent.hashesOf(root!)).toBeUndefined();
    for (const [i, layer] of LAYERS.entries()) {
      expect(torrent.knowsHashes).toBe(false);
      torrent.learnLayers(new Map([layer]));
      torrent.learnLayers(new Map([layer]));
      expect(LARGE.filter(({ root }) => torrent.hashesOf(root!) !== undefined).length).toBeGreaterThan(i);
    }
    expect(torrent.knowsHashes).toBe(true);
    for (const { root } of LARGE) expect(equalBytes(torrent.hashesOf(root!)!.tree.root, root!)).toBe(true);
  });
});
