import { describe as suite, expect, it } from 'vitest';
import { toHex } from '../common/base/bytes.ts';
import type { PieceIndex } from '../common/base/ids.ts';
import { PieceRoots } from '../common/content/piece-roots.ts';
import { rootOfBytes } from '../common/content/merkle.ts';
import { generate } from '../common/fixtures/generate.ts';
import { vectors } from '../common/fixtures/vectors.ts';
import { cut, describe } from './description.ts';

const PIECE = 524_288;

suite('the description of a file', () => {
  it.each(['s1', 's16383', 's16384', 's16385', 's524288', 's524289', 's1572869', 's10577202'])(
    'has the info hash that another implementation gave %s',
    (name) => {
      const { length, seed } = vectors.files[`${name}.bin`]!;
      const bytes = generate(length, seed);
      const geometry = cut(`${name}.bin`, length, PIECE);
      const roots = new Uint8Array(geometry.pieceCount * 32);
      for (let i = 0; i < geometry.pieceCount; i++) {
        const piece = i as PieceIndex;
        const from = geometry.pieceOffsetInFile(piece);
        const part = bytes.subarray(from, from + geometry.pieceSize(piece));
        roots.set(rootOfBytes(part, geometry.leafSlots(piece)), i * 32);
      }
      const { info, layers } = describe(geometry, roots);
      expect(`1220${toHex(info.infoHashV2!)}`).toBe(vectors.torrents[`${name}.v2.torrent`]!.btmh);
      const known = new PieceRoots(info.geometry, layers);
      expect(toHex(known.rootOf(0 as PieceIndex))).toBe(toHex(roots.subarray(0, 32)));
    },
  );

  it('names the chunk size that would do when there are too many chunks', () => {
    expect(() => cut('x', 5 * 2 ** 40, PIECE)).toThrow('--chunk-size 4MiB');
  });
});
