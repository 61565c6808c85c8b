import { performance } from 'node:perf_hooks';
import type { Instant } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';

/** `setTimeout` turns a longer delay into 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The monotonic clock of this process. Its wake-ups keep the process alive until they come or are cancelled. */
export class HostClock implements Clock {
  readonly #aheadMs: number;

  /** Each thread begins at 0 by itself; with the `startMs` of another one's clock it goes as that one does. */
  constructor(options: { readonly startMs?: number } = {}) {
    this.#aheadMs = options.startMs === undefined ? 0 : ownStartMs() - options.startMs;
  }

  /** When it stood at 0, in milliseconds of a clock that all threads see. */
  get startMs(): number {
    return ownStartMs() - this.#aheadMs;
  }

  now(): Instant {
    return (performance.now() + this.#aheadMs) as Instant;
  }

  at(when: Instant, wake: () => void): () => void {
    if (Number.isNaN(when)) throw new Error('a wake-up was asked for at no time at all');
    if (when === Number.POSITIVE_INFINITY) return () => {};
    const due = when - this.#aheadMs;
    let timer = setTimeout(check, delayUntil(due));
    // Timers have whole milliseconds and may come a fraction early, so the clock itself is asked.
    function check(): void {
      if (performance.now() >= due) wake();
      else timer = setTimeout(check, delayUntil(due));
    }
    return () => clearTimeout(timer);
  }
}

const delayUntil = (due: number): number => Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(due - performance.now())));

const ownStartMs = (): number => Number(process.hrtime.bigint()) / 1e6 - performance.now();
