import { performance } from 'node:perf_hooks';
import { MIB } from '../base/limits.ts';

/** What a slow line brings is hashed where it comes in: this much on average, about a hundredth of the thread's time … */
const BYTES_PER_SECOND = 8 * MIB;
/** … and so much at once. */
const BURST_BYTES = 2 * MIB;
/** More would keep everything else waiting for longer than a millisecond. */
const MOST_BYTES = MIB;

/**
 * What the main thread may hash itself. Each thread for hashing costs more than 10 MiB, which is as much as all that is
 * said and remembered of a swarm; a download that a thread would not speed up should not pay that. Once there was more
 * than that, threads are there and do everything.
 */
export class HashAllowance {
  readonly #nowMs: () => number;
  #bytes = BURST_BYTES;
  #filledAtMs: number;
  #isOver = false;

  constructor(options: { readonly nowMs?: () => number } = {}) {
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#filledAtMs = this.#nowMs();
  }

  /** Whether so many bytes are hashed right here; they count as hashed then. */
  takes(sizeBytes: number): boolean {
    if (this.#isOver || sizeBytes > MOST_BYTES) return false;
    const nowMs = this.#nowMs();
    const filled = this.#bytes + ((nowMs - this.#filledAtMs) * BYTES_PER_SECOND) / 1000;
    this.#bytes = Math.min(BURST_BYTES, filled) - sizeBytes;
    this.#filledAtMs = nowMs;
    this.#isOver = this.#bytes < 0;
    return !this.#isOver;
  }
}
