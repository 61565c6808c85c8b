import { after, type Instant } from '../base/ids.ts';

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
    if (this.available(now) < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  /** Tokens there are now: fewer than none where more was spent than there was. */
  available(now: Instant): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    return this.#tokens;
  }

  /** For work that is done already: what there is not, those who come next wait for. */
  spend(cost: number, now: Instant): void {
    this.available(now);
    this.#tokens -= cost;
  }

  /** When there will be so many tokens, at most a burst, if none are taken before. */
  dueFor(tokens: number, now: Instant): Instant {
    const missing = Math.min(tokens, this.#burst) - this.available(now);
    // A clock may show whole milliseconds only, and then a moment before would be too early.
    return after(now, Math.max(0, Math.ceil((missing / this.#perSecond) * 1000)));
  }
}
