import { performance } from 'node:perf_hooks';
import type { Instant } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';

/** `setTimeout` turns a longer delay into 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The monotonic clock of this process. Its wake-ups keep the process alive until they come or are cancelled. */
export class HostClock implements Clock {
  now(): Instant {
    return performance.now() as Instant;
  }

  at(when: Instant, wake: () => void): () => void {
    if (Number.isNaN(when)) throw new Error('a wake-up was asked for at no time at all');
    if (when === Number.POSITIVE_INFINITY) return () => {};
    let timer = setTimeout(check, delayUntil(when));
    // Timers have whole milliseconds and may come a fraction early, so the clock itself is asked.
    function check(): void {
      if (performance.now() >= when) wake();
      else timer = setTimeout(check, delayUntil(when));
    }
    return () => clearTimeout(timer);
  }
}

const delayUntil = (when: Instant): number =>
  Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(when - performance.now())));
