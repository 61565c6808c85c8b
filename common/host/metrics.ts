import type { Meter } from '../base/ports.ts';

/**
 * Counters by name.
 *
 * BOUNDED: by the names that are written in the code; none comes from the wire.
 */
export class CountingMeter implements Meter {
  readonly #counts = new Map<string, number>();

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /** What was counted so far, by name in alphabetical order. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
