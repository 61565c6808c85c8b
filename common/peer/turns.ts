/**
 * Whose requests are answered now: the uploads of one node take turns. A rule: no I/O, no timers.
 *
 * To consider when changing anything here:
 *
 *  - A pipe that sixteen pieces share gives each of them a sixteenth: nobody can pass a piece on before all sixteen are
 *    nearly there. Sent one after the other, the first is passed on after a sixteenth of the time, and all the others
 *    are no later than they were.
 *  - Nothing of this may be felt where there is nothing to gain: by a single peer, or on a link so fast that pieces
 *    take milliseconds. So what is limited is what is on its way, to what the uplink carries in IN_FLIGHT_S; two may
 *    always be at it, so that the time in which a peer checks a piece leaves no gap; and what has been on its way for
 *    longer than the uplink needs, since its reader is slow or busy, does not count.
 *  - The kernel takes half a megabyte of each stream and more before it says no: that it took the bytes does not mean
 *    that they have left. What a peer says it has, has arrived. One that does not say so is believed to have the bytes
 *    some time after the kernel took the last of them.
 *  - A turn lasts for a piece, since half a piece is of no use to anybody, or for TURN_LEAST_BYTES of small ones. Who
 *    asks for the rest of its piece goes on at once, however late it asks: stock clients keep few requests open.
 *  - Next is one that has nothing on its way; among them the one with the most merit, then the one that waits
 *    longest. Each LUCKY_SHARE-th turn goes to the one that waits longest whatever its merit: nobody starves. Who
 *    takes and never gives has the line while nobody else uses it, and each TAKERS_SHARE-th turn.
 */
import { after, type Instant, instant, NEVER } from '../base/ids.ts';
import { KIB, LEAST_SEND_BUFFER_HIGH_BYTES, MIB, SEND_BUFFER_HIGH_BYTES } from '../base/limits.ts';
import { RecentBytes } from './recent-bytes.ts';

/** What may be on its way, as time of the uplink. */
const IN_FLIGHT_S = 0.5;
/** … and in any case. */
const LEAST_IN_FLIGHT_BYTES = 1 * MIB;
/** What may be queued on one stream of several, as time of the uplink. */
const QUEUED_S = 0.01;
const TURN_LEAST_BYTES = 256 * KIB;
const LUCKY_SHARE = 8;
/** … and each of these to those that only take. */
const TAKERS_SHARE = 64;
/** Merit of one that only takes. */
export const TAKER_MERIT = Number.NEGATIVE_INFINITY;
/** One that has asked for nothing more of its piece for so long does not count any more. */
const HOLD_MS = 500;
/** How long what is on its way counts while nothing is known of the uplink. */
const UNKNOWN_MS = 5_000;
/** So long after the kernel took them, bytes are believed to have arrived: at one that says what it has … */
const TELLER_GRACE_MS = 2_000;
/** … at one that has not said anything yet … */
const FIRST_GRACE_MS = 1_000;
/** … and at one that has failed to say so. */
const MUTE_GRACE_MS = 250;
/** The rate is measured over this time, or over the time since the uplink began to be used, if that is shorter. */
const RATE_WINDOW_MS = 1_000;
const LEAST_RATE_MS = 100;
/** A best rate this old counts for 1/e. */
const UPLINK_MEMORY_MS = 60_000;

/** Bytes of one piece that were given to the stream and are not known to have arrived. */
interface Flight {
  bytes: number;
  /** Then the uplink could have carried it and all before it: if it is still there, it waits for its reader. */
  readonly countsUntil: Instant;
  /** The kernel has not taken them yet. */
  untakenBytes: number;
  takenAt: Instant;
}

/** What one would send next. */
export interface Upcoming {
  readonly piece: number;
  readonly pieceBytes: number;
}

interface Party {
  readonly id: number;
  readonly merit: (now: Instant) => number;
  /** Of one that waits for its turn. */
  waitsSince: Instant;
  /** Its turn has come, and it has sent nothing yet. */
  isCalled: boolean;
  /** The piece of its turn, the last one if that is over, and what was sent in this turn. */
  piece: number;
  turnBytes: number;
  /** Of the piece it sends, or would send. */
  pieceBytes: number;
  /** When it last was called or sent something. */
  activeAt: Instant;
  /** BOUNDED: by what its stream takes, and the grace. */
  readonly flights: Map<number, Flight>;
  graceMs: number;
}

export class Turns {
  /** BOUNDED: by the connections. */
  readonly #parties = new Map<number, Party>();
  /** Those that wait for their turn. BOUNDED: as above. */
  readonly #waiting = new Set<Party>();
  /**
   * Those that may have something on its way, or be at it; the others are not looked at. Who turns out to be no such one
   * any more goes when it is come across. BOUNDED: as above.
   */
  readonly #engaged = new Set<Party>();
  readonly #arrived = new RecentBytes({ windowMs: RATE_WINDOW_MS });
  #inFlightBytes = 0;
  /** Since when there has been something on its way all the time. */
  #busySince: Instant | undefined;
  /** The best rate of late, and the best while somebody had to wait: then it was the uplink's. */
  readonly #best = new Peak();
  readonly #full = new Peak();
  #fullAt = instant(Number.NEGATIVE_INFINITY);
  #callCount = 0;

  /** `merit` is asked whenever somebody's turn is to be chosen; the highest is served first. */
  join(id: number, merit: (now: Instant) => number): void {
    this.#parties.set(id, {
      id,
      merit,
      waitsSince: NEVER,
      isCalled: false,
      piece: -1,
      pieceBytes: 0,
      activeAt: instant(0),
      turnBytes: 0,
      flights: new Map(),
      graceMs: FIRST_GRACE_MS,
    });
  }

  leave(id: number, now: Instant): void {
    const party = this.#parties.get(id);
    if (party === undefined) return;
    for (const piece of [...party.flights.keys()]) this.#land(party, piece, now, 'lost');
    this.#waiting.delete(party);
    this.#engaged.delete(party);
    this.#parties.delete(id);
  }

  /** Whether it may send of this piece now. If not, it waits from now on, and `next` will name it. */
  mayGo(id: number, { piece, pieceBytes }: Upcoming, now: Instant): boolean {
    const party = this.#parties.get(id);
    if (party === undefined) return false;
    const goesOn = party.turnBytes > 0 && (piece === party.piece || party.turnBytes < TURN_LEAST_BYTES);
    const may = party.isCalled || goesOn;
    party.pieceBytes = pieceBytes;
    if (isMidway(party)) this.#engaged.add(party);
    if (may) {
      this.#waiting.delete(party);
      party.piece = piece;
    } else if (!this.#waiting.has(party)) {
      party.waitsSince = now;
      this.#waiting.add(party);
    }
    return may;
  }

  /** It has nothing to send: it neither waits nor is waited for. */
  rest(id: number): void {
    const party = this.#parties.get(id);
    if (party === undefined) return;
    this.#waiting.delete(party);
    party.isCalled = false;
  }

  /** Whose turn it is now, told once; undefined while enough is on its way, or nobody waits. */
  next(now: Instant): number | undefined {
    if (this.#waiting.size === 0 || !this.#hasRoom(now)) return undefined;
    const called = this.#choose(now);
    if (called === undefined) return undefined;
    this.#callCount++;
    this.#waiting.delete(called);
    called.isCalled = true;
    called.turnBytes = 0;
    called.activeAt = now;
    this.#engaged.add(called);
    return called.id;
  }

  #hasRoom(now: Instant): boolean {
    let atIt = 0;
    let dueBytes = 0;
    if (this.#engaged.size < 2) return true;
    for (const party of this.#engaged) {
      const restBytes = restOf(party, now);
      if (restBytes > 0 || party.isCalled || party.flights.size > 0) atIt++;
      else this.#engaged.delete(party);
      dueBytes += restBytes;
      for (const { countsUntil, bytes } of party.flights.values()) if (countsUntil > now) dueBytes += bytes;
    }
    const hasRoom = atIt < 2 || dueBytes < this.#mostInFlight(now);
    if (!hasRoom) this.#fullAt = now;
    return hasRoom;
  }

  #choose(now: Instant): Party | undefined {
    const [only] = this.#waiting.size === 1 ? this.#waiting : [];
    if (only !== undefined && only.merit(now) > TAKER_MERIT) return only;
    const ranked = [...this.#waiting].map((party) => ({ party, merit: party.merit(now) }));
    const worthy = ranked.filter(({ merit }) => merit > TAKER_MERIT);
    const count = this.#callCount + 1;
    // Who only takes gets what others leave: a turn now and then, and the line while nobody else uses it.
    if (worthy.length === 0)
      return this.#isIdle(now) || count % TAKERS_SHARE === 0 ? longestWaiting(ranked) : undefined;
    if (count % TAKERS_SHARE === 0) return longestWaiting(ranked);
    return count % LUCKY_SHARE === 0 ? longestWaiting(worthy) : this.#worthiest(worthy);
  }

  /** Nothing is on its way but what waits for its reader. */
  #isIdle(now: Instant): boolean {
    for (const party of this.#engaged) {
      if (restOf(party, now) > 0) return false;
      for (const { countsUntil } of party.flights.values()) if (countsUntil > now) return false;
    }
    return true;
  }

  /** Of those that have nothing on its way, if there are such. */
  #worthiest(all: readonly Ranked[]): Party {
    const idle = all.filter(({ party }) => party.flights.size === 0);
    const ranked = idle.length > 0 ? idle : all;
    return ranked.reduce((best, one) => {
      const order = one.merit - best.merit || best.party.waitsSince - one.party.waitsSince;
      return order > 0 ? one : best;
    }).party;
  }

  /** Bytes of a piece were given to its stream. */
  sent(id: number, piece: number, bytes: number, now: Instant): void {
    const party = this.#parties.get(id);
    if (party === undefined) return;
    party.isCalled = false;
    party.piece = piece;
    party.turnBytes += bytes;
    party.activeAt = now;
    this.#engaged.add(party);
    const flight = party.flights.get(piece) ?? {
      bytes: 0,
      countsUntil: this.#timeUp(now),
      untakenBytes: 0,
      takenAt: now,
    };
    flight.bytes += bytes;
    flight.untakenBytes += bytes;
    party.flights.set(piece, flight);
    if (this.#inFlightBytes === 0 && this.#arrived.sum(now) === 0) this.#busySince = now;
    this.#inFlightBytes += bytes;
  }

  /** The kernel took so many bytes of a piece; when they are believed to have arrived, if that was the last of them. */
  taken(id: number, piece: number, bytes: number, now: Instant): Instant {
    const party = this.#parties.get(id);
    const flight = party?.flights.get(piece);
    if (flight === undefined) return NEVER;
    flight.untakenBytes -= bytes;
    flight.takenAt = now;
    return dueOf(party!, flight);
  }

  /** It says that it has the piece, wherever that came from; false when that changes nothing. */
  arrived(id: number, piece: number, now: Instant): boolean {
    const party = this.#parties.get(id);
    if (party === undefined || !party.flights.has(piece)) return false;
    party.graceMs = TELLER_GRACE_MS;
    this.#land(party, piece, now, 'arrived');
    return true;
  }

  /** Takes as arrived what must have. */
  tick(now: Instant): void {
    for (const party of this.#engaged) {
      for (const [piece, flight] of [...party.flights]) {
        if (dueOf(party, flight) > now) continue;
        // Of a piece it has asked for a part only, it has nothing to say; so one is not taken for mute at once.
        party.graceMs = party.graceMs === TELLER_GRACE_MS ? FIRST_GRACE_MS : MUTE_GRACE_MS;
        this.#land(party, piece, now, 'arrived');
      }
    }
  }

  /** Somebody waits for its turn. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** When `tick` has something to do. */
  nextDue(now: Instant): Instant {
    let due = NEVER;
    for (const party of this.#engaged) {
      for (const flight of party.flights.values()) due = Math.min(due, dueOf(party, flight)) as Instant;
    }
    return this.#waiting.size === 0 ? due : (Math.min(due, this.#roomAt(now)) as Instant);
  }

  /** When something that stands in the way of those who wait ceases to count. */
  #roomAt(now: Instant): Instant {
    const times: number[] = [NEVER];
    for (const party of this.#engaged) {
      if (isMidway(party)) times.push(after(party.activeAt, HOLD_MS));
      for (const { countsUntil } of party.flights.values()) times.push(countsUntil);
    }
    // What is past has ceased to count already.
    return instant(Math.min(...times.filter((time) => time > now)));
  }

  /** The most that was carried lately while somebody had to wait, in bytes per second; 0 while that is unknown. */
  uplink(now: Instant): number {
    return this.#full.at(now);
  }

  /**
   * Bytes that may be queued on one stream. What is said next, what we have or the hashes that somebody waits for, comes
   * after them; so on an uplink that several share they are few.
   */
  mostQueued(now: Instant): number {
    if (this.#engaged.size < 2) return SEND_BUFFER_HIGH_BYTES;
    const ofRate = this.#best.at(now) * QUEUED_S;
    return Math.min(SEND_BUFFER_HIGH_BYTES, Math.max(LEAST_SEND_BUFFER_HIGH_BYTES, ofRate));
  }

  /** No stream need be kept short. */
  isFast(now: Instant): boolean {
    return this.#best.at(now) * QUEUED_S >= SEND_BUFFER_HIGH_BYTES;
  }

  /** Bytes that are believed to be on their way. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  #timeUp(now: Instant): Instant {
    const best = this.#best.at(now);
    return after(now, best === 0 ? UNKNOWN_MS : (this.#mostInFlight(now) * 1_000) / best);
  }

  #mostInFlight(now: Instant): number {
    return Math.max(LEAST_IN_FLIGHT_BYTES, this.#best.at(now) * IN_FLIGHT_S);
  }

  #land(party: Party, piece: number, now: Instant, how: 'arrived' | 'lost'): void {
    const { bytes } = party.flights.get(piece)!;
    party.flights.delete(piece);
    this.#inFlightBytes -= bytes;
    if (how === 'lost') return;
    this.#arrived.add(bytes, now);
    const busyMs = now - this.#busySince!;
    const rate = (this.#arrived.sum(now) * 1_000) / Math.min(RATE_WINDOW_MS, Math.max(LEAST_RATE_MS, busyMs));
    this.#best.take(rate, now);
    if (now < after(this.#fullAt, RATE_WINDOW_MS)) this.#full.take(rate, now);
  }
}

interface Ranked {
  readonly party: Party;
  readonly merit: number;
}

const longestWaiting = (ranked: readonly Ranked[]): Party =>
  ranked.reduce((best, one) => (one.party.waitsSince < best.party.waitsSince ? one : best)).party;

/** The highest of the values that were given, fading. */
class Peak {
  #value = 0;
  #at = instant(0);

  at(now: Instant): number {
    return this.#value * Math.exp((this.#at - now) / UPLINK_MEMORY_MS);
  }

  take(value: number, now: Instant): void {
    if (value < this.at(now)) return;
    this.#value = value;
    this.#at = now;
  }
}

const isMidway = ({ isCalled, turnBytes, pieceBytes }: Party): boolean =>
  (isCalled || turnBytes > 0) && turnBytes < pieceBytes;

/** What is still to be sent of its piece, as long as it asks for it. */
const restOf = (party: Party, now: Instant): number =>
  isMidway(party) && now < after(party.activeAt, HOLD_MS) ? party.pieceBytes - party.turnBytes : 0;

const dueOf = (party: Party, { untakenBytes, takenAt }: Flight): Instant =>
  untakenBytes > 0 ? NEVER : after(takenAt, party.graceMs);
