import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Digest, PieceIndex } from '../common/base/ids.ts';
import type { PieceCheck } from '../common/base/piece-check.ts';
import { rootOfBytes } from '../common/content/merkle.ts';
import { generate } from '../common/fixtures/generate.ts';
import { HashVerifier } from './piece-verifier.ts';

const PIECE = 0 as PieceIndex;
const BYTES = generate(40_000, 3);
const ROOT = rootOfBytes(BYTES, 4);
const SHA1 = new Uint8Array(createHash('sha1').update(BYTES).update(new Uint8Array(1_000)).digest());
const OTHER = generate(40_000, 4);

const hasher = {
  pieceRoot: (bytes: Uint8Array, slots: number): Promise<Digest> => Promise.resolve(rootOfBytes(bytes, slots)),
  sha1: (bytes: Uint8Array, zeroBytes: number): Promise<Uint8Array> =>
    Promise.resolve(new Uint8Array(createHash('sha1').update(bytes).update(new Uint8Array(zeroBytes)).digest())),
};

const verify = (check: PieceCheck, bytes: Uint8Array): Promise<boolean> =>
  new HashVerifier({ hasher, checks: { of: () => check } }).isRight(PIECE, bytes);

describe('piece verifier', () => {
  it.each([
    ['a v2 piece', { root: ROOT, leafSlots: 4, sha1: undefined, zeroBytes: undefined }],
    ['a v1 piece', { root: undefined, leafSlots: undefined, sha1: SHA1, zeroBytes: 1_000 }],
    ['a hybrid piece', { root: ROOT, leafSlots: 4, sha1: SHA1, zeroBytes: 1_000 }],
  ])('tells right from wrong for %s', async (_kind, check) => {
    expect(await verify(check, BYTES)).toBe(true);
    expect(await verify(check, OTHER)).toBe(false);
  });

  it('[fault 23] takes a hybrid piece only when both hashes hold', async () => {
    const both = { root: ROOT, leafSlots: 4, sha1: SHA1, zeroBytes: 1_000 };
    expect(await verify({ ...both, root: rootOfBytes(OTHER, 4) }, BYTES)).toBe(false);
    expect(await verify({ ...both, sha1: new Uint8Array(20) }, BYTES)).toBe(false);
    expect(await verify({ ...both, zeroBytes: 0 }, BYTES)).toBe(false);
  });

  it('never takes a piece of which nothing is known', async () => {
    const nothing = { root: undefined, leafSlots: undefined, sha1: undefined, zeroBytes: undefined };
    await expect(verify(nothing, BYTES)).rejects.toThrow('piece 0');
  });
});
