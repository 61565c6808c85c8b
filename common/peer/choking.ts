/** Gives and takes the upload slots of one swarm, whenever something changes and at each turn while someone waits. */
import type { Instant } from '../base/ids.ts';
import { DEFAULT_PIECE_BYTES } from '../base/limits.ts';
import type { Clock, Random } from '../base/ports.ts';
import { type Chokable, Choker, type ChokeTerms, slotsFor } from './choker.ts';
import type { Connection } from './connection.ts';

export interface ChokingOptions {
  readonly terms: ChokeTerms;
  readonly clock: Clock;
  readonly random: Random;
  readonly connections: () => readonly Connection[];
  /** We fetch nothing. */
  readonly isServingOnly: () => boolean;
  /** Bytes per second; 0 while that is unknown. */
  readonly uplink: () => number;
  /** Undefined while the content is unknown. */
  readonly pieceBytes: () => number | undefined;
}

export class Choking {
  readonly #options: ChokingOptions;
  readonly #choker: Choker;
  #cancelTurn: () => void = () => undefined;
  #isStopped = false;

  constructor(options: ChokingOptions) {
    this.#options = options;
    const { terms, random, clock } = options;
    this.#choker = new Choker({ terms, random, now: clock.now() });
  }

  forget(id: number): void {
    this.#choker.forget(id);
  }

  /** Nobody is choked or unchoked any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTurn();
  }

  reconsider(): void {
    if (this.#isStopped) return;
    const { clock, connections, isServingOnly } = this.#options;
    const now = clock.now();
    const all = connections();
    const peers = all.map((connection) => chokable(connection, now));
    const facts = { slots: this.#slots, isServingOnly: isServingOnly() };
    const { choke, unchoke } = this.#choker.decide(peers, facts, now);
    if (choke.length + unchoke.length > 0) {
      const byId = new Map(all.map((connection) => [connection.id, connection]));
      for (const id of choke) byId.get(id)?.service.choke();
      for (const id of unchoke) byId.get(id)?.service.unchoke();
    }
    this.#cancelTurn();
    const someoneWaits = all.some((connection) => connection.wantsSlot && connection.isChoked);
    if (!someoneWaits) return;
    this.#cancelTurn = clock.at(this.#choker.nextDue, () => {
      this.reconsider();
    });
  }

  get #slots(): number {
    const { terms, uplink, pieceBytes } = this.#options;
    return terms.slots !== 'measured' ? terms.slots : slotsFor(uplink(), pieceBytes() ?? DEFAULT_PIECE_BYTES);
  }
}

const chokable = (connection: Connection, now: Instant): Chokable => ({
  id: connection.id,
  isInterested: connection.wantsSlot,
  isChoked: connection.isChoked,
  receivedBytes: connection.dealings.received.sum(now),
});
