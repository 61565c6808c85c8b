/**
 * THE heart of the leecher: which piece is fetched from whom, now. A rule: no I/O, no timers, no promises. This file
 * keeps the books of what is needed, under way, failed and due; `picker.ts` is the picking strategy among seeds,
 * `swarm-picker.ts` that among sources which do not hold all yet.
 *
 * To consider when changing anything here:
 *
 *  - The needed pieces are split over ALL sources at the start, each source with its own contiguous run, so that a
 *    disk is read in order and every seeder works. The split is a start, not a contract (`runs`).
 *  - Among sources that hold the same, chance decides who gets which run: leechers that start together then hold
 *    different pieces and can serve each other.
 *  - Sources may hold a part only (`--chunks`, leechers), and come to hold more.
 *  - A source that is ready early, or comes late, takes over the tail of the run that would end last, in proportion
 *    to the two paces. While it still has work of its own it takes only what makes both end sooner: otherwise the
 *    first to be asked, which is asked for several pieces at once, would strip the others before they began.
 *  - What failed, or was under way at a source that left, goes first: bad news should come early, and to another
 *    source. What was left of a run at such a source becomes common and is adopted in one stretch.
 *  - A piece that came corrupt never goes to that source again. When all holders gave it corrupt it is hopeless: the
 *    driver ends the download and names it.
 *  - One piece comes from one source, so that blame is exact; several at once only at the end.
 *  - Every source that is there at the start is used: for a moment nobody takes the first piece of another away, however
 *    fast he is. Only for a moment, since a source that is very slow must not hold up the end.
 *  - Endgame: a source with nothing to do and nothing free to take joins the fetch of the piece that is expected last.
 *    At most ENDGAME_SOURCES fetch a piece; nobody joins one that is fully here.
 *  - All of those may be liars that give nothing, others each time. One that has delivered (`isProven`) joins them as one
 *    more, unless one of them has delivered too, or what it sends is here before it would be given up as silent.
 *  - A source that is silent, or slower than MIN_SOURCE_BYTES_PER_SECOND, loses what it has under way. If it does so
 *    again it is on probation: one piece at a time, after a rest, and nothing that others would do. It is not given
 *    up: it may be the last holder. For the same reason each failure halves the pace that is asked of it.
 *  - Bytes that came slowly came all the same, and what a slow line has in its buffers comes whether it is still wanted
 *    or not. What is overdue and still coming stays where it is unless another source delivers much faster; whoever
 *    has nothing to do may join it. So the fastest source of a piece always gets through with it.
 *  - Nothing is forgotten: a needed piece is untouched (`runs`), returned, or under way (`flights`), and exactly one
 *    of the three. A source that may take a free piece and has nothing to do never goes away empty-handed.
 *  - 2^21 pieces and hundreds of sources: nothing here is linear in pieces for each decision. Each walk over bits
 *    either ends in a stretch that is worked off piece by piece, or is remembered as in vain (`isDry`, `releasesSeen`).
 *
 * In a swarm, from the first source on that is getting its pieces itself, or shows them one by one:
 *
 *  - What is fetched must be worth passing on: of what a source holds, the piece that fewest hold, so first what it
 *    alone has. Chance decides among equals, or all that start together would fetch the same.
 *  - A source's uplink is for many. A request may wait for its turn there for seconds; that is no stall before
 *    REQUEST_TIMEOUT_MS. So little is asked ahead (`Fetching`), for what waits here cannot come from elsewhere, and
 *    each source is asked for something, so that whoever has a turn for us has something to send.
 *  - Few pieces come in at once (`Intake`): each is here sooner, and can be passed on sooner.
 *  - What waits behind other pieces, or has waited for long, moves to a source that is idle and holds it.
 *  - Each byte that comes twice is one that somebody else needed. No piece is under way twice before all are; then, what
 *    has not begun is asked of a second source, and whoever begins is left alone with it.
 *  - Haves come by the thousand a second: each costs one count and a place on the shelf of its source (`Rarest`).
 */
import { Bitfield } from '../common/base/bitfield.ts';
import { after, NEVER, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { HEAD_START_MS } from '../common/base/limits.ts';
import type { Random } from '../common/base/ports.ts';
import { Flights } from './flights.ts';
import { firstCommon } from './overlap.ts';
import { missingOf, type PieceRange } from './missing.ts';
import { Picker } from './picker.ts';
import { Retries } from './retry.ts';
import { type Failure, type Flight, type Passer, Source, type SourceReport } from './source.ts';

/** So long a source that is idle in a swarm waits before it is looked again whether others are late. */
const LOOK_AGAIN_MS = 250;

/** What a source should fetch now. */
export interface Assignment {
  readonly piece: PieceIndex;
  /** Another source is fetching it too: whichever comes first ends the other. */
  readonly isDuplicate: boolean;
  /** It waited at that source, which should be told that it is no longer wanted. */
  readonly movedFrom?: number;
}

export interface PlanOptions {
  readonly pieceCount: number;
  readonly sizeOf: (piece: PieceIndex) => number;
  /** Verified already. Copied. */
  readonly have: Bitfield;
  readonly random: Random;
}

/**
 * Feed it what happens; ask `next` for every source that has room whenever something happened, and at `nextDue`,
 * after `overdue`. Unknown sources and flights that are over are ignored, so that late news does no harm.
 */
export class Plan {
  readonly #sizeOf: (piece: PieceIndex) => number;
  readonly #random: Random;
  readonly #needed: Bitfield;
  readonly #picker: Picker;
  readonly #flights = new Flights();
  readonly #retries = new Retries();
  /** BOUNDED: by the driver's connections. */
  readonly #sources = new Map<number, Source>();
  #hasStarted = false;
  /** Not after the earliest due time or end of a rest; found anew by `overdue`. */
  #wakeAt: Instant = NEVER;

  constructor(options: PlanOptions) {
    this.#sizeOf = options.sizeOf;
    this.#random = options.random;
    this.#needed = new Bitfield(options.pieceCount);
    for (let piece = 0; piece < options.pieceCount; piece++) {
      if (!options.have.has(piece as PieceIndex)) this.#needed.add(piece as PieceIndex);
    }
    this.#picker = new Picker({ needed: this.#needed, sources: this.#sources, flights: this.#flights });
  }

  get isComplete(): boolean {
    return this.#needed.count === 0;
  }

  /** How many pieces are not yet verified and written. */
  get remaining(): number {
    return this.#needed.count;
  }

  isNeeded(piece: PieceIndex): boolean {
    return this.#needed.has(piece);
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /**
   * `pieces` stays the caller's and may grow: tell `sourceGained` or `sourceChanged`. `id` must never come again.
   * `passer` tells which of them it does not have whole yet, and gives as they come.
   */
  addSource(id: number, pieces: Bitfield, passer?: Passer): void {
    const source = new Source(id, pieces, passer);
    this.#sources.set(id, source);
    this.#picker.add(source);
  }

  /**
   * What it had goes back at once, but for pieces that have fully arrived: of those `done` or `failed` is still
   * expected. The report goes on counting them.
   */
  removeSource(id: number, now: Instant): SourceReport | undefined {
    const source = this.#sources.get(id);
    if (source === undefined) return undefined;
    this.#sources.delete(id);
    this.#picker.remove(source);
    for (const flight of source.flights.values()) {
      if (this.#flights.land(flight, now)) this.#picker.giveBack(flight.piece);
    }
    return source.report;
  }

  /** It holds one more piece. */
  sourceGained(id: number, piece: PieceIndex): void {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    this.#picker.gained(source, piece);
    if (this.#needed.has(piece)) source.mayHold(piece);
  }

  /** Any number of its pieces came or went. */
  sourceChanged(id: number): void {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    this.#picker.changed(source);
    source.mayHold(0);
  }

  /**
   * Some sources do not hold all yet: from now on pieces are picked to be passed on, the rarest first, and no longer in
   * contiguous shares. There is no way back.
   */
  becomeSwarm(): void {
    this.#picker.becomeSwarm(this.#random);
  }

  get isSwarm(): boolean {
    return this.#picker.isSwarm;
  }

  /**
   * Splits the needed pieces over the sources there are. Before that `next` gives nothing. For HEAD_START_MS from `now`
   * on the first piece of each stays its own; without `now` whoever is faster takes all.
   */
  start(now?: Instant): void {
    if (this.#hasStarted) throw new Error('the plan was started twice');
    this.#hasStarted = true;
    if (now !== undefined) this.#giveHeadStart(after(now, HEAD_START_MS));
    const sources = [...this.#sources.values()];
    for (let i = sources.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1);
      [sources[i], sources[j]] = [sources[j]!, sources[i]!];
    }
    this.#picker.divide(sources);
  }

  #giveHeadStart(until: Instant): void {
    for (const source of this.#sources.values()) source.headStartUntil = until;
    this.#wakeBy(until);
  }

  /** Whether to ask for one more piece now, so that few come in at once (`Intake`). `next` does not look at it. */
  hasRoom(now: Instant): boolean {
    const hasRoom = this.#picker.hasRoom(now);
    if (!hasRoom) this.#wakeBy(after(now, LOOK_AGAIN_MS));
    return hasRoom;
  }

  /** What this source should fetch now, beside what it is fetching; undefined when there is nothing for it. */
  next(id: number, now: Instant): Assignment | undefined {
    const source = this.#sources.get(id);
    if (source === undefined || !this.#hasStarted) return undefined;
    this.#endPauses(now);
    const pick = this.#picker.pick(source, now);
    if (pick === undefined) {
      // What is not late at another source may be soon.
      if (this.isSwarm && source.flights.size === 0 && this.#flights.count > 0) this.#wakeBy(after(now, LOOK_AGAIN_MS));
      return undefined;
    }
    const { piece, from } = pick;
    if (from !== undefined) this.#flights.land(from.flights.get(piece)!, now);
    const isDuplicate = this.#flights.has(piece);
    const flight = this.#flights.launch(source, piece, this.#sizeOf(piece), now);
    this.#wakeBy(source.silentAt);
    this.#wakeBy(flight.dueAt);
    return { piece, isDuplicate, ...(from === undefined ? {} : { movedFrom: from.id }) };
  }

  /** Bytes of any of its pieces arrived; `piece` names it where it is known. */
  progressed(id: number, bytes: number, now: Instant, piece?: PieceIndex): void {
    const source = this.#sources.get(id);
    source?.progressed(bytes, now);
    this.#picker.received(bytes);
    const flight = piece === undefined ? undefined : source?.flights.get(piece);
    if (flight !== undefined) source!.heard(flight, bytes, now);
  }

  /**
   * The first bytes of the piece arrived from this source, and `progressed` was told of them. In a swarm nobody else is
   * asked for it then: the result is the sources that have not begun to send it, which should be told so.
   */
  began(piece: PieceIndex, id: number, now: Instant): readonly number[] {
    if (!this.isSwarm || this.#flights.countOf(piece) < 2 || this.#flights.find(piece, id) === undefined) return [];
    return this.#flights.landWaiting(piece, now).map(({ source }) => source.id);
  }

  /** All bytes are here and are being checked: no longer overdue, not to be duplicated. */
  arrived(piece: PieceIndex, id: number, now: Instant): void {
    const flight = this.#flights.find(piece, id);
    if (flight !== undefined) this.#flights.arrived(flight, now);
  }

  /** Verified and written. The result: the other sources that are fetching it, which should be told to stop. */
  done(piece: PieceIndex, id: number, now: Instant): readonly number[] {
    if (!this.#needed.remove(piece)) return [];
    const flights = this.#flights.landAll(piece, now);
    const source = flights.find((flight) => flight.source.id === id)?.source ?? this.#sources.get(id);
    source?.delivered(this.#sizeOf(piece), now);
    this.#picker.forget(piece);
    if (this.#retries.forget(piece)) for (const other of this.#sources.values()) other.paused.delete(piece);
    return flights.filter((flight) => flight.source.id !== id && !flight.hasArrived).map((flight) => flight.source.id);
  }

  /** It will not come from this source, for this time or, when corrupt, ever. */
  failed(id: number, piece: PieceIndex, cause: Failure, now: Instant): void {
    const flight = this.#flights.find(piece, id);
    const source = flight?.source ?? this.#sources.get(id);
    // Corrupt bytes count even if they come after the flight was given up.
    if (source === undefined || (flight === undefined && cause !== 'corrupt')) return;
    const isFree = flight !== undefined && this.#flights.land(flight, now);
    if (cause === 'corrupt' || cause === 'rejected' || cause === 'stalled') {
      source.report[cause]++;
      if (this.#needed.has(piece)) this.#pause(source, piece, cause === 'corrupt', now);
    }
    // A choke is no offence, but one that chokes again and again and gives nothing in between must not be asked at the
    // pace at which it says so: each of its words would cost us a request for all that may be under way.
    if (flight !== undefined && cause !== 'corrupt' && cause !== 'gone') source.strike(flight, now);
    if (source.restUntil > now) this.#wakeBy(source.restUntil);
    if (isFree) this.#picker.giveBack(piece);
  }

  /** What is past its due time, told once: the driver must cancel each and call `failed(…, 'stalled')`. */
  overdue(now: Instant): readonly { readonly id: number; readonly piece: PieceIndex }[] {
    if (now < this.nextDue) return [];
    this.#endPauses(now);
    const late: { id: number; piece: PieceIndex }[] = [];
    this.#wakeAt = NEVER;
    for (const source of this.#sources.values()) {
      if (source.restUntil > now) this.#wakeBy(source.restUntil);
      if (source.isStarting(now)) this.#wakeBy(source.headStartUntil);
      const { silentAt } = source;
      for (const flight of source.flights.values()) {
        const isLate = now >= Math.min(flight.dueAt, silentAt);
        if (isLate && !this.#isBestOff(flight, now)) {
          late.push({ id: source.id, piece: flight.piece });
          continue;
        }
        if (isLate) source.bearWith(flight, now);
        this.#wakeBy(Math.min(flight.dueAt, source.silentAt) as Instant);
      }
    }
    return late;
  }

  /** What is overdue comes all the same, and nobody else would bring it sooner. */
  #isBestOff(flight: Flight, now: Instant): boolean {
    const { source, piece } = flight;
    if (!source.isBringing(flight, now)) return false;
    for (const other of this.#sources.values()) {
      if (other !== source && other.mayTake(piece) && other.isMuchFasterThan(source, now)) return false;
    }
    return true;
  }

  /**
   * When to call `overdue` and then ask `next` for all: not after the earliest due time, end of a pause or of a rest.
   * It may be early, since due times move as bytes come; `overdue` then moves it on.
   */
  get nextDue(): Instant {
    return this.#wakeAt < this.#retries.nextAt ? this.#wakeAt : this.#retries.nextAt;
  }

  /** Whether it holds a piece that is needed and that it has not spoilt: whether to be interested in it (BEP 3). */
  isUseful(id: number): boolean {
    const source = this.#sources.get(id);
    if (source === undefined) return false;
    const { size } = this.#needed;
    let piece = firstCommon(this.#needed, source.pieces, source.usefulFrom, size);
    source.usefulFrom = piece < 0 ? size : piece;
    while (piece >= 0 && this.#retries.isBlamed(piece as PieceIndex, id)) {
      piece = firstCommon(this.#needed, source.pieces, piece + 1, size);
    }
    return piece >= 0;
  }

  /** The needed pieces that no present source holds. BOUNDED: by half the pieces, rounded up. */
  missing(): readonly PieceRange[] {
    return missingOf(this.#needed, this.#sources.values(), (piece) => this.#flights.has(piece));
  }

  /**
   * The pieces that came corrupt and that no present source can still give, in order. A source that comes later
   * might; how long to wait for one is the driver's to decide.
   */
  hopeless(): readonly PieceIndex[] {
    const pieces: PieceIndex[] = [];
    for (const piece of this.#retries.corrupted()) {
      if (!this.#flights.has(piece) && !this.#isHeldByHonest(piece)) pieces.push(piece);
    }
    return pieces.sort((a, b) => a - b);
  }

  /** Who gave this piece corrupt, some perhaps gone. Empty once it has come right. */
  blamed(piece: PieceIndex): readonly number[] {
    return this.#retries.blamed(piece);
  }

  /** A live object; `removeSource` gives it too. */
  report(id: number): SourceReport | undefined {
    return this.#sources.get(id)?.report;
  }

  /** Bytes per second as of now, while it has something to deliver; 0 as long as nothing is known. */
  paceOf(id: number, now: Instant): number {
    return this.#sources.get(id)?.rate.perSecond(now, 0) ?? 0;
  }

  /** It failed this piece. */
  #pause(source: Source, piece: PieceIndex, forGood: boolean, now: Instant): void {
    source.paused.add(piece);
    if (forGood) this.#retries.blame(piece, source.id);
    let othersLeft = false;
    for (const other of this.#sources.values()) othersLeft ||= other !== source && other.mayTake(piece);
    this.#retries.failed(piece, othersLeft, now);
  }

  #endPauses(now: Instant): void {
    if (now < this.#retries.nextAt) return;
    for (const piece of this.#retries.ended(now)) {
      for (const source of this.#sources.values()) {
        if (this.#retries.isBlamed(piece, source.id) || !source.paused.delete(piece)) continue;
        source.isDry = false;
      }
    }
  }

  #isHeldByHonest(piece: PieceIndex): boolean {
    for (const source of this.#sources.values()) {
      if (source.pieces.has(piece) && !this.#retries.isBlamed(piece, source.id)) return true;
    }
    return false;
  }

  #wakeBy(when: Instant): void {
    if (when < this.#wakeAt) this.#wakeAt = when;
  }
}
