import type { Meter } from '../base/ports.ts';

/**
 * Counters by name.
 *
 * BOUNDED: by the names that are written in the code; none comes from the wire.
 */
export class CountingMeter implements Meter {
  readonly #counts = new Map<string, { total: number }>();

  count(name: string, by = 1): void {
    const count = this.#counts.get(name);
    if (count === undefined) this.#counts.set(name, { total: by });
    else count.total += by;
  }

  /** What was counted so far, by name in alphabetical order. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#counts].map(([name, { total }]) => [name, total] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }
}
