/**
 * Who may ask us for blocks. With a free slot, whoever is interested is unchoked at once: stock clients do so, and a
 * leecher's first block waits for it. When more are interested than there are slots, the slots go round: at each turn
 * those served longest make room for those that waited longest.
 */
import type { Instant } from '../base/ids.ts';
import { CHOKE_INTERVAL_MS } from '../base/limits.ts';

/** A connection as the choker sees it. */
export interface Chokable {
  readonly id: number;
  readonly isInterested: boolean;
  readonly isChoked: boolean;
}

export interface ChokeDecision {
  readonly choke: readonly number[];
  readonly unchoke: readonly number[];
}

/** Part of the slots that change hands at a turn. */
const TURNOVER = 4;

export class Choker {
  readonly #slots: number;
  /** When each peer was last choked or unchoked. BOUNDED: by the connections; `forget` removes. */
  readonly #since = new Map<number, Instant>();
  #turnAt: Instant;

  constructor(options: { readonly slots: number; readonly now: Instant }) {
    this.#slots = options.slots;
    this.#turnAt = options.now;
  }

  get nextDue(): Instant {
    return (this.#turnAt + CHOKE_INTERVAL_MS) as Instant;
  }

  forget(id: number): void {
    this.#since.delete(id);
  }

  /** What should change now. Cheap enough to be asked whenever interest changes or a peer comes or goes. */
  decide(peers: readonly Chokable[], now: Instant): ChokeDecision {
    const choke: number[] = [];
    const serving = peers.filter((peer) => !peer.isChoked && peer.isInterested);
    for (const peer of peers) if (!peer.isChoked && !peer.isInterested) choke.push(peer.id);
    const waiting = peers.filter((peer) => peer.isChoked && peer.isInterested);
    const byTime = (a: Chokable, b: Chokable): number =>
      this.#sinceOf(a.id, now) - this.#sinceOf(b.id, now) || a.id - b.id;
    waiting.sort(byTime);

    let free = Math.max(0, this.#slots - serving.length);
    if (now >= this.nextDue) {
      this.#turnAt = now;
      const handOver = Math.min(Math.max(0, waiting.length - free), Math.ceil(this.#slots / TURNOVER), serving.length);
      serving.sort(byTime);
      for (const peer of serving.slice(0, handOver)) choke.push(peer.id);
      free += handOver;
    }
    const unchoke = waiting.slice(0, free).map((peer) => peer.id);
    for (const id of [...choke, ...unchoke]) this.#since.set(id, now);
    return { choke, unchoke };
  }

  #sinceOf(id: number, now: Instant): Instant {
    const since = this.#since.get(id);
    if (since !== undefined) return since;
    this.#since.set(id, now);
    return now;
  }
}
