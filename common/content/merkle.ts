/**
 * Merkle trees over 16 KiB leaves (BEP 52).
 *
 * - A leaf is the SHA-256 of its bytes; the last one covers the short rest, unpadded.
 * - Leaves are padded to a power of two with 32 zero bytes, not with the hash of zeros.
 * - A parent is the SHA-256 of its two children, one after the other.
 *
 * Nodes are kept side by side in plain arrays, 32 bytes each, since a large file has millions of them.
 */
import { hash } from 'node:crypto';
import type { Digest } from '../base/ids.ts';
import { BLOCK_BYTES, MAX_PROOF_LAYERS } from '../base/limits.ts';

export const DIGEST_BYTES = 32;

/** Writes the SHA-256 of `data` at `offset`. A string of 32 characters is much cheaper to get than a Buffer. */
function hashInto(into: Uint8Array, offset: number, data: Uint8Array): void {
  const digest = hash('sha256', data, 'binary');
  for (let i = 0; i < DIGEST_BYTES; i++) into[offset + i] = digest.charCodeAt(i);
}

/** SHA-256 of two nodes, or of any bytes. */
export function sha256(data: Uint8Array): Digest {
  const digest = new Uint8Array(DIGEST_BYTES);
  hashInto(digest, 0, data);
  return digest as Digest;
}

/** BOUNDED: by MAX_PROOF_LAYERS. */
const zeroSubtrees: Digest[] = [new Uint8Array(DIGEST_BYTES) as Digest];

/** The node at `height` (0 … MAX_PROOF_LAYERS) under which there is nothing but padding. Shared: never written to. */
export function zeroSubtree(height: number): Digest {
  if (!(height >= 0 && height <= MAX_PROOF_LAYERS)) throw new Error(`no tree is ${height} high`);
  while (zeroSubtrees.length <= height) {
    const below = zeroSubtrees.at(-1)!;
    const pair = new Uint8Array(2 * DIGEST_BYTES);
    pair.set(below);
    pair.set(below, DIGEST_BYTES);
    zeroSubtrees.push(sha256(pair));
  }
  return zeroSubtrees[height]!;
}

/** The leaf hashes of `bytes`, 32 bytes each, without padding; none of no bytes. */
export function leavesOf(bytes: Uint8Array): Uint8Array {
  const leaves = new Uint8Array(Math.ceil(bytes.length / BLOCK_BYTES) * DIGEST_BYTES);
  for (let start = 0, at = 0; start < bytes.length; start += BLOCK_BYTES, at += DIGEST_BYTES) {
    hashInto(leaves, at, bytes.subarray(start, start + BLOCK_BYTES));
  }
  return leaves;
}

/** The nodes one above nodes at `height`: half as many, padding taken where the last one has no neighbour. */
export function parentNodes(nodes: Uint8Array, height: number): Uint8Array {
  const pairBytes = 2 * DIGEST_BYTES;
  const parents = new Uint8Array(Math.ceil(nodes.length / pairBytes) * DIGEST_BYTES);
  for (let start = 0, at = 0; start < nodes.length; start += pairBytes, at += DIGEST_BYTES) {
    let pair = nodes.subarray(start, start + pairBytes);
    if (pair.length < pairBytes) {
      const lonely = pair;
      pair = new Uint8Array(pairBytes);
      pair.set(lonely);
      pair.set(zeroSubtree(height), DIGEST_BYTES);
    }
    hashInto(parents, at, pair);
  }
  return parents;
}

/** The node at `height` over nodes at `nodesHeight` that begin its subtree, padding after them. */
export function foldNodes(nodes: Uint8Array, nodesHeight: number, height: number): Digest {
  if (nodes.length > 2 ** (height - nodesHeight) * DIGEST_BYTES) throw new Error('more nodes than the tree is wide');
  if (nodes.length === 0) return zeroSubtree(height);
  let level = nodes;
  for (let at = nodesHeight; at < height; at++) level = parentNodes(level, at);
  return level.slice() as Digest;
}

/** The root over leaf hashes (32 bytes each), padded to `leafSlots`, a power of two. */
export function foldRoot(leaves: Uint8Array, leafSlots: number): Digest {
  return foldNodes(leaves, 0, Math.log2(leafSlots));
}

/** The root over `bytes`, padded to `leafSlots` leaves, a power of two: the check of a piece, or of a small file. */
export function rootOfBytes(bytes: Uint8Array, leafSlots: number): Digest {
  return foldRoot(leavesOf(bytes), leafSlots);
}

/** The root of a file from its piece layer: nodes at `layerHeight`, without padding, in a tree of `treeHeight`. */
export function rootOfLayer(layer: Uint8Array, layerHeight: number, treeHeight: number): Digest {
  return foldNodes(layer, layerHeight, treeHeight);
}
