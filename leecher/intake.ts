/**
 * How many pieces may come in at once in a swarm. A rule: no I/O, no timers.
 *
 * To consider when changing anything here:
 *
 *  - What comes in at once shares one line. Sixteen pieces, each from another source, take sixteen times as long as one,
 *    and until then none can be passed on, nor can those be asked for that turn up meanwhile. Their streams push one
 *    another out of queues, too: what is dropped there is sent again, by a source that has better things to do.
 *  - Sources that are slow, or serve many, fill a line only together: there is no number that is right for all. So it is
 *    found by trial. While all places are taken, now and then there are more for a moment, and that stays so if much
 *    more comes in then; and now and then fewer, which stays so if no less comes in.
 *  - Pieces that are passed on in parts need not wait to be whole: many come in at once then, and fill the line evenly.
 *  - That a piece comes slowly says nothing: it is slower with each that comes beside it. Only the sum tells.
 *  - What waits for its source's turn takes nothing from the line, and sources should have something to choose from: as
 *    many again may wait. What has waited for long does not count: its source may be slow, or gone.
 */
import { after, type Instant, instant } from '../common/base/ids.ts';
import { KIB } from '../common/base/limits.ts';
import type { Flight } from './source.ts';

/** Pieces that may come in at once in any case … */
export const LEAST_PIECES = 6;
/** … and as many as the line takes in this time, if that is more. */
const LEAST_MS = 300;
/** … and where they are passed on in parts up to so many, as long as each comes at this pace. */
const MOST_RELAYED = 16;
const RELAYED_BYTES_PER_SECOND = 256 * KIB;
/** What waits for longer does not count. */
const WAITS_MS = 1_500;
/** A trial lasts so long, and is compared with as long before … */
const TRIAL_MS = 1_000;
/** … changes the number by this factor … */
const STEP = 1.5;
/** … and is repeated so much later if it was in vain. */
const REST_MS = 4_000;
/** More are kept when they bring this much more, fewer when they cost no more than this. */
const WORTH = 1.25;
const LOSS = 0.95;

/** What the line did before counts for so much less with each period. */
const FADING = 0.9;

type Trial = 'none' | 'more' | 'fewer';

export class Intake {
  #limit = LEAST_PIECES;
  #trial: Trial = 'none';
  /** Of the period before: what came in, in bytes per second, and how many might. */
  #rateBefore = 0;
  #limitBefore = LEAST_PIECES;
  #lastTrial: Trial = 'fewer';
  #restUntil = instant(0);
  /** The present period. */
  #since: Instant | undefined;
  #bytes = 0;
  /** The most that came in of late, in bytes per second; undefined in the first period. */
  #lineRate: number | undefined;
  /** A place was wanted, and there was none. */
  #wasFull = false;

  received(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Whether one more may be asked for beside these. Looks at each of them. */
  hasRoom(flights: Iterable<Flight>, now: Instant): boolean {
    this.#judge(now);
    let [coming, waiting, relayed, pieceBytes, bytesPerSecond] = [0, 0, 0, 1, 0];
    for (const flight of flights) {
      if (flight.hasArrived) continue;
      if (flight.source.passesOn) relayed++;
      pieceBytes = Math.max(pieceBytes, flight.sizeBytes);
      if (flight.receivedBytes > 0) {
        coming++;
        bytesPerSecond += flight.source.rate.perSecond(now, 0);
      } else if (now - flight.launchedAt < WAITS_MS) waiting++;
    }
    const isRelayed = 2 * relayed > coming + waiting;
    const least = isRelayed ? this.#mostRelayed : 0;
    const most = Math.max(this.#limit, least, (bytesPerSecond * LEAST_MS) / 1_000 / pieceBytes);
    const hasRoom = coming < most && coming + waiting < 2 * most;
    this.#wasFull ||= !hasRoom;
    return hasRoom;
  }

  /** Streams that are very slow push one another out of queues, so that much is sent again. */
  get #mostRelayed(): number {
    const ofRate = (this.#lineRate ?? Number.POSITIVE_INFINITY) / RELAYED_BYTES_PER_SECOND;
    return Math.min(MOST_RELAYED, Math.max(LEAST_PIECES, ofRate));
  }

  #judge(now: Instant): void {
    this.#since ??= now;
    const elapsedMs = now - this.#since;
    if (elapsedMs < TRIAL_MS) return;
    const rate = (this.#bytes * 1_000) / elapsedMs;
    this.#lineRate = Math.max(rate, (this.#lineRate ?? 0) * FADING);
    const wasFull = this.#wasFull;
    [this.#since, this.#bytes, this.#wasFull] = [now, 0, false];
    if (this.#trial !== 'none') this.#conclude(rate, now);
    // With places to spare their number is of no interest.
    else if (wasFull && now >= this.#restUntil) this.#try(rate);
  }

  #try(rate: number): void {
    this.#trial = this.#lastTrial === 'fewer' || this.#limit === LEAST_PIECES ? 'more' : 'fewer';
    [this.#rateBefore, this.#limitBefore] = [rate, this.#limit];
    const limit = this.#trial === 'more' ? this.#limit * STEP : this.#limit / STEP;
    this.#limit = Math.max(LEAST_PIECES, limit);
  }

  #conclude(rate: number, now: Instant): void {
    const isKept = rate >= this.#rateBefore * (this.#trial === 'more' ? WORTH : LOSS);
    if (!isKept) this.#limit = this.#limitBefore;
    // What was right is tried again at once.
    if (!isKept) [this.#lastTrial, this.#restUntil] = [this.#trial, after(now, REST_MS)];
    this.#trial = 'none';
  }
}
