/** Answers the hash requests of one peer: each by hashes or by a reject, choked or not (BEP 52). */
import { HASH_REQUEST_BURST, MAX_OUTSTANDING_HASH_REQUESTS } from '../base/limits.ts';
import { hashRequestFault } from '../content/hash-requests.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import { encodeHashes } from '../wire/peer-messages.ts';
import type { Torrent } from './torrent.ts';
import type { Voice } from './voice.ts';

export interface HashServiceOptions {
  readonly say: Voice;
  readonly torrent: () => Torrent | undefined;
  /** Base hashes and proof; undefined when they cannot be had. Never rejects. */
  readonly answer: (request: HashRequest) => Promise<Uint8Array | undefined>;
  /** Whether an answer that costs so much may be given now; one from memory costs 1. */
  readonly mayServe: (cost: number) => boolean;
  /** Counts a request that no peer could answer; false when it was one too many. */
  readonly offend: () => boolean;
  readonly isClosed: () => boolean;
}

/** Leaves that are read and hashed again for the price of one answer from memory. */
const LEAVES_PER_TOKEN = 8;
/** Nodes of a tree that are hashed again for the same price. */
const NODES_PER_TOKEN = 1_024;

export class HashService {
  readonly #options: HashServiceOptions;
  /** Answers under way. BOUNDED: by MAX_OUTSTANDING_HASH_REQUESTS; beyond them requests are rejected at once. */
  #underWay = 0;

  constructor(options: HashServiceOptions) {
    this.#options = options;
  }

  async serve(request: HashRequest): Promise<void> {
    const { say, mayServe, offend, isClosed } = this.#options;
    if (this.#isAbsurd(request)) {
      if (offend()) say.rejectHashes(request);
      return;
    }
    const isBusy = this.#underWay >= MAX_OUTSTANDING_HASH_REQUESTS;
    const hashes = !isBusy && mayServe(this.#costOf(request)) ? await this.#answer(request) : undefined;
    if (isClosed()) return;
    if (hashes === undefined) say.rejectHashes(request);
    else say.message(encodeHashes(request, hashes));
  }

  async #answer(request: HashRequest): Promise<Uint8Array | undefined> {
    this.#underWay++;
    try {
      return await this.#options.answer(request);
    } finally {
      this.#underWay--;
    }
  }

  /** The largest pieces cost no more than can be saved up. */
  #costOf(request: HashRequest): number {
    const tree = this.#options.torrent()?.hashesOf(request.root)?.tree;
    if (tree === undefined) return 1;
    if (request.baseLayer >= tree.baseHeight) return Math.max(1, tree.effortOf(request) / NODES_PER_TOKEN);
    const leaves = tree.leafSpan(request).count * 2 ** tree.baseHeight;
    return Math.min(HASH_REQUEST_BURST, Math.max(1, leaves / LEAVES_PER_TOKEN));
  }

  /** Of a root that no file has, or outside the tree of its file. Before the hashes are known, nobody can tell. */
  #isAbsurd(request: HashRequest): boolean {
    const torrent = this.#options.torrent();
    const hashed = torrent?.hashesOf(request.root);
    if (hashed === undefined) return torrent?.knowsHashes ?? false;
    return hashRequestFault(request, hashed.tree.treeHeight) !== undefined;
  }
}
