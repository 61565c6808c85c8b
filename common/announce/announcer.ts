import type { HttpClient } from '../base/http-ports.ts';
import type { Endpoint, PeerId, WireHash } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import { DEFAULT_TTL_S, STOP_TIMEOUT_MS } from '../base/limits.ts';
import type { Clock, Log, Random, Resolver, UdpBinder } from '../base/ports.ts';
import type { CatalogueItem } from '../wire/catalogue-entry.ts';
import { TrackerCaller } from './caller.ts';
import { HttpCaller } from './http-caller.ts';
import { HttpLine } from './http-line.ts';
import type { TrackerState } from './site.ts';
import { TrackerSite } from './site.ts';
import type { AnnounceProgress, Subject } from './subject.ts';
import type { TrackerAddress } from './tracker-address.ts';
import { trackerIdentity } from './tracker-address.ts';
import type { TrackerLine } from './tracker-line.ts';
import { UdpLine } from './udp-line.ts';

export interface AnnouncerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly udp: UdpBinder;
  readonly http: HttpClient;
  readonly resolver: Resolver;
  readonly log: Log;
  /** All of them are told, each for itself. */
  readonly trackers: readonly TrackerAddress[];
  readonly peerId: PeerId;
  /** Where peers can dial us, at the address that the tracker sees. */
  readonly port: number;
  readonly wireHash: WireHash;
  progress(): AnnounceProgress;
  onPeers(endpoints: readonly Endpoint[]): void;
  /** Called after every beat of a tracker that answers, with how many have everything. */
  onSeeders?(count: number): void;
  /** Called after every beat of a tracker, and when its name does not resolve. */
  readonly onTracker?: (state: TrackerState) => void;
  /** Seconds after which a tracker of ours forgets us, if it hears nothing more. */
  readonly ttlS?: number;
  /** Address to announce from, where the peer listens at one address only. */
  readonly localHost?: string | undefined;
}

/**
 * Makes one peer known to its trackers and brings back the peers they name. Trackers are independent: what one does
 * or fails to do delays no other, and a tracker that forgot everything hears of us with the next beat.
 */
export class Announcer {
  readonly #clock: Clock;
  readonly #udpCaller: TrackerCaller;
  readonly #httpCaller: HttpCaller;
  readonly #sites: readonly TrackerSite[];
  readonly #items: CatalogueItem[] = [];
  #isCompleted = false;
  #stopped: Promise<void> | undefined;

  constructor(options: AnnouncerOptions) {
    const { clock, random, udp, resolver, log } = options;
    this.#clock = clock;
    this.#udpCaller = new TrackerCaller({ clock, random, udp, localHost: options.localHost });
    this.#httpCaller = new HttpCaller({ http: options.http, resolver });
    const subject = this.#subjectOf(options);
    const onState = (state: TrackerState): void => {
      options.onTracker?.(state);
      if (state.status === 'working') options.onSeeders?.(state.seeders);
    };
    this.#sites = distinct(options.trackers).map((tracker) => {
      const newLine = (): TrackerLine => this.#newLine(tracker, subject, log);
      return new TrackerSite({ clock, newLine, resolver, log, subject, tracker, onState });
    });
  }

  /** Resolves when every tracker has been told, or has not answered. Never rejects. */
  async start(): Promise<void> {
    await Promise.all(this.#sites.map((site) => site.start()));
  }

  /** Asks all trackers for peers before the next beat, though no tracker more often than every 5 s. */
  announceNow(): void {
    for (const site of this.#sites) site.announceNow();
  }

  /** Says that the download is complete, once to each tracker (BEP 3). */
  completed(): void {
    this.#isCompleted = true;
    for (const site of this.#sites) site.announceNews();
  }

  /** Has all trackers that keep a catalogue list the item for as long as this announcer runs. Its swarm must be ours. */
  publish(item: CatalogueItem): void {
    this.#items.push(item);
    for (const site of this.#sites) site.announceNews();
  }

  /** Says `stopped` to all trackers that may know us, and waits for them at most STOP_TIMEOUT_MS. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#udpCaller.cancelAll();
    this.#httpCaller.cancelAll();
    const goodbyes = Promise.all(this.#sites.map((site) => site.stop()));
    const due = after(this.#clock.now(), STOP_TIMEOUT_MS);
    let cancel: () => void = () => {};
    const timeout = new Promise<void>((resolve) => (cancel = this.#clock.at(due, resolve)));
    await Promise.race([goodbyes, timeout]);
    cancel();
    this.#httpCaller.close();
    await this.#udpCaller.close();
  }

  #newLine(tracker: TrackerAddress, subject: Subject, log: Log): TrackerLine {
    return tracker.scheme === 'udp'
      ? new UdpLine({ caller: this.#udpCaller, subject, log, urlPath: tracker.urlPath })
      : new HttpLine({ caller: this.#httpCaller, subject, log, address: tracker });
  }

  #subjectOf(options: AnnouncerOptions): Subject {
    return {
      peerId: options.peerId,
      port: options.port,
      wireHash: options.wireHash,
      key: options.random.below(2 ** 32),
      ttlS: options.ttlS ?? DEFAULT_TTL_S,
      items: this.#items,
      isCompleted: () => this.#isCompleted,
      progress: () => options.progress(),
      onPeers: (endpoints) => options.onPeers(endpoints),
    };
  }
}

/** A tracker that is named twice is told once. */
const distinct = (trackers: readonly TrackerAddress[]): TrackerAddress[] => [
  ...new Map(trackers.map((tracker) => [trackerIdentity(tracker), tracker])).values(),
];
