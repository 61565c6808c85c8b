/**
 * The life of a leecher after its download: it serves the finished file until enough is sent, its time is over, or the
 * file is no longer what it was. Holds one wake-up.
 */
import { after, type Instant } from '../common/base/ids.ts';
import { SOURCE_CHECK_INTERVAL_MS } from '../common/base/limits.ts';
import type { Clock } from '../common/base/ports.ts';
import { Outcome } from './outcome.ts';
import type { SeedEnd, SeedGoal } from './seed-goal.ts';

export interface SeedingOptions {
  readonly clock: Clock;
  readonly goal: SeedGoal;
  readonly uploadedBytes: () => number;
  /** Rejects when the file is no longer what it was; asked now and then, since nobody may be reading. */
  readonly check: () => Promise<void>;
}

export class Seeding {
  readonly #options: SeedingOptions;
  readonly #outcome = new Outcome<SeedEnd>();
  #checkAt: Instant;
  #isOver = false;
  #cancelWake: () => void = () => undefined;

  constructor(options: SeedingOptions) {
    this.#options = options;
    this.#checkAt = after(options.clock.now(), SOURCE_CHECK_INTERVAL_MS);
    this.#look();
  }

  /** Resolves when the goal is reached. Rejects with the store's error when the file can be served no longer. */
  get ended(): Promise<SeedEnd> {
    return this.#outcome.promise;
  }

  fail(error: unknown): void {
    this.stop();
    this.#outcome.reject(error);
  }

  /** Watches no more; if it has not ended, it never does. */
  stop(): void {
    this.#isOver = true;
    this.#cancelWake();
  }

  #look(): void {
    const { clock, goal, uploadedBytes } = this.#options;
    const now = clock.now();
    const end = goal.reached(uploadedBytes(), now);
    if (end !== undefined) {
      this.stop();
      return this.#outcome.resolve(end);
    }
    if (now >= this.#checkAt) void this.#check();
    else this.#wakeAt(Math.min(goal.nextLook(now), this.#checkAt) as Instant);
  }

  async #check(): Promise<void> {
    const { clock, check } = this.#options;
    try {
      await check();
    } catch (error) {
      return this.fail(error);
    }
    this.#checkAt = after(clock.now(), SOURCE_CHECK_INTERVAL_MS);
    if (!this.#isOver) this.#look();
  }

  #wakeAt(due: Instant): void {
    this.#cancelWake = this.#options.clock.at(due, () => {
      this.#look();
    });
  }
}
