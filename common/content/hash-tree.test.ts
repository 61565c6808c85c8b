import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../base/bytes.ts';
import { contentOf, leavesOfFile, treeOfFile } from '../fixtures/trees.ts';
import { vectors } from '../fixtures/vectors.ts';
import { decodeHashRequest, type HashRequest } from '../wire/hash-request.ts';
import { treeHeightOf } from './geometry.ts';
import { hashRequestFault, verifyHashes } from './hash-requests.ts';
import { HashTree, NODES_AT_ONCE } from './hash-tree.ts';
import { foldNodes, rootOfLayer, zeroSubtree } from './merkle.ts';

/** Answers as a node does: from the tree it keeps, or with leaves hashed again. */
function answer(name: string, pieceBytes: number, request: HashRequest): Uint8Array | undefined {
  const tree = treeOfFile(name, pieceBytes);
  if (request.baseLayer >= tree.baseHeight) return tree.answer(request)?.hashes;
  const span = tree.leafSpan(request);
  const leafBytes = 32 * 2 ** tree.baseHeight;
  const leaves = leavesOfFile(name).subarray(span.first * leafBytes, (span.first + span.count) * leafBytes);
  return tree.answerFromLeaves(request, leaves)?.hashes;
}

const shapeOf = (name: string) => {
  const bytes = contentOf(name);
  const treeHeight = treeHeightOf(bytes.length);
  return { root: treeOfFile(name, 2 ** 40).root, leafCount: Math.ceil(bytes.length / 16384), treeHeight };
};

describe('a tree', () => {
  it('gives every node, padding included', () => {
    const tree = treeOfFile('s49153.bin', 16384);
    expect(toHex(tree.node(0, 3))).toBe((vectors.files['s49153.bin']!.leaf_hashes as string[])[3]);
    expect(toHex(tree.root)).toBe(vectors.files['s49153.bin']!.pieces_root);
    const padded = treeOfFile('s1572869.bin', 16384);
    expect(padded.node(0, 96)).not.toEqual(zeroSubtree(0));
    expect(padded.node(0, 97)).toEqual(zeroSubtree(0));
    expect(padded.node(4, 7)).toEqual(zeroSubtree(4));
  });

  it('is refused when the layer is wider than the tree', () => {
    expect(() => new HashTree(new Uint8Array(3 * 32), 0, 1)).toThrow('more nodes');
  });

  it('of a large file answers from any part of it', () => {
    const count = 100_003;
    const tree = new HashTree(new Uint8Array(count * 32).fill(1), 5, 22);
    expect(tree.node(22, 0)).toHaveLength(32);
    expect(
      tree.answer({ root: tree.root, baseLayer: 5, index: 512, length: 512, proofLayers: 16 })!.hashes.length,
    ).toBe((512 + 8) * 32);
  });
});

describe('a tree of very many nodes', () => {
  const layer = new Uint8Array(20_001 * 32).map((_, index) => index % 251);
  const grown = (nodes: number): HashTree => {
    const tree = new HashTree(layer, 5, 20);
    while (!tree.grow(nodes));
    return tree;
  };

  it('is the same in whatever steps it grows, or when it is asked before', () => {
    const roots = [grown(1_000), grown(4_999), grown(1e9), new HashTree(layer, 5, 20)].map(({ root }) => toHex(root));
    expect(new Set(roots)).toEqual(new Set([toHex(rootOfLayer(layer, 5, 20))]));
  });

  it('hashes no more at a time than it is told, and ends', () => {
    const tree = new HashTree(layer, 5, 20);
    let steps = 0;
    while (!tree.grow(100)) steps++;
    // There are 20,010 nodes above the layer, of which 8,192 were hashed at once. The lowest are hashed fifteen at a time.
    expect(steps).toBeGreaterThan((20_010 - NODES_AT_ONCE) / 115);
    expect(steps).toBeLessThan((20_010 - NODES_AT_ONCE) / 100);
  });

  it('gives the nodes that it does not keep', () => {
    const tree = grown(1e9);
    for (const height of [5, 6, 7, 8, 9, 10]) {
      const width = 2 ** (height - 5) * 32;
      for (const index of [0, 1, 77, Math.floor(20_000 / 2 ** (height - 5)), 2 ** (20 - height) - 1]) {
        const below = layer.subarray(index * width, (index + 1) * width);
        expect(tree.node(height, index)).toEqual(foldNodes(below, 5, height));
      }
    }
    const request = { root: tree.root, index: 0, length: 512, proofLayers: 0 };
    expect([5, 6, 7, 8, 9].map((baseLayer) => tree.effortOf({ ...request, baseLayer }))).toEqual([
      0,
      512,
      3 * 512,
      7 * 512,
      0,
    ]);
  });
});

describe('the answer to a hash request', () => {
  it.each(vectors.hash_messages)('is that of another client: $note', (vector) => {
    const request = decodeHashRequest(fromHex(vector.request_hex)!, 5);
    const hashes = answer(vector.file, vector.piece_length, request)!;
    const head = fromHex(vector.request_hex)!;
    head.set([0x16], 4);
    new DataView(head.buffer).setUint32(0, 49 + hashes.length);
    const message = concatBytes([head, hashes]);
    expect(hashes.length).toBe(32 * vector.hash_count_in_answer);
    expect(message.length).toBe(vector.answer_length);
    if (vector.answer_hex !== undefined) expect(toHex(message)).toBe(vector.answer_hex);
    expect(toHex(message).startsWith(vector.answer_prefix_hex ?? '')).toBe(true);
    expect(createHash('sha256').update(message).digest('hex')).toBe(vector.answer_sha256);
    const proof = hashes.subarray(hashes.length - 32 * vector.uncle_count);
    expect(toHex(proof)).toBe(vector.uncles.join(''));
    const proves = verifyHashes(request, hashes, shapeOf(vector.file)).ok;
    expect(proves).toBe(vector.proves_to_root);
  });

  it('proves itself, for every request of every size, from the tree and from leaves', () => {
    const names = ['s16385.bin', 's49153.bin', 's1572869.bin', 'multi/B-upper.bin', 's8404992.bin'];
    const cases = fc.record({
      name: fc.constantFrom(...names),
      pieceBytes: fc.constantFrom(16384, 32768, 524288),
      base: fc.nat(),
      length: fc.nat(),
      index: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ name, pieceBytes, ...numbers }) => {
        const shape = shapeOf(name);
        const baseLayer = numbers.base % shape.treeHeight;
        const width = shape.treeHeight - baseLayer;
        const length = 2 ** (numbers.length % (width + 1));
        const index = (numbers.index % (2 ** width / length)) * length;
        const request = { root: shape.root, baseLayer, index, length, proofLayers: width - 1 };
        expect(hashRequestFault(request, shape.treeHeight)).toBeUndefined();
        expect(verifyHashes(request, answer(name, pieceBytes, request)!, shape).ok).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('of a small file comes from its leaves alone', () => {
    const name = 'multi/B-upper.bin';
    const shape = shapeOf(name);
    const tree = treeOfFile(name, 524288);
    expect([tree.baseHeight, tree.treeHeight]).toEqual([3, 3]);
    const request = { root: shape.root, baseLayer: 0, index: 4, length: 4, proofLayers: 2 };
    expect(tree.answer(request)).toBeUndefined();
    expect(tree.leafSpan(request)).toEqual({ first: 0, count: 1 });
    expect(verifyHashes(request, tree.answerFromLeaves(request, leavesOfFile(name))!.hashes, shape).ok).toBe(true);
  });

  it('is refused when the file is not what it was', () => {
    const tree = treeOfFile('s1572869.bin', 524288);
    const request = { root: tree.root, baseLayer: 0, index: 32, length: 32, proofLayers: 0 };
    const leaves = leavesOfFile('s1572869.bin').slice(32 * 32, 64 * 32);
    expect(tree.answerFromLeaves(request, leaves)).toBeDefined();
    expect(tree.answerFromLeaves(request, leaves.subarray(32))).toBeUndefined();
    expect(tree.answerFromLeaves(request, leavesOfFile('s1572869.bin'))).toBeUndefined();
    leaves[0]! ^= 1;
    expect(tree.answerFromLeaves(request, leaves)).toBeUndefined();
  });

  it('needs no piece where there is only padding', () => {
    const tree = treeOfFile('s10577202.bin', 524288);
    const request = { root: tree.root, baseLayer: 0, index: 992, length: 32, proofLayers: 9 };
    expect(tree.leafSpan(request)).toEqual({ first: 31, count: 0 });
    expect(tree.leafSpan({ ...request, index: 0, length: 1024 })).toEqual({ first: 0, count: 21 });
    const hashes = tree.answerFromLeaves(request, new Uint8Array())!.hashes;
    expect(verifyHashes(request, hashes, shapeOf('s10577202.bin'))).toEqual({
      ok: true,
      value: { base: new Uint8Array() },
    });
  });
});
