import type { Instant } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import type { SimLink } from './link.ts';

const RETRANSMIT_FIRST_MS = 200;
const RETRANSMIT_LAST_MS = 5_000;
/** A connection on which nothing arrives for so long is given up (Linux: about 15 minutes). */
const GIVE_UP_MS = 900_000;

interface Packet {
  readonly sizeBytes: number;
  readonly arrive: () => void;
  readonly isReset: boolean;
  due: Instant;
  /** It has been through the receiving host's line. */
  admitted: boolean;
}

/**
 * What TCP makes of one direction of a link for one connection: nothing is lost and nothing overtakes. While the link
 * is cut the packets wait and are tried again, at longer and longer pauses.
 *
 * BOUNDED: by the stream's window, and its end.
 */
export class SimChannel {
  readonly #clock: Clock;
  readonly #link: SimLink;
  #packets: Packet[] = [];
  readonly #onLost: () => void;
  #lastDue = 0 as Instant;
  #stuckSince: Instant | undefined;
  #cancel: (() => void) | undefined;
  #retryMs = RETRANSMIT_FIRST_MS;

  constructor(options: { readonly clock: Clock; readonly link: SimLink; readonly onLost: () => void }) {
    this.#clock = options.clock;
    this.#link = options.link;
    this.#onLost = options.onLost;
  }

  /** Calls `arrive` on the other side, after all that was sent before. The result is when the line is free again. */
  send(sizeBytes: number, arrive: () => void): Instant {
    return this.#push({ sizeBytes, arrive, isReset: false });
  }

  /**
   * Sends a reset after all that is on the way. Whoever resets keeps no state and sends nothing again: over a cut link
   * the reset and all before it are lost.
   */
  reset(arrive: () => void): void {
    if (this.#link.isCut) this.clear();
    else this.#push({ sizeBytes: 0, arrive, isReset: true });
  }

  /** Loses all that is on the way. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#packets = [];
  }

  #push(packet: Pick<Packet, 'sizeBytes' | 'arrive' | 'isReset'>): Instant {
    const departs = this.#link.depart(packet.sizeBytes);
    this.#lastDue = Math.max(this.#lastDue, after(departs, this.#link.transitMs())) as Instant;
    this.#packets.push({ ...packet, due: this.#lastDue, admitted: false });
    if (this.#packets.length === 1) this.#await(this.#lastDue);
    return departs;
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
      packet.due = this.#link.to.down.reserve(packet.sizeBytes, now);
      if (packet.due > now) {
        this.#await(packet.due);
        return;
      }
    }
    this.#packets.shift();
    const next = this.#packets[0];
    if (next === undefined) this.#cancel = undefined;
    else this.#await(next.due);
    packet.arrive();
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
