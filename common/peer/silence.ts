import { after, type Instant } from '../base/ids.ts';
import { IDLE_TIMEOUT_MS, KEEP_ALIVE_MS } from '../base/limits.ts';

/** How long each side of an open connection has said nothing, and what follows from it (BEP 3). */
export class Silence {
  #heardAt: Instant;
  #sentAt: Instant;

  constructor(now: Instant) {
    this.#heardAt = now;
    this.#sentAt = now;
  }

  get heardAt(): Instant {
    return this.#heardAt;
  }

  heard(now: Instant): void {
    this.#heardAt = now;
  }

  sent(now: Instant): void {
    this.#sentAt = now;
  }

  /** The peer has been silent for too long to be there. */
  isIdle(now: Instant): boolean {
    return now >= after(this.#heardAt, IDLE_TIMEOUT_MS);
  }

  /** We have been silent for so long that the peer may take us for dead. */
  wantsKeepAlive(now: Instant): boolean {
    return now >= after(this.#sentAt, KEEP_ALIVE_MS);
  }

  get nextDue(): Instant {
    return Math.min(after(this.#heardAt, IDLE_TIMEOUT_MS), after(this.#sentAt, KEEP_ALIVE_MS)) as Instant;
  }
}
