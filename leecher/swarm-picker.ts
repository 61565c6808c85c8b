import type { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, type Instant, type PieceIndex } from '../common/base/ids.ts';
import type { Random } from '../common/base/ports.ts';
import { remainingMs, type Flights } from './flights.ts';
import { Intake } from './intake.ts';
import type { Pick } from './picker.ts';
import { Rarest } from './rarest.ts';
import type { Flight, Source } from './source.ts';

/** A piece that has waited so long, behind others of its source or alone, is for a source that is idle. */
const MOST_QUEUED_MS = 500;
const MOST_WAITING_MS = 1_500;
/**
 * Until so many pieces are here, what waits is shared with each source that comes to hold it: all begin with the same
 * few pieces, of which the first holder cannot give to many at a time. Later what waits is begun soon, and a piece that
 * is moved just then is sent in vain.
 */
const FIRST_PIECES = 8;
/**
 * At the end a piece that is being received is asked of another source too if it would take longer than this, and longer
 * than it takes the other to send it anew: where many come at once each is slow, and what comes twice makes all slower.
 */
const MOST_RECEIVING_MS = 1_000;
/** What comes in is looked through again after so long, even if nothing began or ended. */
const ROOM_MS = 50;
/** So long an idle source for which there was nothing waits before the others are looked through for it again. */
const LOOK_AGAIN_MS = 100;

/**
 * The picking strategy among sources that do not hold all yet. What is to be considered stands at the top of `plan.ts`.
 */
export class SwarmPicker {
  readonly #rarest: Rarest;
  /** The plan's. */
  readonly #sources: ReadonlyMap<number, Source>;
  readonly #flights: Flights;
  readonly #random: Random;
  readonly #intake = new Intake();
  /** There was no room beside these flights; good until then. */
  #fullVersion = -1;
  #fullUntil = instant(0);
  /** Pieces that are here since this is a swarm. */
  #doneCount = 0;

  constructor(options: {
    /** Taken over: the pieces that nobody has been asked for. */
    readonly free: Bitfield;
    readonly sources: ReadonlyMap<number, Source>;
    readonly flights: Flights;
    readonly random: Random;
  }) {
    this.#rarest = new Rarest({ free: options.free, random: options.random });
    this.#sources = options.sources;
    this.#flights = options.flights;
    this.#random = options.random;
    for (const source of options.sources.values()) this.#rarest.add(source);
  }

  add(source: Source): void {
    this.#rarest.add(source);
  }

  remove(source: Source): void {
    this.#rarest.remove(source);
  }

  /** It holds one more piece. */
  gained(source: Source, piece: PieceIndex): void {
    this.#rarest.gained(source, piece);
    if (this.#doneCount >= FIRST_PIECES || source.flights.size > 0 || this.#flights.countOf(piece) !== 1) return;
    // Of those that wait for it, each holder gets an equal part.
    if (this.#random.below(Math.max(1, this.#rarest.availabilityOf(piece))) !== 0) return;
    source.freshPiece = piece;
    source.relievesFrom = instant(0);
  }

  /** Any of its pieces came or went. */
  changed(source: Source): void {
    this.#rarest.changed(source);
  }

  giveBack(piece: PieceIndex): void {
    this.#rarest.giveBack(piece);
  }

  forget(piece: PieceIndex): void {
    this.#doneCount++;
    this.#rarest.forget(piece);
  }

  /** All that is needed is under way: only now a piece may come from two sources. */
  get #isEndgame(): boolean {
    return this.#rarest.freeCount === 0;
  }

  pick(source: Source, now: Instant): Pick | undefined {
    const isIdle = source.flights.size === 0;
    if (source.isOnProbation && (!isIdle || now < source.restUntil)) return undefined;
    const piece = this.#rarest.take(source);
    if (piece !== undefined) return { piece };
    if (!isIdle || source.isOnProbation || now < source.relievesFrom) return undefined;
    const pick = this.#relieve(source, now);
    source.freshPiece = undefined;
    if (pick === undefined) source.relievesFrom = after(now, LOOK_AGAIN_MS);
    return pick;
  }

  /** Whether one more piece should come in. */
  hasRoom(now: Instant): boolean {
    if (this.#flights.version === this.#fullVersion && now < this.#fullUntil) return false;
    if (this.#intake.hasRoom(this.#flights, now)) return true;
    this.#fullVersion = this.#flights.version;
    this.#fullUntil = after(now, ROOM_MS);
    return false;
  }

  received(bytes: number): void {
    this.#intake.received(bytes);
  }

  /** What an idle source does for others: a piece that waits at one of them or, at the end, one that is slow to come. */
  #relieve(source: Source, now: Instant): Pick | undefined {
    let [moved, joined]: [Flight | undefined, Flight | undefined] = [undefined, undefined];
    const pace = source.rate.perSecond(now, 0);
    let latestMs = 0;
    for (const other of this.#sources.values()) {
      if (other === source) continue;
      let isBehind = false;
      for (const flight of other.flights.values()) {
        const mostMs = isBehind ? MOST_QUEUED_MS : MOST_WAITING_MS;
        isBehind = true;
        if (!source.mayTake(flight.piece)) continue;
        const count = this.#flights.countOf(flight.piece);
        const waitsLong = flight.piece === source.freshPiece || now - flight.launchedAt > mostMs;
        if (count === 1 && flight.receivedBytes === 0 && waitsLong) {
          if (moved === undefined || flight.launchedAt < moved.launchedAt) moved = flight;
        } else if (this.#isEndgame && this.#flights.isOpenTo(source, flight.piece, now)) {
          const lateMs = latenessMs(flight, pace, now);
          if (lateMs > latestMs) [joined, latestMs] = [flight, lateMs];
        }
      }
    }
    if (moved !== undefined) return { piece: moved.piece, from: moved.source };
    return joined === undefined ? undefined : { piece: joined.piece };
  }
}

/**
 * 0 when it is soon here, or sooner than from a source of this pace, in bytes per second; 0 while that is unknown. To ask
 * another as well costs nothing while it waits: whoever begins is left alone with it.
 */
function latenessMs(flight: Flight, pace: number, now: Instant): number {
  if (flight.receivedBytes === 0) return Number.MAX_SAFE_INTEGER - flight.launchedAt;
  const anewMs = pace > 0 ? (flight.sizeBytes * 1_000) / pace : 0;
  const expectedMs = remainingMs(flight, now);
  return expectedMs < Math.max(MOST_RECEIVING_MS, anewMs) ? 0 : expectedMs;
}
