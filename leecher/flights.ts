import { NEVER, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { ENDGAME_SOURCES, REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import type { Flight, Source } from './source.ts';

/** What has begun is judged so long after its first byte. */
const JUDGED_AFTER_MS = 500;

/**
 * All that is under way. An arrived flight no longer counts for its source, and outlives it.
 *
 * BOUNDED: by how often the driver asks for another piece, which its buffers bound; ENDGAME_SOURCES a piece, one more
 * that is proven, and those that arrived.
 */
export class Flights {
  readonly #byPiece = new Map<PieceIndex, Flight[]>();
  /** Pieces that another source might join. */
  #joinable = 0;
  /** Changes whenever one begins, or ends. */
  version = 0;

  /** Pieces that are under way. */
  get count(): number {
    return this.#byPiece.size;
  }

  *[Symbol.iterator](): IterableIterator<Flight> {
    for (const flights of this.#byPiece.values()) yield* flights;
  }

  has(piece: PieceIndex): boolean {
    return this.#byPiece.has(piece);
  }

  /** From how many sources the piece is under way. */
  countOf(piece: PieceIndex): number {
    return this.#byPiece.get(piece)?.length ?? 0;
  }

  find(piece: PieceIndex, id: number): Flight | undefined {
    return this.#byPiece.get(piece)?.find((flight) => flight.source.id === id);
  }

  launch(source: Source, piece: PieceIndex, sizeBytes: number, now: Instant): Flight {
    const dueAt = source.launched(sizeBytes, now);
    const flight: Flight = {
      piece,
      source,
      sizeBytes,
      ordinal: source.launches,
      launchedAt: now,
      dueAt,
      receivedBytes: 0,
      begunAt: NEVER,
      hasArrived: false,
    };
    source.flights.set(piece, flight);
    this.version++;
    const others = this.#byPiece.get(piece);
    if (others === undefined) this.#byPiece.set(piece, [flight]);
    else {
      if (isJoinable(others)) this.#joinable--;
      others.push(flight);
    }
    if (isJoinable(this.#byPiece.get(piece))) this.#joinable++;
    return flight;
  }

  arrived(flight: Flight, now: Instant): void {
    if (flight.hasArrived) return;
    const flights = this.#byPiece.get(flight.piece);
    if (isJoinable(flights)) this.#joinable--;
    flight.hasArrived = true;
    this.version++;
    flight.source.flights.delete(flight.piece);
    flight.source.landed(flight.sizeBytes, now);
  }

  /** The flight is over. True when nobody else has its piece under way. */
  land(flight: Flight, now: Instant): boolean {
    const flights = this.#byPiece.get(flight.piece) ?? [];
    if (isJoinable(flights)) this.#joinable--;
    flights.splice(flights.indexOf(flight), 1);
    if (isJoinable(flights)) this.#joinable++;
    if (flights.length === 0) this.#byPiece.delete(flight.piece);
    this.version++;
    if (!flight.hasArrived) {
      flight.source.flights.delete(flight.piece);
      flight.source.landed(flight.sizeBytes, now);
    }
    return flights.length === 0;
  }

  /** The flights of the piece of which nothing has come, which are over now. */
  landWaiting(piece: PieceIndex, now: Instant): readonly Flight[] {
    const waiting = (this.#byPiece.get(piece) ?? []).filter(
      (flight) => flight.receivedBytes === 0 && !flight.hasArrived,
    );
    for (const flight of waiting) this.land(flight, now);
    return waiting;
  }

  /** Every flight of the piece, which are over now. */
  landAll(piece: PieceIndex, now: Instant): readonly Flight[] {
    const flights = [...(this.#byPiece.get(piece) ?? [])];
    for (const flight of flights) this.land(flight, now);
    return flights;
  }

  /**
   * Whether the source may fetch the piece beside those that do, none of which it is. Not one to which the piece is on its
   * way: it may come from us.
   */
  isOpenTo(source: Source, piece: PieceIndex, now: Instant): boolean {
    const flights = this.#byPiece.get(piece);
    if (flights === undefined || !isJoinable(flights) || source.isComing(piece)) return false;
    return flights.length < ENDGAME_SOURCES || (source.isProven && flights.every((flight) => isDoubtful(flight, now)));
  }

  /**
   * The piece that is expected last of all those that `source`, which has none under way, may fetch as well.
   * What is queued at a source before a piece delays it. `paceOf` gives bytes per second, above 0. Nobody joins the
   * first piece of a source that has only just begun.
   */
  slowest(
    source: Source,
    all: Iterable<Source>,
    paceOf: (other: Source) => number,
    now: Instant,
  ): PieceIndex | undefined {
    if (this.#joinable === 0) return undefined;
    const isOpen = (piece: PieceIndex): boolean => source.mayTake(piece) && this.isOpenTo(source, piece, now);
    let slowest: PieceIndex | undefined;
    let latest = -1;
    for (const other of all) {
      if (other.flights.size === 0) continue;
      const pace = paceOf(other);
      let queuedBytes = 0;
      for (const { piece, sizeBytes } of other.flights.values()) {
        queuedBytes += sizeBytes;
        const expected = queuedBytes / pace;
        const isFirst = queuedBytes === sizeBytes;
        if (isFirst && other.isStarting(now)) continue;
        if (expected <= latest || !isOpen(piece)) continue;
        latest = expected;
        slowest = piece;
      }
    }
    return slowest;
  }
}

/** At most one more than ENDGAME_SOURCES fetch a piece: who may be that one, `isOpenTo` tells. */
function isJoinable(flights: readonly Flight[] | undefined): boolean {
  if (flights === undefined || flights.length === 0 || flights.length > ENDGAME_SOURCES) return false;
  return !flights.some((flight) => flight.hasArrived);
}

/** Its source has yet to prove itself, and gives nothing, or so little that it might as well be silent. */
const isDoubtful = (flight: Flight, now: Instant): boolean =>
  !flight.source.isProven && (flight.receivedBytes === 0 || remainingMs(flight, now) > REQUEST_TIMEOUT_MS);

/** How long what has begun will take from now on; 0 as long as that cannot be told. */
export function remainingMs({ receivedBytes, begunAt, sizeBytes }: Flight, now: Instant): number {
  const takenMs = now - begunAt;
  return takenMs < JUDGED_AFTER_MS ? 0 : (takenMs * (sizeBytes - receivedBytes)) / receivedBytes;
}
