import { describe, expect, it } from 'vitest';
import { metainfoFixture } from '../common/fixtures/torrent-content.ts';
import { Selection } from './selection.ts';

const v2 = metainfoFixture('multi.v2').info;
const v1 = metainfoFixture('multi.v1').info;
const hybrid = metainfoFixture('multi.hybrid').info;

describe('selection', () => {
  it('without patterns is everything', () => {
    for (const info of [v1, v2, hybrid]) {
      const all = Selection.of(info, []);
      expect(all.isAll).toBe(true);
      expect(all.needed.isFull).toBe(true);
      expect(all.pieceBytes).toBe(info.geometry.totalBytes);
    }
  });

  it.each([
    ['v2', v2],
    ['hybrid', hybrid],
  ])('of %s content needs exactly the pieces of the files, and all of them are whole', (_kind, info) => {
    const chosen = Selection.of(info, ['*.txt', 'dir/sub/**']);
    const files = info.geometry.files.filter((file) => chosen.isChosen(file));
    expect(files.map((file) => file.path.join('/'))).toEqual(['dir/sub/d.txt', 'dir/sub/dup-of-a.bin', 'dir.txt']);
    expect(chosen.isAll).toBe(false);
    expect([...chosen.needed]).toEqual(files.map((file) => file.firstPiece));
    expect(chosen.fileBytes).toBe(5 + 16_384 + 200);
    expect(chosen.pieceBytes).toBe(chosen.fileBytes);
    for (const piece of chosen.needed) expect(chosen.isWhole(piece)).toBe(true);
  });

  it('of v1 content needs the pieces that the file shares with others too, which are not whole', () => {
    const chosen = Selection.of(v1, ['b.bin']);
    const pieces = [...chosen.needed];
    expect(pieces.length).toBeGreaterThan(1);
    expect(chosen.pieceBytes).toBeGreaterThan(chosen.fileBytes);
    expect(pieces.some((piece) => !chosen.isWhole(piece))).toBe(true);
  });

  it('of nothing is refused, and says of how many files', () => {
    expect(() => Selection.of(v2, ['*.iso', 'nowhere/*'])).toThrow(
      '--files: none of the 10 files of multi matches *.iso or nowhere/*',
    );
  });
});
