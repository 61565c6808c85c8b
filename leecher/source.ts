import type { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, NEVER, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { MIN_CRAWL_BYTES_PER_SECOND, MIN_SOURCE_BYTES_PER_SECOND, REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import { Rate } from './rate.ts';
import { backoffMs } from './retry.ts';
import { emptyRun, type Runner } from './runs.ts';

/** Failures in a row, without a piece at a decent pace between them, after which a source is on probation. */
const STRIKES_BEFORE_PROBATION = 2;
/** Each strike halves the pace that is asked for, this often at most: a slow source that is alone gets through. */
const MAX_PATIENCE = 5;
/** What is queued at a source may come at this fraction of the pace it has shown before it counts as forgotten. */
const EXPECTED_PACE = 1 / 8;
/** One that is faster than this many times the pace of another may be given what that one has begun. */
const MUCH_FASTER = 2;

export type Failure =
  | 'corrupt' /* the bytes are not the piece */
  | 'rejected' /* the source said no */
  | 'stalled' /* overdue */
  | 'gone' /* the connection went */
  | 'choked'; /* the source withdrew its permission to ask */

/** What a source has done. Bytes are whole verified pieces; `receivedBytes` is all that came, wasted or not. */
export interface SourceReport {
  readonly pieces: number;
  readonly bytes: number;
  readonly receivedBytes: number;
  readonly corrupt: number;
  readonly rejected: number;
  readonly stalled: number;
  /** Mean over the time in which it had something to deliver. */
  readonly ratePerSecond: number;
}

export class Tally implements SourceReport {
  pieces = 0;
  bytes = 0;
  corrupt = 0;
  rejected = 0;
  stalled = 0;
  readonly #rate: Rate;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  get receivedBytes(): number {
    return this.#rate.receivedBytes;
  }

  get ratePerSecond(): number {
    return Math.round(this.#rate.meanPerSecond);
  }
}

/** One piece under way from one source. */
export interface Flight {
  readonly piece: PieceIndex;
  readonly source: Source;
  readonly sizeBytes: number;
  /** The source's how-manieth flight it is. */
  readonly ordinal: number;
  readonly launchedAt: Instant;
  dueAt: Instant;
  /** Bytes of it that came. */
  receivedBytes: number;
  /** When the first of them came. */
  begunAt: Instant;
  /** All bytes are here and are being checked or written. */
  hasArrived: boolean;
}

/** Who may pass on pieces that are still on their way: a peer. */
export interface Passer {
  isComing(piece: PieceIndex): boolean;
  readonly passesOn: boolean;
}

const NO_PASSER: Passer = { isComing: () => false, passesOn: false };

/** One connected source as the plan sees it: its run, what it is fetching, its pace and its record. */
export class Source implements Runner {
  readonly id: number;
  /** The caller's live object. */
  readonly pieces: Bitfield;
  readonly #passer: Passer;
  readonly run = emptyRun();
  readonly rate = new Rate();
  readonly report = new Tally(this.rate);
  /** What it is fetching, oldest first. BOUNDED: by how often the driver asks `next`, which its buffers bound. */
  readonly flights = new Map<PieceIndex, Flight>();
  /** Pieces it failed and must leave alone for now, or for good. BOUNDED: by the pieces that failed. */
  readonly paused = new Set<PieceIndex>();
  /** Nothing is free that it may take, and it has looked: true until something changes for it. */
  isDry = false;
  /** `Runs.releases` when it found nothing to adopt. */
  releasesSeen = -1;
  /** It holds no needed piece before this one. */
  usefulFrom = 0;
  /** Until then nobody takes away what it was given first: each source that is there at the start has its part. */
  headStartUntil: Instant = instant(0);
  /** Until then an offender rests. */
  restUntil: Instant = instant(0);
  /** When it may be given, in a swarm, what waits at others. */
  relievesFrom: Instant = instant(0);
  /** The piece that it has just come to hold, if that waits at another and should rather come from here. */
  freshPiece: PieceIndex | undefined;
  #strikes = 0;
  #launches = 0;
  #launchesAtStrike = 0;
  #queuedBytes = 0;
  #silentAt: Instant = NEVER;
  /** When bytes came last. */
  #heardAt: Instant = instant(0);
  /** Of the latest flight of which anything came: what was asked for before it and has not come is forgotten. */
  #heardOrdinal = 0;
  /** Bytes that came since its pace was last looked at, or since it was last idle; and when that was. */
  #crawledBytes = 0;
  #crawlsSince: Instant = instant(0);

  constructor(id: number, pieces: Bitfield, passer: Passer = NO_PASSER) {
    this.id = id;
    this.pieces = pieces;
    this.#passer = passer;
  }

  /** It has not delivered yet, and has had little time to. */
  isStarting(now: Instant): boolean {
    return now < this.headStartUntil && this.report.pieces === 0;
  }

  /** It gets one piece at a time, and no work that others would do. */
  get isOnProbation(): boolean {
    return this.#strikes >= STRIKES_BEFORE_PROBATION;
  }

  /** It has delivered, and not failed again and again since. */
  get isProven(): boolean {
    return this.report.pieces > 0 && !this.isOnProbation;
  }

  /** When all it fetches is overdue: it has been silent, or too slow for too long. */
  get silentAt(): Instant {
    return this.#silentAt;
  }

  /** Of `pieces`: the first part of it is there, and the rest is on its way. */
  isComing(piece: PieceIndex): boolean {
    return this.#passer.isComing(piece);
  }

  /** What it gives can be passed on before it is whole. */
  get passesOn(): boolean {
    return this.#passer.passesOn;
  }

  mayTake(piece: PieceIndex): boolean {
    return this.pieces.has(piece) && !this.paused.has(piece);
  }

  /** It came to hold needed pieces, none before this one. */
  mayHold(piece: number): void {
    this.isDry = false;
    this.releasesSeen = -1;
    this.usefulFrom = Math.min(this.usefulFrom, piece);
  }

  /** How many flights it has had: the ordinal of the latest. */
  get launches(): number {
    return this.#launches;
  }

  /** Notes a new flight; the result is when that one is overdue even if others keep coming. */
  launched(sizeBytes: number, now: Instant): Instant {
    this.#launches++;
    if (this.flights.size === 0) {
      this.rate.begin(now);
      this.#silentAt = after(now, REQUEST_TIMEOUT_MS);
      this.#crawlsFrom(now);
    }
    this.#queuedBytes += sizeBytes;
    return this.#dueAt(now);
  }

  /** When all that is queued must be here. */
  #dueAt(now: Instant): Instant {
    const pace = Math.max(this.#leastPace, this.rate.perSecond(now, 0) * EXPECTED_PACE);
    return after(now, REQUEST_TIMEOUT_MS + (this.#queuedBytes * 1000) / pace);
  }

  /** Notes that a flight ended, in whatever way; it is no longer in `flights`. */
  landed(sizeBytes: number, now: Instant): void {
    this.#queuedBytes -= sizeBytes;
    if (this.flights.size > 0) return;
    this.rate.end(now);
    this.#silentAt = NEVER;
  }

  /**
   * Bytes arrived. Each buys the time it may take at the least pace, and no more than the timeout can be saved up: so
   * one that fell silent is found after the timeout, and one that sends a byte a second hardly later.
   */
  progressed(bytes: number, now: Instant): void {
    if (this.flights.size === 0) return;
    this.rate.add(bytes, now);
    this.#heardAt = now;
    this.#crawledBytes += bytes;
    const bought = after(this.#silentAt, (bytes * 1000) / this.#leastPace);
    this.#silentAt = instant(Math.min(bought, after(now, REQUEST_TIMEOUT_MS)));
  }

  /** Bytes of this flight arrived, and `progressed` was told of them. */
  heard(flight: Flight, bytes: number, now: Instant): void {
    if (flight.receivedBytes === 0) flight.begunAt = now;
    flight.receivedBytes += bytes;
    if (flight.ordinal > this.#heardOrdinal) this.#heardOrdinal = flight.ordinal;
  }

  /** It said something lately. */
  #isHeard(now: Instant): boolean {
    return now < after(this.#heardAt, REQUEST_TIMEOUT_MS);
  }

  /** An overdue flight is still on its way: bytes keep coming, its own or those of what was asked for before it. */
  isBringing(flight: Flight, now: Instant): boolean {
    const elapsedMs = now - this.#crawlsSince;
    const isMoving = this.#crawledBytes * 1000 >= elapsedMs * MIN_CRAWL_BYTES_PER_SECOND;
    return (isMoving || elapsedMs < REQUEST_TIMEOUT_MS) && this.#isHeard(now) && flight.ordinal >= this.#heardOrdinal;
  }

  /** It delivers at present, and much faster than the other. */
  isMuchFasterThan(other: Source, now: Instant): boolean {
    if (!this.rate.isKnown || !this.#isHeard(now)) return false;
    return this.rate.perSecond(now, 0) > MUCH_FASTER * other.rate.perSecond(now, 0);
  }

  /** An overdue flight goes on all the same: as if it were asked for again now, which is a strike. */
  bearWith(flight: Flight, now: Instant): void {
    if (now >= this.#silentAt) {
      this.#strikes++;
      this.#silentAt = after(this.#heardAt, REQUEST_TIMEOUT_MS);
      if (now - this.#crawlsSince >= REQUEST_TIMEOUT_MS) this.#crawlsFrom(now);
    }
    flight.dueAt = this.#dueAt(now);
  }

  #crawlsFrom(now: Instant): void {
    this.#crawledBytes = 0;
    this.#crawlsSince = now;
  }

  /** A stalled or rejected flight counts once for all that were under way at the time. */
  strike(flight: Flight, now: Instant): void {
    if (flight.ordinal <= this.#launchesAtStrike) return;
    this.#strikes++;
    this.#launchesAtStrike = this.#launches;
    if (this.isOnProbation) this.restUntil = after(now, backoffMs(this.#strikes - STRIKES_BEFORE_PROBATION));
  }

  /** A piece came right: all is forgiven to one that keeps a decent pace. */
  delivered(sizeBytes: number, now: Instant): void {
    this.report.pieces++;
    this.report.bytes += sizeBytes;
    if (this.rate.perSecond(now, MIN_SOURCE_BYTES_PER_SECOND) >= MIN_SOURCE_BYTES_PER_SECOND) this.#strikes = 0;
  }

  get #leastPace(): number {
    return MIN_SOURCE_BYTES_PER_SECOND / 2 ** Math.min(this.#strikes, MAX_PATIENCE);
  }
}
