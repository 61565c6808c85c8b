import { equalBytes } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import { answerCount, hashRequestFault, subtreeHeight } from './hash-requests.ts';
import { DIGEST_BYTES, foldNodes, parentNodes, zeroSubtree } from './merkle.ts';

/** Pieces of one file, counted within it. */
export interface PieceSpan {
  readonly first: number;
  readonly count: number;
}

/** Nodes that are hashed in a few milliseconds: trees of up to as many are whole from the start. */
export const NODES_AT_ONCE = 8_192;

/**
 * So many heights above the lowest are not kept: nobody asks for them but in small numbers, and to hash one again takes a
 * few nodes. What is kept above the layer of 2^21 pieces, 64 MiB, is 8 MiB that way.
 */
const SKIPPED = 3;

/**
 * The upper part of one file's merkle tree, from its piece layer (or, of a small file, its root alone) up, to answer
 * hash requests from (BEP 52). What lies below is hashed again from the file when someone asks.
 *
 * BOUNDED: by an eighth more than the bytes of the layer it is made from.
 */
export class HashTree {
  /** Height above the leaves of the lowest layer that is kept. */
  readonly baseHeight: number;
  readonly treeHeight: number;
  /** The lowest height of `#layers`. */
  readonly #keptHeight: number;
  /** The layer it was made from: 32 bytes for each node that covers data. */
  readonly layer: Uint8Array;
  /** One array of nodes per height, from `#keptHeight` up, without padding: those that are whole. */
  readonly #layers: Uint8Array[] = [];
  /** The layer above them, of which the first `#hashed` nodes are there. */
  #next: Uint8Array | undefined;
  #hashed = 0;

  /** `layer`: the nodes at `baseHeight` that cover data, 32 bytes each. It is kept and must not change. */
  constructor(layer: Uint8Array, baseHeight: number, treeHeight: number) {
    const widthBytes = 2 ** (treeHeight - baseHeight) * DIGEST_BYTES;
    if (layer.length > widthBytes) throw new Error('more nodes than the tree is wide');
    this.baseHeight = baseHeight;
    this.treeHeight = treeHeight;
    this.layer = layer;
    this.#keptHeight = Math.min(treeHeight, baseHeight + SKIPPED + 1);
    this.grow(NODES_AT_ONCE);
  }

  /**
   * Hashes so many nodes more, about; true when the tree is whole. A file of 2^21 pieces has as many nodes, which take a
   * second: whoever must not wait that long grows the tree bit by bit before asking. Whoever asks first waits.
   */
  grow(nodes: number): boolean {
    for (let left = nodes; !this.#isWhole && left > 0;) {
      const isLowest = this.#layers.length === 0;
      const below = this.#layers.at(-1) ?? this.layer;
      const height = isLowest ? this.baseHeight : this.#keptHeight + this.#layers.length - 1;
      const steps = isLowest ? this.#keptHeight - this.baseHeight : 1;
      const width = 2 ** steps;
      const count = Math.ceil(below.length / (width * DIGEST_BYTES));
      this.#next ??= new Uint8Array(count * DIGEST_BYTES);
      // Over so many nodes below there are one less above, up to the one that is kept.
      const each = Math.max(1, width - 1);
      const end = Math.min(count, this.#hashed + Math.ceil(left / each));
      let children = below.subarray(this.#hashed * width * DIGEST_BYTES, end * width * DIGEST_BYTES);
      for (let step = 0; step < steps; step++) children = parentNodes(children, height + step);
      this.#next.set(children, this.#hashed * DIGEST_BYTES);
      left -= (end - this.#hashed) * each;
      this.#hashed = end;
      if (end === count) this.#closeLayer(this.#next);
    }
    return this.#isWhole;
  }

  #closeLayer(layer: Uint8Array): void {
    this.#layers.push(layer);
    this.#next = undefined;
    this.#hashed = 0;
  }

  get #isWhole(): boolean {
    return this.#layers.length > this.treeHeight - this.#keptHeight;
  }

  get root(): Digest {
    return this.node(this.treeHeight, 0).slice() as Digest;
  }

  /** One node, padding included: a view that must not be written to. `height` is not below `baseHeight`. */
  node(height: number, index: number): Digest {
    if (height === this.baseHeight) return nodeOf(this.layer, height, index);
    if (!this.#isWhole) this.grow(Number.POSITIVE_INFINITY);
    if (height >= this.#keptHeight) return nodeOf(this.#layers[height - this.#keptHeight]!, height, index);
    const width = 2 ** (height - this.baseHeight) * DIGEST_BYTES;
    return foldNodes(this.layer.subarray(index * width, (index + 1) * width), this.baseHeight, height);
  }

  /** How many nodes are hashed, about, to answer a request that is not below this tree. */
  effortOf({ baseLayer, length }: HashRequest): number {
    return baseLayer >= this.#keptHeight ? 0 : length * (2 ** (baseLayer - this.baseHeight) - 1);
  }

  /** The hashes that answer a request; undefined when it is to be rejected or asks for what lies below this tree. */
  answer(request: HashRequest): { readonly hashes: Uint8Array } | undefined {
    if (hashRequestFault(request, this.treeHeight) !== undefined) return undefined;
    if (request.baseLayer < this.baseHeight) return undefined;
    return { hashes: collect(request, (height, index) => this.node(height, index)) };
  }

  /**
   * The pieces whose leaves `answerFromLeaves` needs for a request that is not at fault: those that hold the nodes
   * asked for, and with them the proof inside a piece. None where there is only padding.
   */
  leafSpan(request: HashRequest): PieceSpan {
    const first = Math.floor((request.index * 2 ** request.baseLayer) / 2 ** this.baseHeight);
    const width = Math.max(1, 2 ** (subtreeHeight(request) - this.baseHeight));
    const count = this.layer.length / DIGEST_BYTES;
    return { first, count: Math.max(0, Math.min(width, count - first)) };
  }

  /**
   * The hashes that answer a request below this tree. `leaves` are the leaf hashes of `leafSpan(request)`, 32 bytes
   * each, without padding. Undefined when the request is to be rejected, or when the leaves are not those of the tree:
   * the file is not what it was.
   */
  answerFromLeaves(request: HashRequest, leaves: Uint8Array): { readonly hashes: Uint8Array } | undefined {
    if (hashRequestFault(request, this.treeHeight) !== undefined) return undefined;
    const spanHeight = Math.max(this.baseHeight, subtreeHeight(request));
    if (leaves.length > 2 ** spanHeight * DIGEST_BYTES) return undefined;
    const lower = new HashTree(leaves, 0, spanHeight);
    const firstLeaf = this.leafSpan(request).first * 2 ** this.baseHeight;
    const isSame = equalBytes(lower.root, this.node(spanHeight, firstLeaf / 2 ** spanHeight));
    if (!isSame) return undefined;
    return {
      hashes: collect(request, (height, index) =>
        height < spanHeight ? lower.node(height, index - firstLeaf / 2 ** height) : this.node(height, index),
      ),
    };
  }
}

function nodeOf(layer: Uint8Array, height: number, index: number): Digest {
  const at = index * DIGEST_BYTES;
  return at < layer.length ? (layer.subarray(at, at + DIGEST_BYTES) as Digest) : zeroSubtree(height);
}

/** The nodes asked for, then uncles from the bottom to the top (BEP 52). */
function collect(request: HashRequest, node: (height: number, index: number) => Digest): Uint8Array {
  const hashes = new Uint8Array(answerCount(request) * DIGEST_BYTES);
  let at = 0;
  for (let i = 0; i < request.length; i++) {
    hashes.set(node(request.baseLayer, request.index + i), at);
    at += DIGEST_BYTES;
  }
  let height = subtreeHeight(request);
  let place = request.index / request.length;
  for (; at < hashes.length; at += DIGEST_BYTES) {
    hashes.set(node(height, place % 2 === 0 ? place + 1 : place - 1), at);
    height++;
    place = Math.floor(place / 2);
  }
  return hashes;
}
