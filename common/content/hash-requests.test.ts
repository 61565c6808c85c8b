import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import { contentOf, layerOfFile, treeOfFile } from '../fixtures/trees.ts';
import { vectors } from '../fixtures/vectors.ts';
import { decodeHashRequest, type HashRequest } from '../wire/hash-request.ts';
import { Geometry } from './geometry.ts';
import { answerCount, hashRequestFault, layerRequests, uncleCount, verifyHashes } from './hash-requests.ts';
import { zeroSubtree } from './merkle.ts';

const root = new Uint8Array(32).fill(1) as Digest;

const ask = (baseLayer: number, index: number, length: number, proofLayers: number): HashRequest => ({
  root,
  baseLayer,
  index,
  length,
  proofLayers,
});

function fileOf(lengthBytes: number, pieceBytes: number, fileRoot: Digest = root) {
  const files = [{ path: ['f'], lengthBytes, root: fileRoot }];
  return new Geometry({ pieceBytes, layout: 'aligned', files }).files[0]!;
}

const vectorFile = (name: string, pieceBytes: number) =>
  fileOf(contentOf(name).length, pieceBytes, treeOfFile(name, pieceBytes).root);

describe('a hash request of a peer', () => {
  it.each(vectors.hash_messages)('is fine when another client answers it: $note', (vector) => {
    const request = decodeHashRequest(fromHex(vector.request_hex)!, 5);
    expect(hashRequestFault(request, vector.tree_height)).toBeUndefined();
    expect(uncleCount(request)).toBe(vector.uncle_count);
    expect(answerCount(request)).toBe(vector.hash_count_in_answer);
  });

  it.each([
    [ask(0, 0, 2, 0), 0, 'file of one block'],
    [ask(10, 0, 1, 0), 10, 'base layer above the tree'],
    [ask(0xffffffff, 0, 1, 0), 10, 'base layer above the tree'],
    [ask(0, 0, 16384, 0), 20, 'too many hashes'],
    [ask(0, 0, 0xffffffff, 0), 20, 'too many hashes'],
    [ask(0, 0, 0x80000000, 0), 39, 'too many hashes'],
    [ask(0, 0, 0, 0), 10, 'length not a power of two'],
    [ask(0, 0, 3, 0), 10, 'length not a power of two'],
    [ask(0, 3, 2, 0), 10, 'index not a multiple of the length'],
    [ask(0, 0xffffffff, 2, 0), 10, 'index not a multiple of the length'],
    [ask(0, 1024, 2, 0), 10, 'past the end of the layer'],
    [ask(0, 0xfffffffe, 2, 0), 10, 'past the end of the layer'],
    [ask(5, 0, 64, 0), 10, 'past the end of the layer'],
    [ask(0, 0, 2, 10), 10, 'too many proof layers'],
    [ask(5, 0, 2, 5), 10, 'too many proof layers'],
    [ask(0, 0, 2, 0xffffffff), 10, 'too many proof layers'],
    [ask(0, 0xfffffffe, 2, 38), 39, undefined],
    [ask(0, 1023, 1, 9), 10, undefined],
    [ask(9, 0, 2, 0), 10, undefined],
  ] as const)('[fault 37] %o in a tree %i high: %s', (request, treeHeight, fault) => {
    expect(hashRequestFault(request, treeHeight)).toBe(fault);
  });

  it('[fault 37] of any numbers is judged, and what is fine has an answer of a bounded size', () => {
    const u32 = fc.oneof(fc.nat({ max: 16 }), fc.nat({ max: 0xffffffff }));
    fc.assert(
      fc.property(u32, u32, u32, u32, fc.nat({ max: 39 }), (base, index, length, proof, treeHeight) => {
        const request = ask(base, index, length, proof);
        if (hashRequestFault(request, treeHeight) !== undefined) return;
        expect(answerCount(request)).toBeLessThanOrEqual(8192 + 39);
        expect(base + Math.log2(length) + uncleCount(request)).toBeLessThanOrEqual(treeHeight);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what to ask for a piece layer', () => {
  it('is nothing for a file that is not larger than a piece', () => {
    expect(layerRequests(fileOf(1, 16384), 16384)).toEqual([]);
    expect(layerRequests(fileOf(524288, 524288), 524288)).toEqual([]);
  });

  it('is nothing without a root', () => {
    const files = [{ path: ['f'], lengthBytes: 40_000 }];
    const geometry = new Geometry({ pieceBytes: 16384, layout: 'packed', files });
    expect(layerRequests(geometry.files[0]!, 16384)).toEqual([]);
  });

  it('is what another client asks', () => {
    const numbers = (lengthBytes: number, pieceBytes: number) =>
      layerRequests(fileOf(lengthBytes, pieceBytes), pieceBytes).map((request) => [
        request.baseLayer,
        request.index,
        request.length,
        request.proofLayers,
      ]);
    expect(numbers(10577202, 524288)).toEqual([[5, 0, 32, 4]]);
    expect(numbers(10577202, 16384)).toEqual([
      [0, 0, 512, 9],
      [0, 512, 256, 9],
    ]);
    expect(numbers(524289, 524288)).toEqual([[5, 0, 2, 0]]);
  });

  it('is never a single hash', () => {
    const requests = layerRequests(fileOf(8404992, 16384), 16384);
    expect(requests.map((request) => [request.index, request.length])).toEqual([
      [0, 512],
      [512, 2],
    ]);
  });

  it('is fine with those who are asked, covers all pieces, and proves itself, for any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 36 }), fc.integer({ min: 14, max: 24 }), (lengthBytes, log) => {
        fc.pre(lengthBytes / 2 ** log < 20_000);
        const file = fileOf(lengthBytes, 2 ** log);
        const requests = layerRequests(file, 2 ** log);
        let covered = 0;
        for (const request of requests) {
          expect(hashRequestFault(request, file.treeHeight)).toBeUndefined();
          expect(request.index).toBe(covered);
          covered += request.length;
          expect(request.baseLayer + Math.log2(request.length) + uncleCount(request)).toBe(file.treeHeight);
        }
        if (requests.length > 0) expect(covered).toBeGreaterThanOrEqual(file.pieceCount);
      }),
    );
  });
});

describe('hashes from a peer', () => {
  it.each([
    ['s10577202.bin', 524288],
    ['s10577202.bin', 16384],
    ['s8404992.bin', 16384],
    ['s524289.bin', 524288],
    ['multi/b.bin', 32768],
  ])('of %s in pieces of %i bytes make its piece layer', (name, pieceBytes) => {
    const file = vectorFile(name, pieceBytes);
    const tree = treeOfFile(name, pieceBytes);
    const parts = layerRequests(file, pieceBytes).map((request) => {
      const result = verifyHashes(request, tree.answer(request)!.hashes, file);
      return result.ok ? [...result.value.base] : [];
    });
    expect(Uint8Array.from(parts.flat())).toEqual(layerOfFile(name, tree.baseHeight));
  });

  it('[fault 39] in the wrong number are refused', () => {
    const file = vectorFile('s10577202.bin', 524288);
    const tree = treeOfFile('s10577202.bin', 524288);
    const [request] = layerRequests(file, 524288);
    const { hashes } = tree.answer(request!)!;
    for (const wrong of [hashes.subarray(32), hashes.subarray(1), new Uint8Array(), new Uint8Array(33 * 32)]) {
      expect(verifyHashes(request!, wrong, file)).toEqual({ ok: false, reason: 'wrong number of hashes' });
    }
  });

  it('[fault 39] without a proof up to the root are refused, even when they are right', () => {
    const file = vectorFile('s10577202.bin', 16384);
    const tree = treeOfFile('s10577202.bin', 16384);
    const request = { ...layerRequests(file, 16384)[0]!, proofLayers: 8 };
    const { hashes } = tree.answer(request)!;
    expect(verifyHashes(request, hashes, file)).toEqual({ ok: false, reason: 'no proof up to the root' });
  });

  it('[fault 39] that are zeros where there is data are refused', () => {
    const file = vectorFile('s10577202.bin', 524288);
    const [request] = layerRequests(file, 524288);
    const zeros = new Uint8Array(32 * 32);
    expect(verifyHashes(request!, zeros, file)).toEqual({ ok: false, reason: 'zeros where there is data' });
  });

  it('[fault 39] are refused when a file of zero hashes would prove itself', () => {
    // A hostile info dictionary can name the root of padding; no data has that hash.
    const file = fileOf(4 * 16384, 16384, zeroSubtree(2));
    const [request] = layerRequests(file, 16384);
    expect(verifyHashes(request!, new Uint8Array(4 * 32), file)).toEqual({
      ok: false,
      reason: 'zeros where there is data',
    });
  });

  it('[fault 39] with something else where there is only padding are refused', () => {
    const file = vectorFile('s10577202.bin', 524288);
    const tree = treeOfFile('s10577202.bin', 524288);
    const [request] = layerRequests(file, 524288);
    const { hashes } = tree.answer(request!)!;
    hashes.fill(0, 21 * 32, 22 * 32);
    expect(verifyHashes(request!, hashes, file)).toEqual({ ok: false, reason: 'no padding where there is none' });
  });

  it('[fault 39] with any bit turned are refused', () => {
    const file = vectorFile('s8404992.bin', 16384);
    const tree = treeOfFile('s8404992.bin', 16384);
    const [, request] = layerRequests(file, 16384);
    const { hashes } = tree.answer(request!)!;
    expect(verifyHashes(request!, hashes, file).ok).toBe(true);
    for (let bit = 0; bit < hashes.length * 8; bit += 37) {
      const turned = hashes.slice();
      turned[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyHashes(request!, turned, file).ok).toBe(false);
    }
  });

  it('[fault 39] that are anything at all are refused without an error', () => {
    const file = vectorFile('s49153.bin', 16384);
    const [request] = layerRequests(file, 16384);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(verifyHashes(request!, bytes, file).ok).toBe(false);
      }),
    );
  });
});
