/**
 * Fetches the info dictionary of a magnet link from peers (BEP 9), whole from one peer at a time, so that a wrong one
 * has exactly one sender.
 *
 * BOUNDED: by MAX_METADATA_BYTES; a peer that offers more is not asked.
 */
import { after, instant, NEVER, type Instant } from '../common/base/ids.ts';
import {
  BLOCK_BYTES,
  MAX_METADATA_BYTES,
  MAX_OUTSTANDING_METADATA_REQUESTS,
  METADATA_REQUEST_TIMEOUT_MS,
  MIN_SOURCE_BYTES_PER_SECOND,
} from '../common/base/limits.ts';

export type MetadataTaken =
  /** Nobody waits for this block, or another peer had come as far already. */
  | { readonly kind: 'nothing-new' }
  /** So much was never here before. */
  | { readonly kind: 'further' }
  | { readonly kind: 'whole'; readonly info: Uint8Array }
  /** What this peer sent is not what was asked for. */
  | { readonly kind: 'false' };

/** What one peer offers. */
interface Offer {
  sizeBytes: number;
  /** It refused, and is not asked again before. */
  restsUntil: Instant;
}

interface Current {
  readonly peer: number;
  readonly info: Uint8Array;
  readonly blocks: number;
  asked: number;
  readonly missing: Set<number>;
  /** When it is given up for another peer. */
  dueAt: Instant;
}

/** The least pace of a peer that is not given up for another; halved, this often at most, each time that happened. */
const LEAST_PACE_MS_PER_BLOCK = (BLOCK_BYTES * 1000) / MIN_SOURCE_BYTES_PER_SECOND;
const MAX_PATIENCE = 5;

export class MetadataFetch {
  readonly #isTrue: (info: Uint8Array) => boolean;
  readonly #ask: (peer: number, block: number) => void;
  /** Peers that offer an info dictionary; the one that was tried longest ago is first. BOUNDED: by the connections. */
  readonly #offers = new Map<number, Offer>();
  #current: Current | undefined;
  /** The most blocks that any peer gave. */
  #mostBlocks = 0;
  /** How often a peer was too slow. */
  #givenUp = 0;

  constructor(options: {
    /** Whether the bytes hash to what is wanted. */
    readonly isTrue: (info: Uint8Array) => boolean;
    readonly ask: (peer: number, block: number) => void;
  }) {
    this.#isTrue = options.isTrue;
    this.#ask = options.ask;
  }

  /** A peer that offers another size than before is believed when it is next asked. */
  addPeer(peer: number, sizeBytes: number, now: Instant): void {
    if (!(sizeBytes > 0 && sizeBytes <= MAX_METADATA_BYTES)) return;
    const offer = this.#offers.get(peer);
    if (offer === undefined) this.#offers.set(peer, { sizeBytes, restsUntil: now });
    else offer.sizeBytes = sizeBytes;
    this.#begin(now);
  }

  removePeer(peer: number, now: Instant): void {
    this.#offers.delete(peer);
    if (this.#current?.peer === peer) this.#next(now);
  }

  /** One block of the dictionary. Throws what `isTrue` throws. */
  take(peer: number, block: number, totalBytes: number, data: Uint8Array, now: Instant): MetadataTaken {
    const current = this.#current;
    if (current === undefined || current.peer !== peer || !current.missing.has(block)) return { kind: 'nothing-new' };
    const begin = block * BLOCK_BYTES;
    const expected = Math.min(BLOCK_BYTES, current.info.length - begin);
    if (totalBytes !== current.info.length || data.length !== expected) return this.#refute(now);
    current.info.set(data, begin);
    current.missing.delete(block);
    if (current.missing.size === 0) return this.#judge(current, now);
    this.#buyTime(current, now);
    this.#askMore(current);
    const received = current.blocks - current.missing.size;
    if (received <= this.#mostBlocks) return { kind: 'nothing-new' };
    this.#mostBlocks = received;
    return { kind: 'further' };
  }

  /** The peer will not give it. */
  rejected(peer: number, now: Instant): void {
    if (this.#current?.peer !== peer) return;
    // Asked again at once it would only refuse again.
    this.#putLast(peer, after(now, METADATA_REQUEST_TIMEOUT_MS));
    this.#next(now);
  }

  get nextDue(): Instant {
    if (this.#current !== undefined) return this.#current.dueAt;
    let earliest: Instant = NEVER;
    for (const { restsUntil } of this.#offers.values()) if (restsUntil < earliest) earliest = restsUntil;
    return earliest;
  }

  /** Goes to the next peer when this one is silent or slow, or when it has rested. */
  tick(now: Instant): void {
    if (now < this.nextDue) return;
    if (this.#current !== undefined) {
      this.#givenUp++;
      this.#putLast(this.#current.peer, now);
    }
    this.#next(now);
  }

  #judge(current: Current, now: Instant): MetadataTaken {
    if (!this.#isTrue(current.info)) return this.#refute(now);
    this.#current = undefined;
    this.#offers.clear();
    return { kind: 'whole', info: current.info };
  }

  #refute(now: Instant): MetadataTaken {
    this.#offers.delete(this.#current!.peer);
    this.#next(now);
    return { kind: 'false' };
  }

  #putLast(peer: number, restsUntil: Instant): void {
    const { sizeBytes } = this.#offers.get(peer)!;
    this.#offers.delete(peer);
    this.#offers.set(peer, { sizeBytes, restsUntil });
  }

  #next(now: Instant): void {
    this.#current = undefined;
    this.#begin(now);
  }

  #begin(now: Instant): void {
    if (this.#current !== undefined) return;
    for (const [peer, { sizeBytes, restsUntil }] of this.#offers) {
      if (restsUntil > now) continue;
      const blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
      const missing = new Set(Array.from({ length: blocks }, (_, block) => block));
      const dueAt = after(now, METADATA_REQUEST_TIMEOUT_MS);
      this.#current = { peer, info: new Uint8Array(sizeBytes), blocks, asked: 0, missing, dueAt };
      return this.#askMore(this.#current);
    }
  }

  /**
   * A block buys the time it may take, and no more than the timeout can be saved up: one that sends a block now and
   * then does not keep the others waiting.
   */
  #buyTime(current: Current, now: Instant): void {
    const boughtMs = LEAST_PACE_MS_PER_BLOCK * 2 ** Math.min(this.#givenUp, MAX_PATIENCE);
    current.dueAt = instant(Math.min(current.dueAt + boughtMs, now + METADATA_REQUEST_TIMEOUT_MS));
  }

  #askMore(current: Current): void {
    const received = current.blocks - current.missing.size;
    while (current.asked < current.blocks && current.asked - received < MAX_OUTSTANDING_METADATA_REQUESTS) {
      this.#ask(current.peer, current.asked++);
    }
  }
}
