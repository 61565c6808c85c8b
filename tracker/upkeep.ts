import type { Instant } from '../common/base/ids.ts';
import { after, NEVER } from '../common/base/ids.ts';
import type { Clock, Log, Meter } from '../common/base/ports.ts';
import type { Clerk } from './clerk.ts';

const REPORT_INTERVAL_MS = 60_000;

/** What was counted since the last report, and the name of the counter that is never reset. */
interface Tally {
  readonly counter: string;
  count: number;
}

/**
 * What a server does besides answering: it counts what became of requests, reports that once a minute, and sweeps.
 * Holds a single wake-up for both; two servers of one clerk may each have their own.
 */
export class Upkeep {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #meter: Meter;
  readonly #clerk: Pick<Clerk, 'nextDue' | 'sweep' | 'size'>;
  /** By outcome. BOUNDED: by the fixed names of outcomes. */
  readonly #tallies = new Map<string, Tally>();
  /** What was counted last, since mostly the next is the same. */
  #lastOutcome = '';
  #lastTally: Tally | undefined;
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
    if (this.#lastTally === undefined || outcome !== this.#lastOutcome) {
      this.#lastTally = this.#tallies.get(outcome) ?? this.#openTally(outcome);
      this.#lastOutcome = outcome;
    }
    this.#lastTally.count++;
    this.#meter.count(this.#lastTally.counter);
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

  #openTally(outcome: string): Tally {
    const tally = { counter: `tracker_${outcome}`, count: 0 };
    this.#tallies.set(outcome, tally);
    return tally;
  }

  #report(message: string): void {
    const counts: Record<string, number> = {};
    for (const [outcome, tally] of this.#tallies) counts[outcome] = tally.count;
    this.#tallies.clear();
    this.#lastTally = undefined;
    this.#log.debug(message, { ...this.#clerk.size, ...counts });
  }
}
