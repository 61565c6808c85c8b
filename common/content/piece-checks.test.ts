import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { pieceIndex } from '../base/ids.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import { metainfoFixture, pieceBytes } from '../fixtures/torrent-content.ts';
import { rootOfBytes } from './merkle.ts';
import { PieceChecks } from './piece-checks.ts';

function isRight(
  bytes: Uint8Array,
  { root, leafSlots, sha1, zeroBytes }: PieceCheck,
): { merkle: boolean; v1: boolean } {
  const v1 = (): Uint8Array => createHash('sha1').update(bytes).update(new Uint8Array(zeroBytes!)).digest();
  return {
    merkle: root === undefined || equalBytes(rootOfBytes(bytes, leafSlots!), root),
    v1: sha1 === undefined || equalBytes(new Uint8Array(v1()), sha1),
  };
}

describe('piece checks', () => {
  it.each([
    ['s1572869.v2', true, false],
    ['s1572869.v1', false, true],
    ['s1572869.hybrid', true, true],
    ['s524289.hybrid', true, true],
    ['multi.v2', true, false],
    ['multi.v1', false, true],
    ['multi.hybrid', true, true],
    ['onefile-dir.hybrid', true, true],
    ['many.hybrid', true, true],
    ['many.v2', true, false],
  ])('[fault 23] %s: every piece of the content passes every check of its format', (name, hasRoot, hasSha1) => {
    const metainfo = metainfoFixture(name);
    const { info, pieceLayers } = metainfo;
    const checks = new PieceChecks(info, pieceLayers ?? new Map());
    for (let index = 0; index < info.geometry.pieceCount; index++) {
      const piece = pieceIndex(index);
      const check = checks.of(piece);
      expect([check.root !== undefined, check.sha1 !== undefined]).toEqual([hasRoot, hasSha1]);
      const bytes = pieceBytes(metainfo, info.geometry, piece);
      expect(isRight(bytes, check)).toEqual({ merkle: true, v1: true });
      bytes[bytes.length - 1]! ^= 1;
      expect(isRight(bytes, check)).toEqual({ merkle: !hasRoot, v1: !hasSha1 });
    }
  });

  it('covers the padding to the next file with the SHA-1 of a hybrid, after its last file too', () => {
    const { info, pieceLayers } = metainfoFixture('multi.hybrid');
    const checks = new PieceChecks(info, pieceLayers!);
    for (let index = 0; index < info.geometry.pieceCount; index++) {
      const piece = pieceIndex(index);
      expect(checks.of(piece).zeroBytes).toBe(info.geometry.pieceBytes - info.geometry.pieceSize(piece));
    }
  });
});
