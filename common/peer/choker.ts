/**
 * Who may ask us for blocks (BEP 3). To consider when changing anything here:
 *
 *  - With a free slot, whoever is interested is unchoked at once: stock clients do so, and a leecher's first block
 *    waits for it. With few peers all are served, and the order among them is the upload turns' matter (`turns.ts`).
 *  - While we fetch, the slots go to those that gave us most of late: tit for tat. One slot in OPTIMISTIC_SHARE goes by
 *    chance, for one optimistic interval each, so that better partners are found and a newcomer can earn something to
 *    give; whoever has just come is three times as likely to be drawn.
 *  - While we only serve, the slots go round by need: at each turn those served longest make room for those that
 *    waited longest.
 *  - Who wants nothing takes no slot; the caller tells interest, and knows seeds and those that only upload.
 *  - A slot is worth something only if its holder is served soon: the number follows from the uplink (`slotsFor`).
 */
import { after, type Instant } from '../base/ids.ts';
import { CHOKE_INTERVAL_MS, MAX_MEASURED_SLOTS, MIN_MEASURED_SLOTS, OPTIMISTIC_INTERVAL_MS } from '../base/limits.ts';
import type { Random } from '../base/ports.ts';

/** How a user wants it. */
export interface ChokeTerms {
  readonly slots: number | 'measured';
  /** Between two turns. */
  readonly intervalMs: number;
  /** How long one that was drawn by chance keeps its slot. */
  readonly optimisticIntervalMs: number;
}

export const USUAL_CHOKE_TERMS: ChokeTerms = {
  slots: 'measured',
  intervalMs: CHOKE_INTERVAL_MS,
  optimisticIntervalMs: OPTIMISTIC_INTERVAL_MS,
};

/** A connection as the choker sees it. */
export interface Chokable {
  readonly id: number;
  /** It wants something that we have. */
  readonly isInterested: boolean;
  readonly isChoked: boolean;
  /** What it gave us of late. */
  readonly receivedBytes: number;
}

export interface ChokeDecision {
  readonly choke: readonly number[];
  readonly unchoke: readonly number[];
}

/** How it stands with us. */
export interface ChokeFacts {
  readonly slots: number;
  /** We fetch nothing, so nobody earns anything. */
  readonly isServingOnly: boolean;
}

/** Part of the slots that change hands at a turn while we only serve. */
const TURNOVER = 4;
/** One slot in so many goes by chance. */
const OPTIMISTIC_SHARE = 5;
/** Tickets of a newcomer in the draw (BEP 3), and how long it is one. */
const NEWCOMER_TICKETS = 3;
const NEWCOMER_MS = 60_000;
/** Nobody who holds a slot should wait longer than this for a piece. */
const LONGEST_WAIT_S = 10;

/** How many can be served so that none waits too long; as many as there may be while the uplink is unknown. */
export function slotsFor(uplinkBytesPerSecond: number, pieceBytes: number): number {
  if (uplinkBytesPerSecond === 0) return MAX_MEASURED_SLOTS;
  const pieces = Math.floor((uplinkBytesPerSecond * LONGEST_WAIT_S) / pieceBytes);
  return Math.min(MAX_MEASURED_SLOTS, Math.max(MIN_MEASURED_SLOTS, pieces));
}

interface Acquaintance {
  readonly metAt: Instant;
  /** When it was last choked or unchoked. */
  since: Instant;
}

export class Choker {
  readonly #terms: ChokeTerms;
  readonly #random: Random;
  /** BOUNDED: by the connections; `forget` removes. */
  readonly #known = new Map<number, Acquaintance>();
  /** Those that were drawn. BOUNDED: by the slots. */
  readonly #drawn = new Set<number>();
  #turnAt: Instant;
  #drawAt: Instant;

  constructor(options: { readonly terms: ChokeTerms; readonly random: Random; readonly now: Instant }) {
    this.#terms = options.terms;
    this.#random = options.random;
    this.#turnAt = options.now;
    this.#drawAt = options.now;
  }

  /** When slots change hands, if someone waits. */
  get nextDue(): Instant {
    return after(this.#turnAt, this.#terms.intervalMs);
  }

  forget(id: number): void {
    this.#known.delete(id);
    this.#drawn.delete(id);
  }

  /** What should change now. Cheap enough to be asked whenever interest changes or a peer comes or goes. */
  decide(peers: readonly Chokable[], facts: ChokeFacts, now: Instant): ChokeDecision {
    for (const { id } of peers) if (!this.#known.has(id)) this.#known.set(id, { metAt: now, since: now });
    const wanting = peers.filter((peer) => peer.isInterested);
    const served = this.#served(wanting, facts, now);
    const choke = peers.filter((peer) => !peer.isChoked && !served.has(peer.id)).map((peer) => peer.id);
    const unchoke = wanting.filter((peer) => peer.isChoked && served.has(peer.id)).map((peer) => peer.id);
    for (const id of [...choke, ...unchoke]) this.#known.get(id)!.since = now;
    return { choke, unchoke };
  }

  /** Who has a slot from now on. */
  #served(wanting: readonly Chokable[], { slots, isServingOnly }: ChokeFacts, now: Instant): ReadonlySet<number> {
    const isTurn = now >= this.nextDue;
    if (isTurn) this.#turnAt = now;
    if (wanting.length <= slots) return new Set(wanting.map((peer) => peer.id));
    const byNeed = wanting.toSorted((a, b) => this.#sinceOf(a) - this.#sinceOf(b) || a.id - b.id);
    const serving = byNeed.filter((peer) => !peer.isChoked);
    const waiting = byNeed.filter((peer) => peer.isChoked);
    if (!isTurn) return ids([...serving.slice(-slots), ...waiting], slots);
    if (!isServingOnly) return this.#byMerit([...waiting, ...serving], slots, now);
    const handOver = Math.max(serving.length - slots, Math.min(waiting.length, Math.ceil(slots / TURNOVER)));
    return ids([...serving.slice(handOver), ...waiting, ...serving.slice(0, handOver)], slots);
  }

  /** Those that gave most, and some by chance. Among equals those that wait go first, so that all get their chance. */
  #byMerit(inOrder: readonly Chokable[], slots: number, now: Instant): ReadonlySet<number> {
    const ranked = inOrder.toSorted((a, b) => b.receivedBytes - a.receivedBytes);
    const byChance = slots < 2 ? 0 : Math.ceil(slots / OPTIMISTIC_SHARE);
    const served = ids(ranked, slots - byChance);
    const others = ranked.filter((peer) => !served.has(peer.id));
    this.#draw(others, byChance, now);
    for (const id of this.#drawn) served.add(id);
    return served;
  }

  /** Keeps those drawn before, for as long as their interval lasts, and draws for the places that are free. */
  #draw(from: readonly Chokable[], count: number, now: Instant): void {
    const present = new Set(from.map((peer) => peer.id));
    const isOver = now >= after(this.#drawAt, this.#terms.optimisticIntervalMs);
    if (isOver) this.#drawAt = now;
    const kept = [...this.#drawn].filter((id) => present.has(id) && !isOver).slice(0, count);
    // Whoever had its chance goes to the end of the queue: someone else is drawn, if there is someone.
    const fresh = from.filter((peer) => !this.#drawn.has(peer.id));
    const again = from.filter((peer) => this.#drawn.has(peer.id) && !kept.includes(peer.id));
    this.#drawn.clear();
    for (const id of kept) this.#drawn.add(id);
    for (const urn of [fresh, again]) {
      const left = [...urn];
      while (this.#drawn.size < count && left.length > 0) this.#drawn.add(this.#pull(left, now));
    }
  }

  #pull(from: Chokable[], now: Instant): number {
    const tickets = from.map(({ id }) => (now - this.#known.get(id)!.metAt < NEWCOMER_MS ? NEWCOMER_TICKETS : 1));
    let ticket = this.#random.below(tickets.reduce((sum, count) => sum + count, 0));
    const at = tickets.findIndex((count) => (ticket -= count) < 0);
    return from.splice(at, 1)[0]!.id;
  }

  #sinceOf({ id }: Chokable): Instant {
    return this.#known.get(id)!.since;
  }
}

/** The first so many of them. */
const ids = (peers: readonly Chokable[], most: number): Set<number> =>
  new Set(peers.slice(0, Math.max(0, most)).map((peer) => peer.id));
