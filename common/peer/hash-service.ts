/** Answers the hash requests of one peer: each by hashes or by a reject, choked or not (BEP 52). */
import { MAX_OUTSTANDING_HASH_REQUESTS } from '../base/limits.ts';
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
  /** Whether one more may be answered now. */
  readonly mayServe: () => boolean;
  /** Counts a request that no peer could answer; false when it was one too many. */
  readonly offend: () => boolean;
  readonly isClosed: () => boolean;
}

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
    const hashes =
      this.#underWay < MAX_OUTSTANDING_HASH_REQUESTS && mayServe() ? await this.#answer(request) : undefined;
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

  /** Of a root that no file has, or outside the tree of its file. Before the hashes are known, nobody can tell. */
  #isAbsurd(request: HashRequest): boolean {
    const torrent = this.#options.torrent();
    const hashed = torrent?.hashesOf(request.root);
    if (hashed === undefined) return torrent?.knowsHashes ?? false;
    return hashRequestFault(request, hashed.tree.treeHeight) !== undefined;
  }
}
