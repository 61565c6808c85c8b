import type { Endpoint, Instant } from '../base/ids.ts';
import { after, NEVER } from '../base/ids.ts';
import {
  ANNOUNCE_NOW_PAUSE_MS,
  DEFAULT_INTERVAL_S,
  FIRST_TRACKER_TRIES,
  MAX_ANNOUNCE_NOW_PAUSE_MS,
  MAX_INTERVAL_S,
  MIN_INTERVAL_S,
  TRACKER_RETRY_FIRST_MS,
  TRACKER_RETRY_LAST_MS,
  TRACKER_TRIES,
} from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import type { AnnounceEvent } from '../wire/tracker-packets.ts';
import type { CallFailure } from './exchange.ts';
import type { Subject } from './subject.ts';
import type { BeatResult, TrackerLine } from './tracker-line.ts';

/**
 * One tracker in one address family, kept informed: a beat every interval that the tracker gives, soon when asked for,
 * and after a failure again and again with growing pauses, so that a dead tracker costs next to nothing and a tracker
 * that comes back hears of us at once. Holds one wake-up.
 */
export class TrackerLink {
  readonly #clock: Clock;
  readonly #line: TrackerLine;
  readonly #subject: Subject;
  readonly #onBeat: (result: BeatResult) => void;
  #tracker: Endpoint;
  #state: 'idle' | 'beating' | 'stopped' = 'idle';
  #beatAt: Instant = NEVER;
  #wakeDue: Instant = NEVER;
  #cancelWake: () => void = () => {};
  #failures = 0;
  #intervalS = DEFAULT_INTERVAL_S;
  #minIntervalS = 0;
  /** Whether this tracker has ever answered, and knows that we started, and that we completed. */
  #isHeard = false;
  #saidStarted = false;
  #saidCompleted = false;
  /** Asked for during a beat: another one behind it. */
  #wish: 'none' | 'soon' | 'now' = 'none';

  constructor(options: {
    readonly clock: Clock;
    readonly line: TrackerLine;
    readonly subject: Subject;
    /** Canonical. */
    readonly tracker: Endpoint;
    /** Called at the end of every beat. */
    readonly onBeat: (result: BeatResult) => void;
  }) {
    this.#clock = options.clock;
    this.#line = options.line;
    this.#subject = options.subject;
    this.#tracker = options.tracker;
    this.#onBeat = options.onBeat;
  }

  get tracker(): Endpoint {
    return this.#tracker;
  }

  /** Whether the last beat failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  start(): void {
    this.#wakeAt(this.#clock.now());
  }

  /** The tracker has another address now. */
  move(tracker: Endpoint): void {
    this.#tracker = tracker;
    this.#isHeard = false;
    this.#saidStarted = false;
    this.#line.reset();
  }

  /** More peers are wanted. Heeded once in a while; a tracker that does not answer is not asked more often for it. */
  announceNow(): void {
    if (this.#state === 'beating') this.#wish = this.#wish === 'now' ? 'now' : 'soon';
    else if (!this.isFailing) this.#wakeAt(this.#soon());
  }

  /** The subject was completed, or has something new to publish. */
  announceNews(): void {
    if (this.#state === 'beating') this.#wish = 'now';
    else this.#wakeAt(this.#clock.now());
  }

  /** Beats no more, and says nothing. */
  drop(): void {
    this.#state = 'stopped';
    this.#cancelWake();
    this.#wakeDue = NEVER;
  }

  /** Says goodbye to a tracker that may know us. To be called when its calls have been cancelled. */
  async stop(): Promise<void> {
    const isUnderWay = this.#beatAt !== NEVER && this.#line.mayHaveHeard(this.#tracker);
    // One that fell silent is not waited for: it forgets us by itself.
    const mayKnowUs = !this.isFailing && (this.#isHeard || isUnderWay);
    this.drop();
    if (!mayKnowUs) return;
    // Who leaves as soon as it is complete would never be counted.
    if (this.#event() === 'completed') await this.#line.announce(this.#tracker, 'completed', FIRST_TRACKER_TRIES);
    await this.#line.announce(this.#tracker, 'stopped', FIRST_TRACKER_TRIES);
  }

  /** Brings the wake-up forward; it is never put off. */
  #wakeAt(due: Instant): void {
    if (this.#state !== 'idle' || due >= this.#wakeDue) return;
    this.#cancelWake();
    this.#wakeDue = due;
    this.#cancelWake = this.#clock.at(due, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    this.#state = 'beating';
    this.#wakeDue = NEVER;
    this.#wish = 'none';
    this.#beatAt = this.#clock.now();
    const result = await this.#tellTracker();
    // It may have been stopped meanwhile.
    if (this.#state !== 'beating') return;
    this.#state = 'idle';
    this.#failures = result.ok ? 0 : this.#failures + 1;
    this.#wakeAt(this.#nextBeat(result));
    this.#onBeat(result);
  }

  async #tellTracker(): Promise<BeatResult> {
    const tracker = this.#tracker;
    if (await this.#line.isForgotten(tracker)) this.#saidStarted = false;
    // Nothing may follow the goodbye.
    if (this.#state !== 'beating') return { ok: false, failure: 'cancelled', text: 'cancelled' };
    const event = this.#event();
    const isSound = this.#isHeard && !this.isFailing;
    const result = await this.#line.announce(tracker, event, isSound ? TRACKER_TRIES : FIRST_TRACKER_TRIES);
    if (!result.ok || this.#tracker !== tracker) return result;
    this.#isHeard = true;
    this.#saidStarted = true;
    if (event === 'completed') this.#saidCompleted = true;
    this.#intervalS = clampInterval(result.answer.intervalS);
    this.#minIntervalS = Math.min(result.answer.minIntervalS ?? 0, this.#intervalS);
    if (result.answer.peers.length > 0) this.#subject.onPeers(result.answer.peers);
    await this.#line.afterAnnounce(tracker);
    return result;
  }

  #event(): AnnounceEvent {
    if (this.#subject.progress().partialSeed) return 'paused';
    if (this.#subject.isCompleted() && !this.#saidCompleted) return 'completed';
    return this.#saidStarted ? 'none' : 'started';
  }

  /** Counted from when the beat began, so that a slow answer does not put off the next one. */
  #nextBeat(result: BeatResult): Instant {
    const now = this.#clock.now();
    if (this.#wish === 'now') return now;
    if (result.ok) {
      const due = after(this.#beatAt, this.#intervalS * 1000);
      return this.#wish === 'soon' && this.#soon() < due ? this.#soon() : due;
    }
    const pauseMs = Math.min(TRACKER_RETRY_LAST_MS, TRACKER_RETRY_FIRST_MS * 2 ** Math.min(this.#failures - 1, 16));
    // It said no: asking again at once would not change its mind.
    return after(now, saysNo(result.failure) ? Math.max(pauseMs, DEFAULT_INTERVAL_S * 1000) : pauseMs);
  }

  /** A tracker that wants to be asked seldom is also asked out of turn less often. */
  #soon(): Instant {
    const now = this.#clock.now();
    if (this.#beatAt === NEVER) return now;
    const pauseMs = Math.min(Math.max(ANNOUNCE_NOW_PAUSE_MS, (this.#intervalS * 1000) / 6), MAX_ANNOUNCE_NOW_PAUSE_MS);
    return Math.max(now, this.#beatAt + Math.max(pauseMs, this.#minIntervalS * 1000)) as Instant;
  }
}

/** A tracker that keeps a list of what it serves may say no by an answer that is cut short. */
export const saysNo = (failure: CallFailure): boolean => failure === 'refused' || failure === 'malformed';

/** Some trackers say 0. */
const clampInterval = (intervalS: number): number =>
  Math.min(Math.max(intervalS || DEFAULT_INTERVAL_S, MIN_INTERVAL_S), MAX_INTERVAL_S);
