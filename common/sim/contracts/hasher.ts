import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../base/bytes.ts';
import { BLOCK_BYTES } from '../../base/limits.ts';
import type { Hasher } from '../../base/ports.ts';

export interface HasherWorld {
  readonly hasher: Hasher;
  /** Lets the world go on until the promise settles. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

function plainLeaves(bytes: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) leaves.push(sha256(bytes.subarray(at, at + BLOCK_BYTES)));
  return leaves;
}

/** BEP 52 as it is written: missing leaves are zeros, every parent is the hash of its two children. */
function plainRoot(bytes: Uint8Array, leafSlots: number): Uint8Array {
  let layer = plainLeaves(bytes);
  while (layer.length < leafSlots) layer.push(new Uint8Array(32));
  while (layer.length > 1) {
    layer = Array.from({ length: layer.length / 2 }, (_, i) => sha256(layer[2 * i]!, layer[2 * i + 1]!));
  }
  return layer[0]!;
}

function sharedBytes(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  for (let i = 0; i < sizeBytes; i++) bytes[i] = Math.imul(i + seed, 0x9e3779b1) >>> 24;
  return bytes;
}

/** What `Hasher` promises. */
export function describeHasherContract(name: string, makeWorld: () => HasherWorld): void {
  describe(`${name} is a hasher`, () => {
    it.each([
      [1, 1],
      [BLOCK_BYTES - 1, 1],
      [BLOCK_BYTES, 1],
      [BLOCK_BYTES, 8],
      [BLOCK_BYTES + 1, 2],
      [3 * BLOCK_BYTES, 4],
      [5 * BLOCK_BYTES - 7, 32],
      [32 * BLOCK_BYTES, 32],
    ])('gives the root of %d bytes over %d leaves', async (sizeBytes, leafSlots) => {
      const { hasher, run } = makeWorld();
      const bytes = sharedBytes(sizeBytes, 3);
      expect(toHex(await run(hasher.pieceRoot(bytes, leafSlots)))).toBe(toHex(plainRoot(bytes, leafSlots)));
    });

    it.each([1, BLOCK_BYTES, BLOCK_BYTES + 1, 7 * BLOCK_BYTES - 1])(
      'gives the leaves of %d bytes, without padding',
      async (sizeBytes) => {
        const { hasher, run } = makeWorld();
        const bytes = sharedBytes(sizeBytes, 4);
        const leaves = await run(hasher.leaves(bytes));
        expect(toHex(leaves)).toBe(plainLeaves(bytes).map(toHex).join(''));
      },
    );

    it.each([
      [1, 0],
      [BLOCK_BYTES, 0],
      [100_003, 31_069],
      [0, 4_000_000],
    ])('gives the SHA-1 of %d bytes and %d zeros after them', async (sizeBytes, zeroBytes) => {
      const { hasher, run } = makeWorld();
      const bytes = sharedBytes(sizeBytes, 7);
      const plain = createHash('sha1').update(bytes).update(new Uint8Array(zeroBytes)).digest();
      expect(toHex(await run(hasher.sha1(bytes, zeroBytes)))).toBe(toHex(plain));
    });

    it('hashes a view as the view, in shared memory and in plain memory', async () => {
      const { hasher, run } = makeWorld();
      const shared = sharedBytes(100_000, 5);
      for (const memory of [shared, shared.slice()]) {
        const view = memory.subarray(1_234, 51_234);
        expect(toHex(await run(hasher.pieceRoot(view, 4)))).toBe(toHex(plainRoot(view, 4)));
        expect(toHex(await run(hasher.leaves(view)))).toBe(plainLeaves(view).map(toHex).join(''));
      }
    });

    it('leaves the bytes as they are and with the caller', async () => {
      const { hasher, run } = makeWorld();
      const bytes = sharedBytes(40_000, 6).slice();
      const before = bytes.slice();
      await run(hasher.pieceRoot(bytes, 4));
      expect(bytes).toEqual(before);
    });

    it('answers each of many askers with its own', async () => {
      const { hasher, run } = makeWorld();
      const all = Array.from({ length: 40 }, (_, i) => sharedBytes(10_000 + i * 3_000, i));
      const roots = await run(Promise.all(all.map((bytes) => hasher.pieceRoot(bytes, 16))));
      for (const [i, bytes] of all.entries()) expect(toHex(roots[i]!)).toBe(toHex(plainRoot(bytes, 16)));
    });
  });
}
