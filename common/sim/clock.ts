import type { Instant } from '../base/ids.ts';
import { after, NEVER } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { EventQueue } from './event-queue.ts';
import { Pauses } from './pauses.ts';

/** Steps at one instant after which time stands still: programs that answer each other without delay, for ever. */
const MOST_STEPS_AT_ONCE = 500_000;

/**
 * Time that passes only when the scenario says so. Between two events every promise that can go on has gone on, so
 * what happens depends on nothing but the events and their order: the same seed gives the same run.
 */
export class VirtualClock implements Clock {
  readonly #events = new EventQueue();
  readonly #pauses = new Pauses();
  #now: Instant;
  #stepsAtOnce = 0;
  #running = false;

  constructor(options: { readonly startAt: Instant }) {
    this.#now = options.startAt;
  }

  now(): Instant {
    return this.#now;
  }

  at(when: Instant, wake: () => void): () => void {
    if (Number.isNaN(when)) throw new Error('a wake-up was asked for at no time at all');
    if (when === NEVER) return () => {};
    const event = this.#events.add(when < this.#now ? this.#now : when, wake);
    return () => this.#events.cancel(event);
  }

  /** Wake-ups that are still to come: zero when every driver has put its own away. */
  get pending(): number {
    return this.#events.size;
  }

  /** Lets `durationMs` pass. Rejects with what a wake-up throws. */
  runFor(durationMs: number): Promise<void> {
    return this.runUntil(after(this.#now, durationMs));
  }

  /** Lets time pass until `when`, events at that very instant included. */
  runUntil(when: Instant): Promise<void> {
    return this.#exclusively(async () => {
      await this.#settle();
      while (await this.#step(when));
      if (when > this.#now) this.#now = when;
    });
  }

  /** Lets time pass until the condition holds; false when it does not within `limitMs`, or nothing will ever happen. */
  runUntilTrue(condition: () => boolean, limitMs: number): Promise<boolean> {
    const limit = after(this.#now, limitMs);
    return this.#exclusively(async () => {
      await this.#settle();
      while (!condition() && (await this.#step(limit)));
      return condition();
    });
  }

  /** Lets time pass until the promise settles, and gives its outcome. Rejects when it does not within `limitMs`. */
  async run<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => (settled = true));
    // Its rejection is for the caller below, also when time runs out first.
    watched.catch(() => {});
    if (!(await this.runUntilTrue(() => settled, limitMs))) {
      throw new Error(`nothing came of it within ${limitMs} ms of virtual time`);
    }
    return watched;
  }

  /** Runs the next event that is due by `limit`, and all that promises make of it. False when there is none. */
  async #step(limit: Instant): Promise<boolean> {
    const next = this.#events.peek();
    if (next === undefined || next.when > limit) return false;
    this.#events.take();
    this.#stepsAtOnce = next.when > this.#now ? 0 : this.#stepsAtOnce + 1;
    if (this.#stepsAtOnce > MOST_STEPS_AT_ONCE) throw new Error('time stands still for all that happens');
    this.#now = next.when;
    const wake = next.run!;
    next.run = undefined;
    wake();
    await this.#settle();
    return true;
  }

  /** Between two of these no promise can go on any more, however long the chain. */
  #settle(): Promise<void> {
    return this.#pauses.next();
  }

  async #exclusively<T>(body: () => Promise<T>): Promise<T> {
    if (this.#running) throw new Error('virtual time is run from two places at once');
    this.#running = true;
    try {
      return await body();
    } finally {
      this.#running = false;
    }
  }
}
