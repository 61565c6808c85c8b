import { after, type Endpoint } from '../base/ids.ts';
import {
  END_TIMEOUT_MS,
  SEND_BUFFER_HIGH_BYTES,
  SEND_BUFFER_LOW_BYTES,
  THROTTLE_QUEUE_MS,
  THROTTLE_SLICE_BYTES,
} from '../base/limits.ts';
import type { CloseCause, Clock, TcpHandler, TcpPort } from '../base/ports.ts';
import type { DownloadThrottle, ThrottledReader } from './download-throttle.ts';
import type { ThrottledSender, UploadThrottle } from './upload-throttle.ts';

export interface LimitedStreamOptions {
  readonly stream: TcpPort;
  readonly up: UploadThrottle | undefined;
  readonly down: DownloadThrottle | undefined;
  readonly clock: Clock;
}

interface Part {
  readonly bytes: Uint8Array;
  /** Of the last part of a write. */
  readonly flushed: (() => void) | undefined;
}

/**
 * A stream that sends and reads no faster than it may. What is written waits here in order, and leaves in slices; to
 * whoever fills it, it looks like a stream over a slow line.
 */
export class LimitedStream implements TcpPort, TcpHandler, ThrottledSender, ThrottledReader {
  readonly #options: LimitedStreamOptions;
  readonly #stream: TcpPort;
  /** BOUNDED: by the writer, who watches `queuedBytes`. */
  #queue: Part[] = [];
  #queueBytes = 0;
  /** Of the first part. */
  #sentOfHead = 0;
  /** Whoever wrote what will never leave is told at the end. BOUNDED: by the queue. */
  readonly #unsent: (() => void)[] = [];
  #wasAboveLowWater = false;
  #handler: TcpHandler | undefined;
  #isPaused = false;
  #isHeld = false;
  #state: 'open' | 'ending' | 'over' = 'open';
  #cancelEnd: () => void = () => undefined;

  constructor(options: LimitedStreamOptions) {
    this.#options = options;
    this.#stream = options.stream;
    options.down?.enter(this);
  }

  get local(): Endpoint {
    return this.#stream.local;
  }

  get remote(): Endpoint {
    return this.#stream.remote;
  }

  /** Above what its share of the line carries soon it says that it is full, so that what is urgent is not behind much. */
  get queuedBytes(): number {
    const queued = this.#queueBytes + this.#stream.queuedBytes;
    return this.#queueBytes < this.#roomBytes ? queued : Math.max(queued, SEND_BUFFER_HIGH_BYTES);
  }

  get mostBytesInFlight(): number {
    return this.#options.down?.mostBytesInFlight ?? Infinity;
  }

  start(handler: TcpHandler): void {
    this.#handler = handler;
    this.#stream.start(this);
  }

  write(parts: readonly Uint8Array[], flushed?: () => void): void {
    const { up } = this.#options;
    if (up === undefined || parts.length === 0 || this.#state === 'over') return this.#stream.write(parts, flushed);
    if (this.#state === 'ending') return this.#soon(flushed);
    for (const [i, bytes] of parts.entries()) {
      this.#queue.push({ bytes, flushed: i === parts.length - 1 ? flushed : undefined });
      this.#queueBytes += bytes.length;
    }
    if (this.#queueBytes > this.#lowWaterBytes) this.#wasAboveLowWater = true;
    up.enter(this);
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isHeld) this.#stream.resume();
  }

  end(): void {
    if (this.#state !== 'open') return;
    if (this.#queue.length === 0) return this.#finish();
    this.#state = 'ending';
    // What comes is thrown away, but must come: to close over unread bytes is to reset.
    this.#isPaused = false;
    if (!this.#isHeld) this.#stream.resume();
    const { clock } = this.#options;
    this.#cancelEnd = clock.at(after(clock.now(), END_TIMEOUT_MS), () => {
      this.#finish();
    });
  }

  destroy(): void {
    this.#leave();
    this.#stream.destroy();
  }

  /* ---- ThrottledSender, ThrottledReader ---- */

  send(mostBytes: number): number {
    const slices: Uint8Array[] = [];
    const flushes: (() => void)[] = [];
    let count = 0;
    while (count < mostBytes && this.#queue.length > 0) {
      const { bytes, flushed } = this.#queue[0]!;
      const slice = bytes.subarray(this.#sentOfHead, this.#sentOfHead + mostBytes - count);
      slices.push(slice);
      count += slice.length;
      this.#sentOfHead += slice.length;
      if (this.#sentOfHead < bytes.length) break;
      this.#queue.shift();
      this.#sentOfHead = 0;
      if (flushed !== undefined) flushes.push(flushed);
    }
    this.#queueBytes -= count;
    if (slices.length > 0) {
      this.#stream.write(slices, () => {
        for (const flushed of flushes) flushed();
        this.#drained();
      });
    }
    if (this.#state === 'ending' && this.#queue.length === 0) this.#finish();
    return count;
  }

  hold(): void {
    this.#isHeld = true;
    this.#stream.pause();
  }

  release(): void {
    this.#isHeld = false;
    if (!this.#isPaused) this.#stream.resume();
  }

  /* ---- TcpHandler ---- */

  onBytes(view: Uint8Array): void {
    this.#options.down?.received(this, view.length);
    if (this.#state === 'open') this.#handler!.onBytes(view);
  }

  onDrain(): void {
    if (this.#options.up === undefined) this.#handler!.onDrain();
    else this.#drained();
  }

  onClosed(cause: CloseCause): void {
    const wasEnding = this.#state === 'ending';
    this.#leave();
    for (const flushed of this.#unsent.splice(0)) flushed();
    this.#handler!.onClosed(wasEnding ? 'local' : cause);
  }

  /* ---- inside ---- */

  /** What may wait here before it counts as full. */
  get #roomBytes(): number {
    const { up } = this.#options;
    if (up === undefined) return Infinity;
    const share = (up.bytesPerSecond * THROTTLE_QUEUE_MS) / 1_000 / up.sharers;
    return Math.min(SEND_BUFFER_HIGH_BYTES, Math.max(THROTTLE_SLICE_BYTES, share));
  }

  get #lowWaterBytes(): number {
    return Math.min(SEND_BUFFER_LOW_BYTES, this.#roomBytes / 2);
  }

  #drained(): void {
    if (!this.#wasAboveLowWater || this.#state !== 'open' || this.#queueBytes > this.#lowWaterBytes) return;
    if (this.#stream.queuedBytes > SEND_BUFFER_LOW_BYTES) return;
    this.#wasAboveLowWater = false;
    this.#handler!.onDrain();
  }

  #finish(): void {
    this.#leave();
    this.#stream.end();
  }

  /** Takes part no longer. */
  #leave(): void {
    this.#state = 'over';
    this.#cancelEnd();
    this.#options.up?.leave(this);
    this.#options.down?.leave(this);
    const queue = this.#queue;
    this.#queue = [];
    this.#queueBytes = 0;
    for (const { flushed } of queue) if (flushed !== undefined) this.#unsent.push(flushed);
    // Nobody lets go of it any more.
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (!this.#isPaused) this.#stream.resume();
  }

  /** Never in the middle of what the caller does. */
  #soon(flushed: (() => void) | undefined): void {
    const { clock } = this.#options;
    if (flushed !== undefined) clock.at(clock.now(), flushed);
  }
}
