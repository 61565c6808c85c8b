import { describe, expect, it } from 'vitest';
import type { PieceIndex } from '../common/base/ids.ts';
import type { PieceCheck } from '../common/base/piece-check.ts';
import { type PieceStore, StoreError } from '../common/base/ports.ts';
import { rootOfBytes } from '../common/content/merkle.ts';
import { generate } from '../common/fixtures/generate.ts';
import { PieceKeeper } from './piece-keeper.ts';

const PIECE = 3 as PieceIndex;
const BYTES = generate(40_000, 3);
const CHECK: PieceCheck = { root: rootOfBytes(BYTES, 4), leafSlots: 4, sha1: undefined, zeroBytes: undefined };
const OPEN: PieceCheck = { ...CHECK, root: undefined, sha1: new Uint8Array(20), takesRoot: () => true };

/** A keeper, and what it did in order. */
function keeper(options: { keep?: PieceStore['keep']; check?: PieceCheck; isRight?: boolean; fails?: boolean }) {
  const { keep, check = CHECK, isRight = true, fails = false } = options;
  const done: string[] = [];
  const store: PieceStore = {
    read: () => Promise.reject(new Error('not read')),
    write: async (piece) => {
      done.push(`write ${piece}`);
      await Promise.resolve();
      if (fails) throw new StoreError('full', 'no room');
    },
    ...(keep === undefined
      ? {}
      : {
          keep: (piece, bytes, how) => {
            done.push(`keep ${piece}`);
            return keep(piece, bytes, how);
          },
        }),
    sync: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const verifier = {
    isRight: async (piece: PieceIndex) => {
      done.push(`verify ${piece}`);
      await Promise.resolve();
      return isRight;
    },
  };
  return { done, keeper: new PieceKeeper({ checks: { of: () => check }, verifier, store }) };
}

const always = (): boolean => true;

describe('piece keeper', () => {
  it('verifies, then writes', async () => {
    const { done, keeper: one } = keeper({});
    expect(await one.keep(PIECE, BYTES, always)).toBe('kept');
    expect(done).toEqual(['verify 3', 'write 3']);
  });

  it('[fault 35] writes nothing that is wrong', async () => {
    const { done, keeper: one } = keeper({ isRight: false });
    expect(await one.keep(PIECE, BYTES, always)).toBe('wrong');
    expect(done).toEqual(['verify 3']);
  });

  it('writes nothing that nobody needs any more once it is verified', async () => {
    const { done, keeper: one } = keeper({});
    expect(await one.keep(PIECE, BYTES, () => false)).toBe('spare');
    expect(done).toEqual(['verify 3']);
  });

  it('writes a piece once that comes twice at once', async () => {
    const { done, keeper: one } = keeper({});
    const both = await Promise.all([one.keep(PIECE, BYTES, always), one.keep(PIECE, BYTES, always)]);
    expect(both).toEqual(['kept', 'spare']);
    expect(done.filter((what) => what.startsWith('write'))).toEqual(['write 3']);
  });

  it('passes on what the store says, and may write the piece again then', async () => {
    const { done, keeper: one } = keeper({ fails: true });
    await expect(one.keep(PIECE, BYTES, always)).rejects.toThrow('no room');
    await expect(one.keep(PIECE, BYTES, always)).rejects.toThrow('no room');
    expect(done.filter((what) => what.startsWith('write'))).toHaveLength(2);
  });

  it.each([
    [true, 'kept'],
    [false, 'wrong'],
  ])('leaves both to a store that can, which says %s', async (isRight, verdict) => {
    const { done, keeper: one } = keeper({ keep: () => Promise.resolve(isRight) });
    expect(await one.keep(PIECE, BYTES, always)).toBe(verdict);
    expect(done).toEqual(['keep 3']);
  });

  it('verifies what such a store may not write any more: a source may be to blame', async () => {
    const { done, keeper: one } = keeper({ keep: () => Promise.resolve(true), isRight: false });
    expect(await one.keep(PIECE, BYTES, () => false)).toBe('wrong');
    expect(done).toEqual(['verify 3']);
  });

  it('asks no such store where something is to be learnt from the piece', async () => {
    const { done, keeper: one } = keeper({ keep: () => Promise.resolve(true), check: OPEN });
    expect(await one.keep(PIECE, BYTES, always)).toBe('kept');
    expect(done).toEqual(['verify 3', 'write 3']);
  });
});
