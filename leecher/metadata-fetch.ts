/**
 * Fetches the info dictionary of a magnet link from peers (BEP 9), whole from one peer at a time, so that a wrong one
 * has exactly one sender.
 *
 * BOUNDED: by MAX_METADATA_BYTES; a peer that offers more is not asked.
 */
import { after, NEVER, type Instant } from '../common/base/ids.ts';
import {
  BLOCK_BYTES,
  MAX_METADATA_BYTES,
  MAX_OUTSTANDING_METADATA_REQUESTS,
  METADATA_REQUEST_TIMEOUT_MS,
} from '../common/base/limits.ts';

export type MetadataTaken =
  | { readonly kind: 'more' }
  | { readonly kind: 'whole'; readonly info: Uint8Array }
  /** What this peer sent is not what was asked for. */
  | { readonly kind: 'false' };

interface Current {
  readonly peer: number;
  readonly info: Uint8Array;
  readonly blocks: number;
  asked: number;
  readonly missing: Set<number>;
  heardAt: Instant;
}

export class MetadataFetch {
  readonly #isTrue: (info: Uint8Array) => boolean;
  readonly #ask: (peer: number, block: number) => void;
  /** Peers that offer an info dictionary, with its size. BOUNDED: by the connections. */
  readonly #peers = new Map<number, number>();
  #current: Current | undefined;

  constructor(options: {
    /** Whether the bytes hash to what is wanted. */
    readonly isTrue: (info: Uint8Array) => boolean;
    readonly ask: (peer: number, block: number) => void;
  }) {
    this.#isTrue = options.isTrue;
    this.#ask = options.ask;
  }

  addPeer(peer: number, sizeBytes: number, now: Instant): void {
    if (sizeBytes <= 0 || sizeBytes > MAX_METADATA_BYTES) return;
    this.#peers.set(peer, sizeBytes);
    this.#begin(now);
  }

  removePeer(peer: number, now: Instant): void {
    this.#peers.delete(peer);
    if (this.#current?.peer === peer) this.#giveUp(now);
  }

  /** One block of the dictionary. */
  take(peer: number, block: number, totalBytes: number, data: Uint8Array, now: Instant): MetadataTaken {
    const current = this.#current;
    if (current === undefined || current.peer !== peer || !current.missing.has(block)) return { kind: 'more' };
    const begin = block * BLOCK_BYTES;
    const expected = Math.min(BLOCK_BYTES, current.info.length - begin);
    if (totalBytes !== current.info.length || data.length !== expected) return this.#refute(now);
    current.info.set(data, begin);
    current.missing.delete(block);
    current.heardAt = now;
    if (current.missing.size > 0) {
      this.#askMore(current);
      return { kind: 'more' };
    }
    if (!this.#isTrue(current.info)) return this.#refute(now);
    this.#current = undefined;
    this.#peers.clear();
    return { kind: 'whole', info: current.info };
  }

  /** The peer will not give it; it is asked again only when nobody else is left. */
  rejected(peer: number, now: Instant): void {
    if (this.#current?.peer === peer) this.#rotate(now);
  }

  get nextDue(): Instant {
    return this.#current === undefined ? NEVER : after(this.#current.heardAt, METADATA_REQUEST_TIMEOUT_MS);
  }

  /** Goes to the next peer when this one is silent. */
  tick(now: Instant): void {
    if (now >= this.nextDue) this.#rotate(now);
  }

  /** Puts the current peer behind the others and asks the first of them. */
  #rotate(now: Instant): void {
    const { peer, info } = this.#current!;
    this.#peers.delete(peer);
    this.#peers.set(peer, info.length);
    this.#giveUp(now);
  }

  #refute(now: Instant): MetadataTaken {
    this.#peers.delete(this.#current!.peer);
    this.#giveUp(now);
    return { kind: 'false' };
  }

  #giveUp(now: Instant): void {
    this.#current = undefined;
    this.#begin(now);
  }

  #begin(now: Instant): void {
    const next = this.#peers.entries().next();
    if (this.#current !== undefined || next.done === true) return;
    const [peer, sizeBytes] = next.value;
    const blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
    const missing = new Set(Array.from({ length: blocks }, (_, block) => block));
    this.#current = { peer, info: new Uint8Array(sizeBytes), blocks, asked: 0, missing, heardAt: now };
    this.#askMore(this.#current);
  }

  #askMore(current: Current): void {
    const received = current.blocks - current.missing.size;
    while (current.asked < current.blocks && current.asked - received < MAX_OUTSTANDING_METADATA_REQUESTS) {
      this.#ask(current.peer, current.asked++);
    }
  }
}
