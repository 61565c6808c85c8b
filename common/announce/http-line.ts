import type { Endpoint } from '../base/ids.ts';
import { DEFAULT_NUM_WANT, FOREIGN_INTERVAL_S } from '../base/limits.ts';
import type { Log } from '../base/ports.ts';
import { printableText } from '../base/printable.ts';
import { withQuery } from '../wire/http-query.ts';
import { decodeScrapeAnswer, scrapeQuery, scrapeTarget } from '../wire/http-scrape.ts';
import type { HttpAnnounceAnswer, HttpTrackerAnswer } from '../wire/http-tracker.ts';
import { announceQuery, decodeAnnounceAnswer } from '../wire/http-tracker.ts';
import type { AnnounceEvent } from '../wire/tracker-packets.ts';
import type { CallResult } from './exchange.ts';
import type { HttpCaller } from './http-caller.ts';
import type { Subject } from './subject.ts';
import type { TrackerAddress } from './tracker-address.ts';
import { httpTarget } from './tracker-address.ts';
import type { BeatResult, TrackerLine } from './tracker-line.ts';

/** A tracker that speaks HTTP (BEP 3, 23, 7). It has no catalogue to publish in. */
export class HttpLine implements TrackerLine {
  readonly #caller: HttpCaller;
  readonly #subject: Subject;
  readonly #log: Log;
  readonly #address: TrackerAddress;
  /** What the tracker calls us; it wants to hear it again. */
  #trackerId: Uint8Array | undefined;
  #warning = '';

  constructor(options: {
    readonly caller: HttpCaller;
    readonly subject: Subject;
    readonly log: Log;
    readonly address: TrackerAddress;
  }) {
    this.#caller = options.caller;
    this.#subject = options.subject;
    this.#log = options.log;
    this.#address = options.address;
  }

  isForgotten(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** TCP repeats what is lost, so one try is all there is. */
  async announce(tracker: Endpoint, event: AnnounceEvent): Promise<BeatResult> {
    const target = withQuery(httpTarget(this.#address), this.#query(event));
    const result = opened(await this.#caller.get(this.#address, tracker.host, target), decodeAnnounceAnswer);
    if (!result.ok) return result;
    const { intervalS = FOREIGN_INTERVAL_S, minIntervalS, peers, trackerId, warning } = result.answer;
    this.#trackerId = trackerId ?? this.#trackerId;
    if (warning !== undefined) this.#warn(printableText(warning, 200));
    const counts = await this.#counts(tracker, result.answer, event);
    return { ok: true, answer: { intervalS, minIntervalS, peers, ...counts } };
  }

  afterAnnounce(): Promise<void> {
    return Promise.resolve();
  }

  mayHaveHeard(): boolean {
    return true;
  }

  reset(): void {
    this.#trackerId = undefined;
  }

  #query(event: AnnounceEvent): string {
    const { wireHash, peerId, port, key } = this.#subject;
    const { downloadedBytes, uploadedBytes, leftBytes = Infinity } = this.#subject.progress();
    return announceQuery({
      ...{ infoHash: wireHash, peerId, port, key, event },
      ...{ downloadedBytes, uploadedBytes, leftBytes },
      wanted: event === 'stopped' ? 0 : DEFAULT_NUM_WANT,
      trackerId: this.#trackerId,
    });
  }

  /** Some trackers tell how many there are only when they are scraped (BEP 48). */
  async #counts(
    tracker: Endpoint,
    answer: HttpAnnounceAnswer,
    event: AnnounceEvent,
  ): Promise<{ readonly seeders: number; readonly leechers: number }> {
    const { seeders = 0, leechers = 0 } = answer;
    const isSaid = answer.seeders !== undefined && answer.leechers !== undefined;
    const target = scrapeTarget(httpTarget(this.#address));
    if (isSaid || event === 'stopped' || target === undefined) return { seeders, leechers };
    const hashes = [this.#subject.wireHash];
    const body = await this.#caller.get(this.#address, tracker.host, withQuery(target, scrapeQuery(hashes)));
    const scraped = opened(body, (bytes) => decodeScrapeAnswer(bytes, hashes));
    return (scraped.ok ? scraped.answer[0] : undefined) ?? { seeders, leechers };
  }

  #warn(text: string): void {
    if (text === this.#warning) return;
    this.#warning = text;
    this.#log.warn('the tracker warns', { tracker: this.#address.url, reason: text });
  }
}

/** What is in an answer's body, or what the tracker says against it. */
function opened<T>(body: CallResult<Uint8Array>, decode: (bytes: Uint8Array) => HttpTrackerAnswer<T>): CallResult<T> {
  if (!body.ok) return body;
  const decoded = decode(body.answer);
  if (decoded.ok) return { ok: true, answer: decoded.value };
  if (decoded.refused) return { ok: false, failure: 'refused', text: printableText(decoded.reason, 200) };
  return { ok: false, failure: 'malformed', text: `its answer has no sense: ${decoded.reason}` };
}
