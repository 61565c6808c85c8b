import type { Instant } from '../base/ids.ts';

/** A read out of the system's cache is over before this, if nobody else had the processor meanwhile. */
const QUICK_MS = 1;
/** Of all time, so much may be spent waiting for a disk … */
const SHARE = 1 / 20;
/** … and so much at once, after a while without. */
const MOST_MS = 100;

/**
 * How long the event loop may still wait for a disk. A read out of the system's cache takes less time than handing it
 * to another thread does; but nobody can tell beforehand whether a file's bytes are there. So it is tried, and where
 * reads turn out to be slow, hardly any are done that way: beats and other peers wait for one of them at most.
 */
export class StallBudget {
  #leftMs = MOST_MS;
  #at: Instant | undefined;

  isLeft(now: Instant): boolean {
    this.#refill(now);
    return this.#leftMs > 0;
  }

  /** A read held the event loop up from then until now. */
  spend(from: Instant, now: Instant): void {
    const ms = now - from;
    if (ms < QUICK_MS) return;
    this.#refill(now);
    this.#leftMs -= ms;
  }

  #refill(now: Instant): void {
    this.#leftMs = Math.min(MOST_MS, this.#leftMs + (now - (this.#at ?? now)) * SHARE);
    this.#at = now;
  }
}
