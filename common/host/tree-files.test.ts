import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type PieceIndex, pieceIndex } from '../base/ids.ts';
import type { PlacedFile, TargetShape } from '../base/target-ports.ts';
import type { Metainfo } from '../content/metainfo.ts';
import { PieceChecks } from '../content/piece-checks.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { fileBytes, metainfoFixture } from '../fixtures/torrent-content.ts';
import { realDisk } from './disk.ts';
import { checkPieces } from './file-hashes.ts';
import { HashPool } from './hasher.ts';
import { TreeFiles } from './tree-files.ts';

const hasher = new HashPool({ threads: 2 });
afterAll(() => hasher.close());

const ALL: TargetShape = { isDirectory: true, isChosen: () => true };

/** The content as it should be, in a directory of its own. */
function layOut(metainfo: Metainfo): string {
  const root = join(temporaryDirectory(), 'multi');
  for (const file of metainfo.info.geometry.files) {
    if (file.isPad) continue;
    const path = join(root, ...file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, fileBytes(metainfo, file));
  }
  return root;
}

async function check(root: string, metainfo: Metainfo, shape = ALL): Promise<{ wrong: number[]; fits: boolean }> {
  const { info, pieceLayers } = metainfo;
  const places = info.geometry;
  const checks = new PieceChecks(info, pieceLayers ?? new Map());
  const files = new TreeFiles({ root, disk: realDisk, places, shape });
  const wrong: number[] = [];
  try {
    const claimed = Array.from({ length: places.pieceCount }, (_, index): PieceIndex => pieceIndex(index));
    const onChecked = (piece: PieceIndex, isRight: boolean): void => {
      if (!isRight) wrong.push(piece);
    };
    await checkPieces({ hasher, files, pieces: places, claimed, checkOf: (piece) => checks.of(piece), onChecked });
    return { wrong: wrong.toSorted((a, b) => a - b), fits: (await files.size()).fits };
  } finally {
    await files.close();
  }
}

const fileAt = (metainfo: Metainfo, path: string): PlacedFile & { firstPiece: number; pieceCount: number } =>
  metainfo.info.geometry.files.find((file) => file.path.join('/') === path)!;

const piecesOf = (metainfo: Metainfo, path: string): number[] => {
  const { firstPiece, pieceCount } = fileAt(metainfo, path);
  return Array.from({ length: pieceCount }, (_, i) => firstPiece + i);
};

describe('tree files', () => {
  it.each(['multi.v2', 'multi-32k.v2', 'multi.hybrid', 'multi.v1', 'many.v2', 'many.hybrid', 'onefile-dir.hybrid'])(
    '%s: every piece of the content is right where it lies',
    async (name) => {
      const metainfo = metainfoFixture(name);
      expect(await check(layOut(metainfo), metainfo)).toEqual({ wrong: [], fits: true });
    },
  );

  it.each(['multi.v2', 'multi.hybrid', 'multi.v1'])(
    '[fault 50] %s: finds the pieces of what is missing, short or edited, and no others',
    async (name) => {
      const metainfo = metainfoFixture(name);
      const root = layOut(metainfo);
      const edited = fileBytes(metainfo, metainfo.info.geometry.files[fileAt(metainfo, 'b.bin').index]!).slice();
      edited[0]! ^= 1;
      writeFileSync(join(root, 'b.bin'), edited);
      rmSync(join(root, 'dir', 'sub'), { recursive: true });
      truncateSync(join(root, 'z.bin'), 600_000);
      const wrong = new Set([
        piecesOf(metainfo, 'b.bin')[0]!,
        ...piecesOf(metainfo, 'dir/sub/d.txt'),
        ...piecesOf(metainfo, 'dir/sub/dup-of-a.bin'),
        piecesOf(metainfo, 'z.bin').at(-1)!,
      ]);
      expect(await check(root, metainfo)).toEqual({ wrong: [...wrong].toSorted((a, b) => a - b), fits: false });
    },
  );

  it('misses an empty file that is not there, and a file that grew', async () => {
    const metainfo = metainfoFixture('multi.v2');
    const root = layOut(metainfo);
    rmSync(join(root, 'dir', 'empty.bin'));
    expect(await check(root, metainfo)).toEqual({ wrong: [], fits: false });
    writeFileSync(join(root, 'dir', 'empty.bin'), '');
    writeFileSync(join(root, 'dir', 'sub', 'd.txt'), 'longer than it was');
    expect((await check(root, metainfo)).fits).toBe(false);
  });

  it('looks at nothing that was not chosen', async () => {
    const metainfo = metainfoFixture('multi.v2');
    const root = layOut(metainfo);
    const { index } = fileAt(metainfo, 'b.bin');
    const shape = { isDirectory: true, isChosen: (file: PlacedFile) => file.index === index };
    const right = piecesOf(metainfo, 'b.bin');
    const { wrong, fits } = await check(root, metainfo, shape);
    expect(fits).toBe(true);
    expect(wrong).toHaveLength(metainfo.info.geometry.pieceCount - right.length);
    for (const piece of right) expect(wrong).not.toContain(piece);
  });

  it.each(['dir', 'dir/sub/d.txt'])('[fault 25] refuses a link in the place of %s', async (path) => {
    const metainfo = metainfoFixture('multi.v2');
    const root = layOut(metainfo);
    const elsewhere = join(temporaryDirectory(), 'moved');
    renameSync(join(root, path), elsewhere);
    symlinkSync(elsewhere, join(root, path));
    await expect(check(root, metainfo)).rejects.toMatchObject({
      name: 'StoreError',
      message: expect.stringContaining('symbolic link') as string,
    });
  });
});
