import type { Clock, LogFields } from '../../base/ports.ts';

/** At most so many events are kept to be shown with a failure. */
const KEPT_EVENTS = 60;
/** One is enough to fail; a few more may help. */
const KEPT_BREACHES = 10;

interface KeptEvent {
  readonly at: number;
  readonly who: string;
  readonly what: string;
  readonly fields: LogFields | undefined;
}

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
  readonly #events: KeptEvent[] = [];
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

  /** Something happened. It is put in words only for who reads them: most of what happens, nobody does. */
  note(who: string, what: string, fields?: LogFields): void {
    const event = { at: this.#clock.now(), who, what, fields };
    this.#onEvent?.(this.#lineOf(event));
    if (this.#events.push(event) > KEPT_EVENTS) this.#events.shift();
  }

  /** Something happened that must not. */
  breach(who: string, what: string): void {
    this.note(who, `BREACH: ${what}`);
    if (this.#breaches.length < KEPT_BREACHES) this.#breaches.push(`${this.#time(this.#clock.now())} ${who}: ${what}`);
  }

  /** Throws when something must not have happened. */
  enforce(): void {
    if (this.isBroken) throw new Error(this.#breaches.join('\n'));
  }

  /** The latest events, for whoever has to find out. */
  get story(): string {
    return this.#events.map((event) => this.#lineOf(event)).join('\n');
  }

  #lineOf({ at, who, what, fields }: KeptEvent): string {
    const details = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${String(value)}`);
    return `${this.#time(at)} ${who.padEnd(10)} ${[what, ...details].join(' ')}`;
  }

  #time(at: number): string {
    return `${((at - this.#startedAt) / 1000).toFixed(3).padStart(10)}s`;
  }
}
