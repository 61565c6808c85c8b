import { BURST_MS, THROTTLE_SLICE_BYTES, THROTTLE_WAKE_MS } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { TokenBucket } from './token-bucket.ts';

/** Somebody with bytes to send. */
export interface ThrottledSender {
  /** Sends at most so many bytes, and says how many it sent: fewer when it has no more. */
  send(mostBytes: number): number;
}

/**
 * What all streams together may send. Those with something to send take turns, a slice each, as fast as the bucket
 * fills. Holds one wake-up while somebody waits, and wakes no more than some fifty times a second.
 */
export class UploadThrottle {
  readonly bytesPerSecond: number;
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #sliceBytes: number;
  /** So much must have come together before it goes on: many tiny writes would cost more than they carry. */
  readonly #leastBytes: number;
  /** In turn. BOUNDED: by the connections. */
  readonly #waiting = new Set<ThrottledSender>();
  #isPumping = false;
  #cancelWake: (() => void) | undefined;

  constructor(options: { readonly bytesPerSecond: number; readonly clock: Clock }) {
    const { bytesPerSecond, clock } = options;
    const burst = (bytesPerSecond * BURST_MS) / 1_000;
    this.bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond, burst, now: clock.now() });
    // Hardly anything was saved up yet.
    this.#bucket.spend(burst * 0.75, clock.now());
    this.#sliceBytes = Math.max(1, Math.floor(Math.min(THROTTLE_SLICE_BYTES, burst)));
    this.#leastBytes = Math.max((bytesPerSecond * THROTTLE_WAKE_MS) / 1_000, Math.min(THROTTLE_SLICE_BYTES, burst / 2));
  }

  /** Those that wait, at least one: among so many what is sent is shared out. */
  get sharers(): number {
    return Math.max(1, this.#waiting.size);
  }

  /** It has something to send: it is asked to, now or when its turn comes. */
  enter(sender: ThrottledSender): void {
    this.#waiting.add(sender);
    if (this.#cancelWake === undefined) this.#pump();
  }

  leave(sender: ThrottledSender): void {
    this.#waiting.delete(sender);
    if (this.#waiting.size > 0) return;
    this.#cancelWake?.();
    this.#cancelWake = undefined;
  }

  #pump(): void {
    // Whoever sends may enter again by that.
    if (this.#isPumping) return;
    this.#isPumping = true;
    const now = this.#clock.now();
    let available = Math.floor(this.#bucket.available(now));
    for (let hasSent = true; hasSent && available > 0;) {
      hasSent = false;
      for (const sender of [...this.#waiting]) {
        const allowed = Math.min(available, this.#sliceBytes);
        if (allowed <= 0) break;
        this.#waiting.delete(sender);
        const sent = sender.send(allowed);
        this.#bucket.spend(sent, now);
        available -= sent;
        hasSent ||= sent > 0;
        // At the end of the line.
        if (sent === allowed) this.#waiting.add(sender);
      }
    }
    this.#isPumping = false;
    if (this.#waiting.size > 0) this.#wakeLater();
  }

  #wakeLater(): void {
    const now = this.#clock.now();
    this.#cancelWake = this.#clock.at(this.#bucket.dueFor(this.#leastBytes, now), () => {
      this.#cancelWake = undefined;
      this.#pump();
    });
  }
}
