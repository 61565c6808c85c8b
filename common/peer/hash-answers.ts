/**
 * Answers hash requests (BEP 52): upper layers from memory, leaves by hashing the pieces again, one request after the
 * other.
 *
 * BOUNDED: by one piece buffer, MAX_LEAF_HASHES_PER_REQUEST leaves (or one piece's, if that is more) in an answer, and
 * by the connections, which wait for a few answers each.
 */
import { concatBytes } from '../base/bytes.ts';
import type { PieceIndex } from '../base/ids.ts';
import { MAX_LEAF_HASHES_PER_REQUEST } from '../base/limits.ts';
import type { Clock, Hasher, PieceStore } from '../base/ports.ts';
import { hashRequestFault } from '../content/hash-requests.ts';
import { type HashTree, NODES_AT_ONCE } from '../content/hash-tree.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import type { HashedFile, Torrent } from './torrent.ts';

export interface HashAnswersOptions {
  readonly torrent: Torrent;
  readonly store: PieceStore;
  readonly hasher: Hasher;
  readonly clock: Clock;
}

export class HashAnswers {
  readonly #options: HashAnswersOptions;
  #buffer: Uint8Array | undefined;
  /** The end of the queue of those that need the disk. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: HashAnswersOptions) {
    this.#options = options;
  }

  /** Base hashes and proof; undefined when the request is to be rejected. Rejects with the store's `StoreError`. */
  async answer(request: HashRequest): Promise<Uint8Array | undefined> {
    const hashed = this.#options.torrent.hashesOf(request.root);
    if (hashed === undefined) return undefined;
    const { tree } = hashed;
    if (hashRequestFault(request, tree.treeHeight) !== undefined) return undefined;
    await this.#grown(tree);
    if (request.baseLayer >= tree.baseHeight) return tree.answer(request)?.hashes;
    const answer = this.#last.then(() => this.#fromLeaves(hashed, request));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Lets others have their turn while the tree of a very large file is hashed, once. */
  async #grown(tree: HashTree): Promise<void> {
    const { clock } = this.#options;
    while (!tree.grow(NODES_AT_ONCE)) {
      await new Promise<void>((resolve) => {
        clock.at(clock.now(), resolve);
      });
    }
  }

  async #fromLeaves(hashed: HashedFile, request: HashRequest): Promise<Uint8Array | undefined> {
    const { torrent, store, hasher } = this.#options;
    const { tree, firstPiece } = hashed;
    const span = tree.leafSpan(request);
    if (request.length > MAX_LEAF_HASHES_PER_REQUEST && span.count > 1) return undefined;
    const { geometry } = torrent.content!;
    this.#buffer ??= new Uint8Array(new SharedArrayBuffer(geometry.pieceBytes));
    const leaves: Uint8Array[] = [];
    for (let i = 0; i < span.count; i++) {
      const piece = (firstPiece + span.first + i) as PieceIndex;
      if (!torrent.offered.has(piece)) return undefined;
      const bytes = this.#buffer.subarray(0, geometry.pieceSize(piece));
      await store.read(piece, 0, bytes);
      leaves.push(await hasher.leaves(bytes));
    }
    return tree.answerFromLeaves(request, concatBytes(leaves))?.hashes;
  }
}
