import type { Instant } from '../base/ids.ts';
import { after } from '../base/ids.ts';

/** What a connection may have on its way at first, and never less than the second (RFC 6928, RFC 5681). */
const FIRST_BYTES = 10 * 1_448;
const LEAST_BYTES = 2 * 1_448;
/** A loss leaves so much of the window, as CUBIC does (RFC 9438). */
const LOSS_FACTOR = 0.7;

/**
 * How much one direction of a connection may have on its way: twice as much each round trip until something is lost,
 * then one segment more each round trip (RFC 5681). A rule: no time but what it is told.
 */
export class Congestion {
  #windowBytes = FIRST_BYTES;
  /** From here on it grows slowly. */
  #thresholdBytes = Number.POSITIVE_INFINITY;
  #inFlightBytes = 0;
  /** Losses of one round trip are one loss. */
  #heedsLossFrom = 0 as Instant;

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Something may leave; of a segment that is larger than the room, all of it. */
  get hasRoom(): boolean {
    return this.#inFlightBytes < this.#windowBytes;
  }

  sent(sizeBytes: number): void {
    this.#inFlightBytes += sizeBytes;
  }

  acknowledged(sizeBytes: number): void {
    this.#inFlightBytes -= sizeBytes;
    if (this.#windowBytes < this.#thresholdBytes) this.#windowBytes += sizeBytes;
    else this.#windowBytes += (1_448 * sizeBytes) / this.#windowBytes;
  }

  lost(now: Instant, roundTripMs: number): void {
    if (now < this.#heedsLossFrom) return;
    this.#heedsLossFrom = after(now, roundTripMs);
    this.#windowBytes = Math.max(LEAST_BYTES, this.#windowBytes * LOSS_FACTOR);
    this.#thresholdBytes = this.#windowBytes;
  }
}
