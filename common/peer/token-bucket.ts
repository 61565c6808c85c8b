import type { Instant } from '../base/ids.ts';

/** Lets work worth `perSecond` tokens pass on average and `burst` at once. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: Instant;

  constructor(options: { readonly perSecond: number; readonly burst: number; readonly now: Instant }) {
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#filledAt = options.now;
  }

  /** Whether work worth so many tokens may pass now; it is counted if so. What costs more than a burst never passes. */
  take(cost: number, now: Instant): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }
}
