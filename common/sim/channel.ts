import { concatBytes } from '../base/bytes.ts';
import type { Instant } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { Congestion } from './congestion.ts';
import type { SimLink } from './link.ts';

const RETRANSMIT_FIRST_MS = 200;
const RETRANSMIT_LAST_MS = 5_000;
/** A connection on which nothing arrives for so long is given up (Linux: about 15 minutes). */
const GIVE_UP_MS = 900_000;

const NOTHING = new Uint8Array(0);

interface Packet {
  bytes: Uint8Array;
  readonly arrive: (bytes: Uint8Array) => void;
  readonly isReset: boolean;
  /** When it is there; of no meaning before it has left. */
  due: Instant;
  /** It has been through the receiving host's line. */
  admitted: boolean;
}

/**
 * What TCP makes of one direction of a link for one connection: nothing is lost and nothing overtakes. What was given
 * to it waits in the kernel until the packet before has left, so that the connections of a host take turns on its line.
 * While the link is cut the packets on the way wait and are tried again, at longer and longer pauses.
 *
 * BOUNDED: by the stream's window, and its end.
 */
export class SimChannel {
  readonly #clock: Clock;
  readonly #link: SimLink;
  /** In the sender's kernel. */
  #waiting: Packet[] = [];
  /** On the way. */
  #packets: Packet[] = [];
  /** Undefined where there is never too much on the way. */
  readonly #congestion: Congestion | undefined;
  readonly #onLost: () => void;
  readonly #onCut: () => void;
  /** When the line is free for the next of the waiting ones. */
  #lineFreeAt = 0 as Instant;
  #cancelDeparture: (() => void) | undefined;
  #lastDue = 0 as Instant;
  #stuckSince: Instant | undefined;
  #cancel: (() => void) | undefined;
  #retryMs = RETRANSMIT_FIRST_MS;

  constructor(options: {
    readonly clock: Clock;
    readonly link: SimLink;
    /** Nothing has got through for too long. */
    readonly onLost: () => void;
    /** By chance the connection ends here, instead of the next packet. */
    readonly onCut: () => void;
  }) {
    this.#clock = options.clock;
    this.#link = options.link;
    this.#congestion = options.link.traits.queueMs === Number.POSITIVE_INFINITY ? undefined : new Congestion();
    this.#onLost = options.onLost;
    this.#onCut = options.onCut;
  }

  /** Calls `arrive` on the other side, after all that was sent before. */
  send(bytes: Uint8Array, arrive: (bytes: Uint8Array) => void): void {
    this.#waiting.push({ bytes, arrive, isReset: false, due: this.#lastDue, admitted: false });
    if (this.#cancelDeparture === undefined) this.#departAll();
  }

  /** Something else than data, that the other side gets in its turn. */
  signal(arrive: () => void): void {
    this.send(NOTHING, arrive);
  }

  /**
   * Sends a reset after all that is on the way, instead of what has not left. Whoever resets keeps no state and sends
   * nothing again: over a cut link the reset and all before it are lost.
   */
  reset(arrive: () => void): void {
    this.drop();
    if (this.#link.isCut) this.clear();
    else this.#depart({ bytes: NOTHING, arrive, isReset: true, due: this.#lastDue, admitted: false });
  }

  /** Loses all that is on the way or waits. */
  clear(): void {
    this.drop();
    this.#cancel?.();
    this.#cancel = undefined;
    this.#packets = [];
  }

  /** Loses what has not left. */
  drop(): void {
    this.#cancelDeparture?.();
    this.#cancelDeparture = undefined;
    this.#waiting = [];
  }

  /** Sends what waits, as far as the line is free. */
  #departAll(): void {
    for (const now = this.#clock.now(); this.#waiting.length > 0 && this.#congestion?.hasRoom !== false;) {
      if (this.#lineFreeAt > now) {
        this.#cancelDeparture = this.#clock.at(this.#lineFreeAt, () => {
          this.#cancelDeparture = undefined;
          this.#departAll();
        });
        return;
      }
      const packet = this.#next();
      if (packet.bytes.length > 0 && this.#link.cutsStream()) this.#onCut();
      else this.#depart(packet);
    }
  }

  /** What leaves next: of data one segment, cut now, since the line may have become slow since it was given. */
  #next(): Packet {
    const first = this.#waiting[0]!;
    const longest = Math.min(this.#link.nextSegmentBytes(), this.#link.longestSegmentBytes);
    if (first.bytes.length > longest) {
      const { bytes, arrive, isReset, due } = first;
      first.bytes = bytes.subarray(longest);
      return { bytes: bytes.subarray(0, longest), arrive, isReset, due, admitted: false };
    }
    this.#waiting.shift();
    if (first.bytes.length > 0) this.#join(first, longest);
    return first;
  }

  /** Small parts that wait leave together: a window that opens a little at a time does not make small segments. */
  #join(packet: Packet, longest: number): void {
    const behind = this.#waiting[0];
    if (behind === undefined || behind.bytes.length === 0) return;
    const parts = [packet.bytes];
    for (let room = longest - packet.bytes.length; room > 0;) {
      const following = this.#waiting[0];
      if (following === undefined || following.bytes.length === 0) break;
      const part = following.bytes.subarray(0, room);
      following.bytes = following.bytes.subarray(room);
      if (following.bytes.length === 0) this.#waiting.shift();
      parts.push(part);
      room -= part.length;
    }
    if (parts.length > 1) packet.bytes = concatBytes(parts);
  }

  #depart(packet: Packet): void {
    this.#congestion?.sent(packet.bytes.length);
    this.#lineFreeAt = this.#link.depart(packet.bytes.length);
    this.#lastDue = Math.max(this.#lastDue, after(this.#lineFreeAt, this.#link.transitMs())) as Instant;
    packet.due = this.#lastDue;
    this.#packets.push(packet);
    if (this.#congestion !== undefined) this.#travel(packet, this.#congestion, packet.due);
    else if (this.#packets.length === 1) this.#await(this.#lastDue);
  }

  #await(when: Instant): void {
    this.#cancel = this.#clock.at(when, () => this.#onDue());
  }

  #onDue(): void {
    const now = this.#clock.now();
    const packet = this.#packets[0]!;
    if (this.#link.isCut) {
      if (this.#packets.some(({ isReset }) => isReset)) this.clear();
      else this.#retry(now);
      return;
    }
    this.#retryMs = RETRANSMIT_FIRST_MS;
    this.#stuckSince = undefined;
    if (!packet.admitted) {
      packet.admitted = true;
      packet.due = this.#link.to.down.reserve(packet.bytes.length, now);
      if (packet.due > now) {
        this.#await(packet.due);
        return;
      }
    }
    this.#packets.shift();
    const next = this.#packets[0];
    // One that is still under way, or lost, is waited for when it comes.
    if (next === undefined || (this.#congestion !== undefined && !next.admitted)) this.#cancel = undefined;
    else this.#await(next.due);
    if (this.#congestion !== undefined && packet.bytes.length > 0) {
      this.#acknowledge(packet.bytes.length, this.#congestion);
    }
    packet.arrive(packet.bytes);
  }

  /**
   * Brings it to the queue before the receiver's line. When that is full, the sender finds out after a round trip and
   * sends it again, and what came behind it waits.
   */
  #travel(packet: Packet, congestion: Congestion, until: Instant): void {
    this.#clock.at(until, () => {
      if (!this.#packets.includes(packet)) return;
      const now = this.#clock.now();
      const sizeBytes = packet.bytes.length;
      if (this.#link.isCut) return this.#travel(packet, congestion, after(now, RETRANSMIT_FIRST_MS));
      if (sizeBytes > 0 && this.#link.isQueueFull) {
        const roundTripMs = this.#link.transitMs() + this.#link.answerMs();
        congestion.lost(now, roundTripMs);
        return this.#travel(packet, congestion, after(this.#link.depart(sizeBytes), roundTripMs));
      }
      packet.admitted = true;
      packet.due = this.#link.to.down.reserve(sizeBytes, now);
      if (packet === this.#packets[0]) this.#await(packet.due);
    });
  }

  #acknowledge(sizeBytes: number, congestion: Congestion): void {
    this.#clock.at(after(this.#clock.now(), this.#link.answerMs()), () => {
      congestion.acknowledged(sizeBytes);
      if (this.#cancelDeparture === undefined) this.#departAll();
    });
  }

  #retry(now: Instant): void {
    this.#stuckSince ??= now;
    if (now - this.#stuckSince >= GIVE_UP_MS) {
      this.clear();
      this.#onLost();
      return;
    }
    this.#await(after(now, this.#retryMs));
    this.#retryMs = Math.min(RETRANSMIT_LAST_MS, 2 * this.#retryMs);
  }
}
