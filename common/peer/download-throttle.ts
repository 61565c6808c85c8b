import { after, type Instant, instant } from '../base/ids.ts';
import { BLOCK_BYTES, BURST_MS, THROTTLE_ASK_MS, THROTTLE_WAKE_MS } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { TokenBucket } from './token-bucket.ts';

/** Somebody who gets bytes, and can be held back from reading more. */
export interface ThrottledReader {
  hold(): void;
  release(): void;
}

/** Whoever got nothing for this long is not among those that share what may come. */
const SHARER_MS = 2_000;

/**
 * What all streams together may take in. Bytes that come are there already, so they are counted afterwards: when there
 * were too many, whoever brought them is not read from until that is made up for, and its kernel tells the other side.
 * Since kernels keep megabytes for a stream that nobody reads, no more is asked for than comes in a part of a second.
 * Holds one wake-up while somebody is held back.
 */
export class DownloadThrottle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  readonly #bucket: TokenBucket;
  /** BOUNDED: by the connections. */
  readonly #held = new Set<ThrottledReader>();
  /** When each last got something. BOUNDED: by the connections. */
  readonly #readers = new Map<ThrottledReader, Instant>();
  #share = 0;
  #shareUntil = instant(Number.NEGATIVE_INFINITY);
  #cancelWake: (() => void) | undefined;

  constructor(options: { readonly bytesPerSecond: number; readonly clock: Clock }) {
    const { bytesPerSecond, clock } = options;
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    const burst = (bytesPerSecond * BURST_MS) / 1_000;
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond, burst, now: clock.now() });
    // Hardly anything was saved up yet.
    this.#bucket.spend(burst * 0.75, clock.now());
  }

  /** How much one of those who bring something may be asked for at a time, at least a block. */
  get mostBytesInFlight(): number {
    const now = this.#clock.now();
    if (now >= this.#shareUntil) {
      this.#share = this.#shareAt(now);
      this.#shareUntil = after(now, SHARER_MS / 4);
    }
    return this.#share;
  }

  /** From now on it may get something. */
  enter(reader: ThrottledReader): void {
    this.#readers.set(reader, instant(Number.NEGATIVE_INFINITY));
  }

  leave(reader: ThrottledReader): void {
    this.#readers.delete(reader);
    this.#held.delete(reader);
    if (this.#held.size > 0) return;
    this.#cancelWake?.();
    this.#cancelWake = undefined;
  }

  received(reader: ThrottledReader, count: number): void {
    const now = this.#clock.now();
    this.#readers.set(reader, now);
    this.#bucket.spend(count, now);
    if (this.#bucket.available(now) >= 0) return;
    this.#held.add(reader);
    reader.hold();
    // Not for every segment: what comes together meanwhile is read at once.
    const least = (this.#bytesPerSecond * THROTTLE_WAKE_MS) / 1_000;
    this.#cancelWake ??= this.#clock.at(this.#bucket.dueFor(least, now), () => {
      this.#cancelWake = undefined;
      const held = [...this.#held];
      this.#held.clear();
      for (const one of held) one.release();
    });
  }

  #shareAt(now: Instant): number {
    let sharers = 0;
    for (const at of this.#readers.values()) if (now - at < SHARER_MS) sharers++;
    // Nobody brought anything yet: all may.
    if (sharers === 0) sharers = Math.max(1, this.#readers.size);
    return Math.max(BLOCK_BYTES, (this.#bytesPerSecond * THROTTLE_ASK_MS) / 1_000 / sharers);
  }
}
