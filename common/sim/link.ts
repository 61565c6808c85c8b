import type { Instant } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import { KIB } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import type { SeededRandom } from './random.ts';

/** How the network behaves in one direction between two hosts. */
export interface LinkTraits {
  readonly latencyMs: number;
  /** Added to the latency, evenly from 0 to this, anew for each packet: datagrams overtake each other by it. */
  readonly jitterMs: number;
  /** Stream bytes of all connections together; Infinity for no limit. Datagrams are too small to count. */
  readonly bytesPerSecond: number;
  /** Probabilities, for each datagram. */
  readonly datagramLoss: number;
  readonly datagramDoubling: number;
  /** Longest piece a byte stream is cut into. */
  readonly segmentBytes: number;
  /** Segments are of any length up to the longest, every eighth or so a few bytes only; otherwise as long as can be. */
  readonly cutsAtRandom: boolean;
  /** Bytes of one stream in the sender's kernel, on the way, or unread; what is beyond waits with the sender. */
  readonly windowBytes: number;
  /**
   * What waits for the receiver's line at most, as time of the line; what comes when so much waits is lost, and sent again.
   * With Infinity nothing is lost, and there is no slow start either: each stream is as fast as its window lets it be.
   */
  readonly queueMs: number;
  /** Probability, for each segment, that the connection is reset instead. */
  readonly segmentReset: number;
  /** Probability that a dial is refused or never answered. */
  readonly dialFailure: number;
}

/** A good local network on which nothing fails. */
export const CALM: LinkTraits = {
  latencyMs: 1,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  datagramLoss: 0,
  datagramDoubling: 0,
  segmentBytes: 64 * KIB,
  cutsAtRandom: true,
  windowBytes: 256 * KIB,
  queueMs: Number.POSITIVE_INFINITY,
  segmentReset: 0,
  dialFailure: 0,
};

/** A line that carries one thing after the other. */
export class Lane {
  bytesPerSecond = Number.POSITIVE_INFINITY;
  /** Stream bytes that it was taken for. */
  carriedBytes = 0;
  #freeAt = 0;

  /** How long something that comes now has to wait. */
  waitMs(now: Instant): number {
    return Math.max(0, this.#freeAt - now);
  }

  /** When the last of these bytes has left, if the first could leave at `from`. */
  reserve(sizeBytes: number, from: Instant): Instant {
    this.carriedBytes += sizeBytes;
    const start = Math.max(from, this.#freeAt) as Instant;
    const end = after(start, (sizeBytes * 1000) / this.bytesPerSecond);
    this.#freeAt = end;
    return end;
  }
}

/** A host as a link knows it. */
export interface LinkEnd {
  readonly up: Lane;
  readonly down: Lane;
  readonly plugged: boolean;
}

/** One direction between two hosts. */
export class SimLink {
  readonly from: LinkEnd;
  readonly to: LinkEnd;
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #lane = new Lane();
  #traits: LinkTraits;
  #cut = false;
  /** Stream bytes that have left by this link. */
  carriedBytes = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly random: SeededRandom;
    readonly traits: LinkTraits;
    readonly from: LinkEnd;
    readonly to: LinkEnd;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.from = options.from;
    this.to = options.to;
    this.#traits = options.traits;
    this.#lane.bytesPerSecond = options.traits.bytesPerSecond;
  }

  get traits(): LinkTraits {
    return this.#traits;
  }

  /** Changes how it behaves from now on. */
  change(traits: Partial<LinkTraits>): void {
    this.#traits = { ...this.#traits, ...traits };
    this.#lane.bytesPerSecond = this.#traits.bytesPerSecond;
  }

  /** Nothing arrives any more: datagrams are lost, streams hang. */
  cut(): void {
    this.#cut = true;
  }

  heal(): void {
    this.#cut = false;
  }

  get isCut(): boolean {
    return this.#cut || !this.from.plugged || !this.to.plugged;
  }

  /** When the last of these stream bytes has left the sender's machine and entered the network. */
  depart(sizeBytes: number): Instant {
    this.carriedBytes += sizeBytes;
    return this.#lane.reserve(sizeBytes, this.from.up.reserve(sizeBytes, this.#clock.now()));
  }

  /** How long one packet is on its way. */
  transitMs(): number {
    const { latencyMs, jitterMs } = this.#traits;
    return jitterMs > 0 ? latencyMs + jitterMs * this.#random.fraction() : latencyMs;
  }

  /** Whether what comes now finds the queue before the receiver's line full. */
  get isQueueFull(): boolean {
    return this.to.down.waitMs(this.#clock.now()) > this.#traits.queueMs;
  }

  /** Until the sender hears that something has arrived now: the word waits in the queue of the receiver's own line. */
  answerMs(): number {
    return this.#traits.latencyMs + this.to.up.waitMs(this.#clock.now());
  }

  /** What one segment of a stream holds at most. */
  nextSegmentBytes(): number {
    const { segmentBytes, cutsAtRandom } = this.#traits;
    if (!cutsAtRandom) return segmentBytes;
    return 1 + this.#random.below(this.#random.below(8) === 0 ? 32 : segmentBytes);
  }

  /** Whether the connection is reset instead of the next segment. */
  cutsStream(): boolean {
    return this.#random.chance(this.#traits.segmentReset);
  }

  /** What leaves at once, now: a slow line takes little at a time. */
  get longestSegmentBytes(): number {
    const rate = Math.min(this.#traits.bytesPerSecond, this.from.up.bytesPerSecond, this.to.down.bytesPerSecond);
    return Math.max(1, Math.floor(rate * LONGEST_SEGMENT_S));
  }
}

/** No segment holds the line for longer, so a changed rate is felt soon and streams share fairly. */
const LONGEST_SEGMENT_S = 0.05;
