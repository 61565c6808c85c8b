import type { Instant } from '../common/base/ids.ts';

/** Bytes are gathered this long before they count as one sample: blocks come in bursts. */
const SAMPLE_MS = 250;
/** A sample this old weighs 1/e of a new one. */
const MEMORY_MS = 5_000;

/**
 * How fast a source delivers while it has something to deliver: a moving average over time, in which the first
 * samples weigh as much as they last, and in which a silence counts as it goes on.
 */
export class Rate {
  #average = 0;
  /** How much of `#average` is measured: 0 at first, towards 1. */
  #weight = 0;
  #sampleBytes = 0;
  /** Busy time of the sample before `#since`. */
  #sampleMs = 0;
  #since: Instant | undefined;
  #totalBytes = 0;
  #totalMs = 0;

  /** The source has something to deliver from now on. */
  begin(now: Instant): void {
    this.#since ??= now;
  }

  /** The source has nothing more to deliver: what follows is not its silence. */
  end(now: Instant): void {
    this.#sampleMs = this.#elapsed(now);
    this.#since = undefined;
    this.#fold();
  }

  add(bytes: number, now: Instant): void {
    this.#sampleBytes += bytes;
    this.#sampleMs = this.#elapsed(now);
    if (this.#since !== undefined) this.#since = now;
    this.#fold();
  }

  /** Bytes per second as of now. `assumed` stands for a source that nothing is known of, and fades in its silence. */
  perSecond(now: Instant, assumed: number): number {
    const elapsedMs = this.#elapsed(now);
    const measured = this.#weight > 0 ? this.#average / this.#weight : assumed;
    if (elapsedMs < SAMPLE_MS) return measured;
    const sample = (this.#sampleBytes * 1000) / elapsedMs;
    if (this.#weight === 0 && this.#sampleBytes > 0) return sample;
    const kept = Math.exp(-elapsedMs / MEMORY_MS);
    return measured * kept + sample * (1 - kept);
  }

  get isKnown(): boolean {
    return this.#weight > 0;
  }

  get receivedBytes(): number {
    return this.#totalBytes + this.#sampleBytes;
  }

  /** Bytes per second over all the time it had something to deliver. */
  get meanPerSecond(): number {
    const busyMs = this.#totalMs + this.#sampleMs;
    return busyMs === 0 ? 0 : (this.receivedBytes * 1000) / busyMs;
  }

  #elapsed(now: Instant): number {
    return this.#sampleMs + (this.#since === undefined ? 0 : now - this.#since);
  }

  #fold(): void {
    if (this.#sampleMs < SAMPLE_MS) return;
    const kept = Math.exp(-this.#sampleMs / MEMORY_MS);
    this.#average = this.#average * kept + ((this.#sampleBytes * 1000) / this.#sampleMs) * (1 - kept);
    this.#weight = this.#weight * kept + (1 - kept);
    this.#totalBytes += this.#sampleBytes;
    this.#totalMs += this.#sampleMs;
    this.#sampleBytes = 0;
    this.#sampleMs = 0;
  }
}
