/**
 * Keeps every source busy: asks the plan what to fetch from whom, keeps blocks in flight, has each whole piece checked
 * and then written. Verify, then write: nothing that does not hash right reaches the store.
 *
 * BOUNDED: by the buffer pool, whose buffers hold the pieces that are being fetched, checked or written.
 */
import type { BufferPool } from '../common/base/buffers.ts';
import type { Instant, PieceIndex } from '../common/base/ids.ts';
import { KIB, LEAST_PART_BYTES, MAX_OUTSTANDING_BYTES, MIB } from '../common/base/limits.ts';
import type { Clock } from '../common/base/ports.ts';
import type { Geometry } from '../common/content/geometry.ts';
import type { Peer } from '../common/peer/peer.ts';
import { Fetch } from './fetch.ts';
import type { PieceKeeper } from './piece-keeper.ts';
import type { Plan } from './plan.ts';
import type { Relaying } from './relaying.ts';
import type { SourceFailure } from './source-book.ts';

export interface FetchingOptions {
  readonly plan: Plan;
  readonly geometry: Geometry;
  readonly keeper: PieceKeeper;
  readonly pool: BufferPool;
  readonly clock: Clock;
  /** Passes on what is not whole yet. */
  readonly relaying: Pick<Relaying, 'begun' | 'progressed' | 'ended'>;
  /** The piece is verified and written. */
  readonly onVerified: (piece: PieceIndex, peer: Peer) => void;
  /** A source did not deliver a piece; corrupt ones count against it. */
  readonly onFailure: (piece: PieceIndex, peer: Peer, failure: SourceFailure) => void;
  /** The store refused a verified piece. */
  readonly onStoreFailed: (error: unknown) => void;
  /** Something changed that the driver may want to look at: a piece came, or a source ran dry. */
  readonly onStep: () => void;
}

/** A connected source with what is being fetched from it. */
interface Lane {
  readonly peer: Peer;
  /** BOUNDED: by the buffer pool. */
  readonly fetches: Map<PieceIndex, Fetch>;
  /** Whose blocks are not all asked for yet. */
  asking: Fetch | undefined;
  /** Buffers for this source: kept for its `fetches`, and taken by its pieces that are being checked or written. */
  buffers: number;
  /** It would take another buffer, if there were one for it. */
  isWaiting: boolean;
  /** After a block there is nothing to ask for as long as more than this is in flight. */
  refillBytes: number;
}

/** Bytes kept in flight at a source: this much time's worth of its rate … */
const DEPTH_SECONDS = 1;
/** … and less in a swarm: what waits here cannot come from elsewhere meanwhile, and rarer pieces may turn up … */
const SWARM_DEPTH_SECONDS = 0.25;
/** … within these bounds … */
const LEAST_DEPTH_BYTES = 128 * KIB;
/** … and this before its rate is known. */
const FIRST_DEPTH_BYTES = 1 * MIB;
/** With enough in flight, blocks are asked for again when so many bytes of it have come: many in one message … */
const REFILL_BYTES = 256 * KIB;
/** … though no larger a part of what is in flight than this. */
const REFILL_PART = 1 / 8;
/** Blocks longer than this are asked of sources that are fast: a long one delays all behind it on its stream. */
const CAUTIOUS_BLOCK_BYTES = 128 * KIB;
const FAST_BYTES_PER_SECOND = 5 * MIB;
/** Nothing new is asked for while so much has come and is being checked or written, and so many pieces. */
const UNCHECKED_BYTES = 12 * MIB;
const FEWEST_UNCHECKED = 4;
/**
 * A piece that was begun is asked for as far as this at once: a source whose uploads take turns gives it in one. Not of
 * those that pass on parts, whose turn lasts for the piece however it is asked for. What is asked for cannot be had from
 * elsewhere any more: a cancel waits behind our own uploads to the same peer, for seconds where their stream lost
 * segments, and meanwhile the whole piece comes a second time.
 */
const WHOLE_PIECE_BYTES = 1 * MIB;

export class Fetching {
  readonly #options: FetchingOptions;
  /** BOUNDED: by the connections. */
  readonly #lanes = new Map<number, Lane>();
  #checking = 0;
  #fills = 0;
  /** Fetches of which nothing came yet: their buffers are kept for them in the pool, but not taken. */
  #promised = 0;
  #stopped = false;
  /** Whoever waits for the last check. BOUNDED: by the caller. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: FetchingOptions) {
    this.#options = options;
  }

  /** Pieces that are being checked or written. */
  get checking(): number {
    return this.#checking;
  }

  /** Whether anything is under way that may still become a piece. */
  get isBusy(): boolean {
    if (this.#checking > 0) return true;
    for (const lane of this.#lanes.values()) if (lane.fetches.size > 0) return true;
    return false;
  }

  add(peer: Peer): void {
    if (this.#lanes.has(peer.id) || peer.pieces === undefined) return;
    this.#lanes.set(peer.id, {
      peer,
      fetches: new Map(),
      asking: undefined,
      buffers: 0,
      isWaiting: false,
      refillBytes: Infinity,
    });
    this.#options.plan.addSource(peer.id, peer.pieces, peer);
    this.review(peer);
  }

  remove(peer: Peer): void {
    const lane = this.#lanes.get(peer.id);
    if (lane === undefined) return;
    for (const fetch of [...lane.fetches.values()]) {
      this.#drop(lane, fetch);
      this.#options.onFailure(fetch.piece, peer, 'gone');
    }
    this.#lanes.delete(peer.id);
    this.#options.plan.removeSource(peer.id, this.#now());
    this.fillAll();
  }

  /** The peer's pieces changed: tells it whether it is of interest (BEP 3), and asks if it may be asked. */
  review(peer: Peer): void {
    const lane = this.#lanes.get(peer.id);
    if (lane === undefined) return;
    // They were on their way there, and do not come (BEP 54).
    const lost = [...lane.fetches.values()].filter(({ piece }) => !peer.pieces!.has(piece));
    for (const fetch of lost) this.#fail(lane, fetch, 'gone');
    peer.setInterested(lane.fetches.size > 0 || this.#options.plan.isUseful(peer.id));
    if (lost.length > 0) this.fillAll();
    else this.#fill(lane);
  }

  choked(peer: Peer): void {
    const lane = this.#lanes.get(peer.id);
    if (lane === undefined) return;
    for (const fetch of [...lane.fetches.values()]) {
      // What was asked for before a choke is still sent, or refused, under the fast extension (BEP 6).
      if (!peer.answersWhenChoked || !fetch.isAsked) this.#fail(lane, fetch, 'choked');
    }
    this.fillAll();
  }

  blockBytes(peer: Peer, piece: PieceIndex, begin: number, offset: number, view: Uint8Array, now: Instant): void {
    const isFirst = this.#lanes.get(peer.id)?.fetches.get(piece)?.take(begin, offset, view) === true;
    this.#options.plan.progressed(peer.id, view.length, now, piece);
    if (isFirst) this.#began(peer, piece, now);
  }

  /** Who was asked for the same piece, and has not begun, is told that it is no longer wanted. */
  #began(peer: Peer, piece: PieceIndex, now: Instant): void {
    for (const id of this.#options.plan.began(piece, peer.id, now)) {
      const lane = this.#lanes.get(id);
      this.#withdraw(lane, piece);
      if (lane !== undefined) this.#fill(lane);
    }
  }

  block(peer: Peer, piece: PieceIndex, begin: number, length: number): void {
    const lane = this.#lanes.get(peer.id);
    const fetch = lane?.fetches.get(piece);
    if (lane === undefined || fetch === undefined) return;
    if (fetch.close(begin, length)) {
      lane.fetches.delete(piece);
      void this.#check(lane, fetch);
    } else this.#options.relaying.progressed(fetch);
    if (bytesInFlight(peer) <= lane.refillBytes) this.#fill(lane);
  }

  rejected(peer: Peer, piece: PieceIndex): void {
    const lane = this.#lanes.get(peer.id);
    const fetch = lane?.fetches.get(piece);
    if (lane === undefined || fetch === undefined) return;
    this.#fail(lane, fetch, peer.isChokingUs ? 'choked' : 'rejected');
    this.fillAll();
  }

  /** Takes back what is overdue and gives everybody work. */
  wake(): void {
    const late = this.#options.plan.overdue(this.#now());
    for (const { id, piece } of late) {
      const lane = this.#lanes.get(id);
      const fetch = lane?.fetches.get(piece);
      if (lane === undefined || fetch === undefined) this.#options.plan.failed(id, piece, 'stalled', this.#now());
      else this.#fail(lane, fetch, 'stalled');
    }
    this.fillAll();
  }

  /** Another source is the first each time: there may be room for one more piece only. */
  fillAll(): void {
    const lanes = [...this.#lanes.values()];
    const from = this.#fills++ % Math.max(1, lanes.length);
    for (let i = 0; i < lanes.length; i++) this.#fill(lanes[(from + i) % lanes.length]!);
  }

  /** A piece is done and its buffer free: nothing is new in that for a seed that is busy and wants no buffer. */
  #fillIdle(): void {
    const isSwarm = this.#options.plan.isSwarm;
    for (const lane of this.#lanes.values()) {
      if (isSwarm || lane.isWaiting || lane.fetches.size === 0) this.#fill(lane);
    }
  }

  /** Gives up all that is under way; pieces that are being checked are let go when they come back. */
  stop(): void {
    this.#stopped = true;
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    for (const lane of lanes) {
      for (const fetch of [...lane.fetches.values()]) this.#drop(lane, fetch);
      // Its upload slot is for others now.
      lane.peer.setInterested(false);
    }
  }

  /** After `stop`: resolves when nothing is being checked or written any more. */
  async drained(): Promise<void> {
    if (this.#checking === 0) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  /** Asks this source for blocks until enough of them are on their way. */
  #fill(lane: Lane): void {
    const { peer } = lane;
    lane.isWaiting = false;
    lane.refillBytes = Infinity;
    if (this.#stopped || peer.isChokingUs) return;
    const now = this.#now();
    const rate = this.#options.plan.paceOf(peer.id, now);
    const depthBytes = this.#depthOf(rate);
    const blockBytes =
      rate >= FAST_BYTES_PER_SECOND
        ? peer.blockBytes
        : Math.min(peer.blockBytes, peer.passesOn ? LEAST_PART_BYTES : CAUTIOUS_BLOCK_BYTES);
    const isInOne = this.#options.plan.isSwarm && !peer.passesOn;
    for (;;) {
      const wanted = lane.asking === undefined || !isInOne ? depthBytes : WHOLE_PIECE_BYTES;
      const inFlight = bytesInFlight(peer);
      if (peer.roomForRequests === 0 || inFlight >= Math.max(depthBytes, wanted)) {
        lane.refillBytes = inFlight - Math.min(REFILL_BYTES, inFlight * REFILL_PART);
        return;
      }
      lane.asking ??= this.#begin(lane, now);
      if (lane.asking === undefined) return;
      const { piece } = lane.asking;
      const block = lane.asking.ask(blockBytes);
      if (lane.asking.isAsked) lane.asking = undefined;
      if (block !== undefined) peer.request(piece, block.begin, block.length);
    }
  }

  #depthOf(rate: number): number {
    const { pool, plan } = this.#options;
    const ofRate = rate === 0 ? FIRST_DEPTH_BYTES : rate * DEPTH_SECONDS;
    const wanted = plan.isSwarm ? rate * SWARM_DEPTH_SECONDS : ofRate;
    const share = (pool.capacity * pool.sizeBytes) / (2 * Math.max(1, this.#sharers));
    return Math.max(LEAST_DEPTH_BYTES, Math.min(wanted, share, MAX_OUTSTANDING_BYTES));
  }

  /**
   * The next piece for this source, with a buffer kept for it. Each source that delivers has its share of the buffers: when
   * checking is what takes longest, whoever is asked first would otherwise get every buffer that comes free.
   */
  #begin(lane: Lane, now: Instant): Fetch | undefined {
    const { plan, pool, geometry } = this.#options;
    lane.isWaiting = true;
    const share = Math.max(1, Math.floor(pool.capacity / this.#sharers));
    if (pool.available <= this.#promised || lane.buffers >= share || this.#isBehind) return undefined;
    lane.isWaiting = false;
    const assignment = plan.hasRoom(now) ? plan.next(lane.peer.id, now) : undefined;
    if (assignment === undefined) return undefined;
    const { piece, movedFrom } = assignment;
    if (movedFrom !== undefined) this.#withdraw(this.#lanes.get(movedFrom), piece);
    const takeBuffer = (): Uint8Array => {
      this.#promised--;
      return pool.take()!;
    };
    const fetch = new Fetch({ piece, sizeBytes: geometry.pieceSize(piece), takeBuffer });
    this.#promised++;
    lane.buffers++;
    lane.fetches.set(piece, fetch);
    this.#options.relaying.begun(lane.peer, fetch, plan.paceOf(lane.peer.id, now));
    return fetch;
  }

  /** So much waits to be checked that more would only lie there, and leave the processors' caches before its turn. */
  get #isBehind(): boolean {
    const { pieceBytes } = this.#options.geometry;
    return this.#checking >= Math.max(FEWEST_UNCHECKED, UNCHECKED_BYTES / pieceBytes);
  }

  /** Sources that have buffers or want some. */
  get #sharers(): number {
    let count = 0;
    for (const { buffers, isWaiting } of this.#lanes.values()) if (buffers > 0 || isWaiting) count++;
    return count;
  }

  /** Lets go of the fetch of a piece that the plan no longer has there. */
  #withdraw(lane: Lane | undefined, piece: PieceIndex): void {
    const fetch = lane?.fetches.get(piece);
    if (lane !== undefined && fetch !== undefined) this.#drop(lane, fetch);
  }

  /** Lets go of a fetch without a word to the plan. */
  #drop(lane: Lane, fetch: Fetch): void {
    lane.fetches.delete(fetch.piece);
    if (lane.asking === fetch) lane.asking = undefined;
    for (const { begin, length } of fetch.openBlocks) lane.peer.cancel(fetch.piece, begin, length);
    this.#release(lane, fetch);
  }

  #fail(lane: Lane, fetch: Fetch, failure: SourceFailure): void {
    this.#drop(lane, fetch);
    this.#options.plan.failed(lane.peer.id, fetch.piece, failure, this.#now());
    this.#options.onFailure(fetch.piece, lane.peer, failure);
  }

  #release(lane: Lane, fetch: Fetch): void {
    const { pool, relaying } = this.#options;
    const { buffer } = fetch;
    lane.buffers--;
    if (buffer === undefined) this.#promised--;
    relaying.ended(fetch, () => {
      if (buffer !== undefined) pool.give(buffer);
    });
  }

  async #check(lane: Lane, fetch: Fetch): Promise<void> {
    const { plan, keeper } = this.#options;
    const { peer } = lane;
    const { piece } = fetch;
    plan.arrived(piece, peer.id, this.#now());
    this.#checking++;
    let isWrong = false;
    try {
      const verdict = await keeper.keep(piece, fetch.bytes, () => !this.#stopped && plan.isNeeded(piece));
      isWrong = verdict === 'wrong';
      if (!this.#stopped && verdict === 'kept') this.#kept(peer, piece);
    } catch (error) {
      if (!this.#stopped) this.#options.onStoreFailed(error);
    } finally {
      this.#release(lane, fetch);
      this.#checking--;
    }
    if (!this.#stopped) {
      if (isWrong) this.#blame(peer, piece);
      else this.#fillIdle();
      this.#options.onStep();
    } else if (this.#checking === 0) {
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** What was passed on of the piece is taken back by now, before others are asked for it: the source may be closed here. */
  #blame(peer: Peer, piece: PieceIndex): void {
    this.#options.plan.failed(peer.id, piece, 'corrupt', this.#now());
    this.#options.onFailure(piece, peer, 'corrupt');
    this.fillAll();
  }

  #kept(peer: Peer, piece: PieceIndex): void {
    const { plan, onVerified } = this.#options;
    // At the end a piece may come from two sources; one of them is enough.
    if (!plan.isNeeded(piece)) return;
    const others = plan.done(piece, peer.id, this.#now());
    // First of all it is here: whoever gets a part of it from what another was sending is not to lose that.
    onVerified(piece, peer);
    for (const id of others) this.#withdraw(this.#lanes.get(id), piece);
  }
}

const bytesInFlight = (peer: Peer): number => MAX_OUTSTANDING_BYTES - peer.roomForBytes;
