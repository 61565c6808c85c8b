import type { Instant } from '../base/ids.ts';

/** Parts that the window is counted in: the sum is off by at most one of them. */
const PARTS = 20;

/**
 * How many bytes went by lately: a sum over a window that slides with the time.
 *
 * BOUNDED: by PARTS numbers.
 */
export class RecentBytes {
  readonly #partMs: number;
  readonly #parts = new Float64Array(PARTS);
  /** Of the window's newest part, counted from the beginning of time. */
  #newest = Number.NEGATIVE_INFINITY;
  #sum = 0;

  constructor(options: { readonly windowMs: number }) {
    this.#partMs = options.windowMs / PARTS;
  }

  add(bytes: number, now: Instant): void {
    this.#slide(now);
    this.#parts[modulo(this.#newest)]! += bytes;
    this.#sum += bytes;
  }

  sum(now: Instant): number {
    this.#slide(now);
    return this.#sum;
  }

  #slide(now: Instant): void {
    const part = Math.floor(now / this.#partMs);
    const passed = Math.min(PARTS, part - this.#newest);
    if (passed <= 0) return;
    for (let i = part - passed + 1; i <= part; i++) {
      this.#sum -= this.#parts[modulo(i)]!;
      this.#parts[modulo(i)] = 0;
    }
    this.#newest = part;
  }
}

const modulo = (part: number): number => ((part % PARTS) + PARTS) % PARTS;
