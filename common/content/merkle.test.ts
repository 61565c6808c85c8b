import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../base/bytes.ts';
import { BLOCK_BYTES } from '../base/limits.ts';
import { contentOf, layerOfFile, leavesOfFile } from '../fixtures/trees.ts';
import { vectors, type HashListVector } from '../fixtures/vectors.ts';
import { treeHeightOf } from './geometry.ts';
import { foldNodes, foldRoot, leavesOf, rootOfBytes, rootOfLayer, zeroSubtree } from './merkle.ts';

const sha256Hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function expectHashes(hashes: Uint8Array, vector: HashListVector) {
  const list = Array.from({ length: hashes.length / 32 }, (_, i) => toHex(hashes.subarray(32 * i, 32 * i + 32)));
  if (Array.isArray(vector)) {
    expect(list).toEqual(vector);
  } else {
    const summary = vector as Exclude<HashListVector, readonly string[]>;
    expect(list).toHaveLength(summary.count);
    expect([list[0], list.at(-1)]).toEqual([summary.first, summary.last]);
    expect(sha256Hex(hashes)).toBe(summary.sha256_of_concatenation);
  }
}

const files = Object.entries(vectors.files).filter(([, file]) => file.length > 0);

describe('padding', () => {
  it.each(vectors.zero_subtree_hashes.by_height.map((hash, height) => [height, hash] as const))(
    'at height %i is %s',
    (height, expected) => {
      expect(toHex(zeroSubtree(height))).toBe(expected);
    },
  );

  it('is refused above the highest tree', () => {
    expect(() => zeroSubtree(65)).toThrow('no tree');
    expect(() => zeroSubtree(-1)).toThrow('no tree');
  });
});

describe('the tree of a file', () => {
  it.each(files)('%s has the leaves another client found', (name, file) => {
    expectHashes(leavesOfFile(name), file.leaf_hashes!);
  });

  it.each(files)('%s has the root another client found', (name, file) => {
    const bytes = contentOf(name);
    expect(toHex(rootOfBytes(bytes, 2 ** treeHeightOf(bytes.length)))).toBe(file.pieces_root);
    expect(toHex(foldRoot(leavesOfFile(name), 2 ** file.tree_height!))).toBe(file.pieces_root);
  });

  it.each(files)('%s has the piece layers another client found, and they fold to the root', (name, file) => {
    for (const [pieceBytes, vector] of Object.entries(file.piece_layers!)) {
      if (vector === null) continue;
      const height = treeHeightOf(Number(pieceBytes));
      const layer = layerOfFile(name, height);
      expectHashes(layer, vector);
      expect(toHex(rootOfLayer(layer, height, file.tree_height!))).toBe(file.pieces_root);
    }
  });
});

describe('the root of a piece', () => {
  it('is worked out from shared memory too', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(70_000));
    shared.set(contentOf('multi/B-upper.bin'));
    expect(toHex(rootOfBytes(shared, 8))).toBe(vectors.files['multi/B-upper.bin']!.pieces_root);
  });

  it('takes zero leaves for what is missing, not hashes of zeros', () => {
    const bytes = new Uint8Array(BLOCK_BYTES).fill(3);
    expect(rootOfBytes(bytes, 2)).not.toEqual(
      rootOfBytes(new Uint8Array([...bytes, ...new Uint8Array(BLOCK_BYTES)]), 2),
    );
  });

  it('of no bytes is padding', () => {
    expect(leavesOf(new Uint8Array())).toHaveLength(0);
    expect(rootOfBytes(new Uint8Array(), 32)).toEqual(zeroSubtree(5));
  });

  it('is refused when there are more leaves than slots', () => {
    expect(() => rootOfBytes(new Uint8Array(BLOCK_BYTES + 1), 1)).toThrow('more nodes');
  });
});

describe('folding', () => {
  it('in two steps is folding in one, wherever the tree is cut', () => {
    const digests = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(digests, fc.nat({ max: 6 }), (hashes, cut) => {
        const leaves = new Uint8Array(hashes.flatMap((digest) => [...digest]));
        const span = 32 * 2 ** cut;
        const layer = new Uint8Array(Math.ceil(leaves.length / span) * 32);
        for (let i = 0; i * span < leaves.length; i++) {
          layer.set(foldNodes(leaves.subarray(i * span, (i + 1) * span), 0, cut), i * 32);
        }
        expect(rootOfLayer(layer, cut, 6)).toEqual(foldRoot(leaves, 64));
      }),
    );
  });

  it('gives a copy', () => {
    const leaf = new Uint8Array(32).fill(1);
    foldRoot(leaf, 1).fill(9);
    expect(leaf).toEqual(new Uint8Array(32).fill(1));
  });
});
