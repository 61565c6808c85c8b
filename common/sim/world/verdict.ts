import type { Clock } from '../../base/ports.ts';

/** At most so many events are kept to be shown with a failure. */
const KEPT_EVENTS = 60;
/** One is enough to fail; a few more may help. */
const KEPT_BREACHES = 10;

/**
 * What must never be and was seen all the same. Whoever watches tells it here; the world looks after every step, since
 * an error that is thrown inside a program may be caught by the program.
 *
 * BOUNDED: by KEPT_EVENTS and KEPT_BREACHES.
 */
export class Verdict {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #onEvent: ((line: string) => void) | undefined;
  readonly #events: string[] = [];
  readonly #breaches: string[] = [];

  constructor(options: {
    readonly clock: Clock;
    /** Told of every event as it happens. */
    readonly onEvent: ((line: string) => void) | undefined;
  }) {
    this.#clock = options.clock;
    this.#startedAt = options.clock.now();
    this.#onEvent = options.onEvent;
  }

  get isBroken(): boolean {
    return this.#breaches.length > 0;
  }

  /** Something happened. */
  note(who: string, what: string): void {
    const line = `${this.#time()} ${who.padEnd(10)} ${what}`;
    this.#onEvent?.(line);
    if (this.#events.push(line) > KEPT_EVENTS) this.#events.shift();
  }

  /** Something happened that must not. */
  breach(who: string, what: string): void {
    this.note(who, `BREACH: ${what}`);
    if (this.#breaches.length < KEPT_BREACHES) this.#breaches.push(`${this.#time()} ${who}: ${what}`);
  }

  /** Throws when something must not have happened. */
  enforce(): void {
    if (this.isBroken) throw new Error(this.#breaches.join('\n'));
  }

  /** The latest events, for whoever has to find out. */
  get story(): string {
    return this.#events.join('\n');
  }

  #time(): string {
    return `${((this.#clock.now() - this.#startedAt) / 1000).toFixed(3).padStart(10)}s`;
  }
}
