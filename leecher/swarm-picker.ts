import type { Bitfield } from '../common/base/bitfield.ts';
import type { Instant, PieceIndex } from '../common/base/ids.ts';
import { ENDGAME_SOURCES } from '../common/base/limits.ts';
import type { Random } from '../common/base/ports.ts';
import type { Flights } from './flights.ts';
import type { Pick } from './picker.ts';
import { Rarest } from './rarest.ts';
import type { Flight, Source } from './source.ts';

/** A piece that waits behind others at its source, or was not begun there, for longer than this is for one that is idle. */
const MOST_QUEUED_MS = 500;
const MOST_WAITING_MS = 5_000;
/** At the end a piece that is being received is asked of another source too if it would take longer than this. */
const MOST_RECEIVING_MS = 1_000;

/** How long a flight of a source is still expected to take, and whether others are before it. */
interface Prospect {
  readonly flight: Flight;
  readonly isBehind: boolean;
  readonly expectedMs: number;
}

/**
 * The picking strategy among sources that do not hold all yet. What is to be considered stands at the top of `plan.ts`.
 */
export class SwarmPicker {
  readonly #rarest: Rarest;
  /** The plan's. */
  readonly #sources: ReadonlyMap<number, Source>;
  readonly #flights: Flights;

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
  }

  /** Any of its pieces came or went. */
  changed(source: Source): void {
    this.#rarest.changed(source);
  }

  giveBack(piece: PieceIndex): void {
    this.#rarest.giveBack(piece);
  }

  forget(piece: PieceIndex): void {
    this.#rarest.forget(piece);
  }

  /** All that is needed is under way: only now a piece may come from two sources. */
  get isEndgame(): boolean {
    return this.#rarest.freeCount === 0;
  }

  pick(source: Source, now: Instant): Pick | undefined {
    const isIdle = source.flights.size === 0;
    if (source.isOnProbation && (!isIdle || now < source.restUntil)) return undefined;
    const piece = this.#rarest.take(source);
    if (piece !== undefined) return { piece };
    return isIdle && !source.isOnProbation ? this.#relieve(source, now) : undefined;
  }

  /** What an idle source does for others: a piece that waits at one of them or, at the end, one that is slow to come. */
  #relieve(source: Source, now: Instant): Pick | undefined {
    let [moved, joined]: [Prospect | undefined, Prospect | undefined] = [undefined, undefined];
    for (const other of this.#sources.values()) {
      if (other === source) continue;
      for (const prospect of prospects(other, now)) {
        const { flight, expectedMs } = prospect;
        if (!source.mayTake(flight.piece)) continue;
        const count = this.#flights.countOf(flight.piece);
        if (count === 1 && isForAnother(prospect, now)) {
          if (moved === undefined || expectedMs > moved.expectedMs) moved = prospect;
        } else if (this.isEndgame && count < ENDGAME_SOURCES && isLate(prospect)) {
          if (joined === undefined || expectedMs > joined.expectedMs) joined = prospect;
        }
      }
    }
    if (moved !== undefined) return { piece: moved.flight.piece, from: moved.flight.source };
    return joined === undefined ? undefined : { piece: joined.flight.piece };
  }
}

/** The flights of a source, oldest first, as it delivers them. */
function* prospects(source: Source, now: Instant): Generator<Prospect> {
  const pace = Math.max(1, source.rate.perSecond(now, 1));
  let queuedBytes = 0;
  for (const flight of source.flights.values()) {
    const isBehind = queuedBytes > 0;
    queuedBytes += flight.sizeBytes - flight.receivedBytes;
    yield { flight, isBehind, expectedMs: (queuedBytes * 1000) / pace };
  }
}

/** It waits, and others come before it or it has waited long. */
function isForAnother({ flight, isBehind, expectedMs }: Prospect, now: Instant): boolean {
  if (flight.receivedBytes > 0) return false;
  return isBehind ? expectedMs > MOST_QUEUED_MS : now - flight.launchedAt > MOST_WAITING_MS;
}

/** To ask another as well costs nothing while it waits: whoever begins is left alone with it. */
const isLate = ({ flight, expectedMs }: Prospect): boolean =>
  flight.receivedBytes === 0 || expectedMs > MOST_RECEIVING_MS;
