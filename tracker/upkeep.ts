import type { Instant } from '../common/base/ids.ts';
import { after, NEVER } from '../common/base/ids.ts';
import type { Clock, Log, LogFields, Meter } from '../common/base/ports.ts';
import type { Clerk } from './clerk.ts';

const REPORT_INTERVAL_MS = 60_000;

/**
 * What a server does besides answering: it counts what became of requests, reports that once a minute, and sweeps.
 * Holds a single wake-up for both; two servers of one clerk may each have their own.
 */
export class Upkeep {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #meter: Meter;
  readonly #clerk: Pick<Clerk, 'nextDue' | 'sweep' | 'size'>;
  /** Since the last report. BOUNDED: by the fixed names of outcomes. */
  readonly #counts = new Map<string, number>();
  #reportDue: Instant = NEVER;
  #wakeDue: Instant = NEVER;
  #cancelWake: () => void = () => {};

  constructor(options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly meter: Meter;
    readonly clerk: Pick<Clerk, 'nextDue' | 'sweep' | 'size'>;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#meter = options.meter;
    this.#clerk = options.clerk;
  }

  /** To be called for every request that was handled. */
  served(outcome: string, now: Instant): void {
    this.#meter.count(`tracker_${outcome}`);
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
    if (this.#reportDue === NEVER) this.#reportDue = after(now, REPORT_INTERVAL_MS);
    this.#schedule();
  }

  /** Reports a last time and wakes no more. */
  stop(): void {
    this.#cancelWake();
    this.#wakeDue = NEVER;
    this.#report('stopping');
  }

  #wake(): void {
    const now = this.#clock.now();
    this.#wakeDue = NEVER;
    if (this.#clerk.nextDue <= now) this.#clerk.sweep(now);
    if (this.#reportDue <= now) {
      this.#report('served');
      this.#reportDue = NEVER;
    }
    this.#schedule();
  }

  /** Moves the wake-up only when it would come too late: most requests leave it where it is. */
  #schedule(): void {
    const due = Math.min(this.#clerk.nextDue, this.#reportDue) as Instant;
    if (due >= this.#wakeDue) return;
    this.#cancelWake();
    this.#wakeDue = due;
    this.#cancelWake = this.#clock.at(due, () => this.#wake());
  }

  #report(message: string): void {
    this.#log.debug(message, { ...this.#clerk.size, ...(Object.fromEntries(this.#counts) as LogFields) });
    this.#counts.clear();
  }
}
