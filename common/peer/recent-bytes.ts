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
  /** Made when there is something to count: of many connections nothing ever is. */
  #parts: Float64Array | undefined;
  /** Of the window's newest part, counted from the beginning of time. */
  #newest = Number.NEGATIVE_INFINITY;
  /** Where that part is, and when it ends. */
  #newestAt = 0;
  #newestUntil = Number.NEGATIVE_INFINITY;
  #sum = 0;

  constructor(options: { readonly windowMs: number }) {
    this.#partMs = options.windowMs / PARTS;
  }

  add(bytes: number, now: Instant): void {
    this.#parts ??= new Float64Array(PARTS);
    this.#slide(now, this.#parts);
    this.#parts[this.#newestAt]! += bytes;
    this.#sum += bytes;
  }

  sum(now: Instant): number {
    if (this.#sum === 0 || this.#parts === undefined) return 0;
    this.#slide(now, this.#parts);
    return this.#sum;
  }

  #slide(now: Instant, parts: Float64Array): void {
    if (now < this.#newestUntil) return;
    const part = Math.floor(now / this.#partMs);
    const passed = Math.min(PARTS, part - this.#newest);
    if (passed <= 0) return;
    for (let i = part - passed + 1; i <= part; i++) {
      this.#sum -= parts[modulo(i)]!;
      parts[modulo(i)] = 0;
    }
    this.#newest = part;
    this.#newestAt = modulo(part);
    this.#newestUntil = (part + 1) * this.#partMs;
  }
}

const modulo = (part: number): number => ((part % PARTS) + PARTS) % PARTS;
