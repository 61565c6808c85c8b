import { toHex } from '../base/bytes.ts';
import { MAX_OUTSTANDING_HASH_REQUESTS } from '../base/limits.ts';
import { encodeHashRequest, HASH_REQUEST_BYTES, type HashRequest } from '../wire/hash-request.ts';

/** The hash requests one peer owes us an answer to: hashes that nobody asked for are never looked at (BEP 52). */
export class HashLedger {
  /** BOUNDED: by MAX_OUTSTANDING_HASH_REQUESTS. */
  readonly #open = new Map<string, HashRequest>();

  get count(): number {
    return this.#open.size;
  }

  /** Hashes in the longest open request, without its proof. */
  get mostHashes(): number {
    let most = 0;
    for (const request of this.#open.values()) most = Math.max(most, request.length);
    return most;
  }

  /** False when it is open already or too many are. */
  add(request: HashRequest): boolean {
    if (this.#open.size >= MAX_OUTSTANDING_HASH_REQUESTS) return false;
    const key = keyOf(request);
    if (this.#open.has(key)) return false;
    this.#open.set(key, request);
    return true;
  }

  /** The request is answered; false when it was not open. */
  settle(request: HashRequest): boolean {
    return this.#open.delete(keyOf(request));
  }
}

function keyOf(request: HashRequest): string {
  const bytes = new Uint8Array(HASH_REQUEST_BYTES);
  encodeHashRequest(bytes, 0, request);
  return toHex(bytes);
}
