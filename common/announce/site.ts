import { canonicalAddress, isIPv6 } from '../base/address.ts';
import { messageOf } from '../base/errors.ts';
import { after } from '../base/ids.ts';
import { TRACKER_RETRY_FIRST_MS, TRACKER_RETRY_LAST_MS } from '../base/limits.ts';
import type { Clock, Log, Resolver } from '../base/ports.ts';
import { saysNo, TrackerLink } from './link.ts';
import type { Subject } from './subject.ts';
import type { TrackerAddress } from './tracker-address.ts';
import { mayCall } from './tracker-address.ts';
import type { BeatResult, TrackerLine } from './tracker-line.ts';

/** How it stands with one tracker, over all its addresses. */
export interface TrackerState {
  readonly tracker: TrackerAddress;
  readonly status: 'unresolved' | 'silent' | 'refused' | 'working';
  /** What went wrong, for people; empty when it works. */
  readonly text: string;
  /** What it last said of the swarm. */
  readonly seeders: number;
  readonly leechers: number;
}

/**
 * One tracker by its name: a link to one address of each family that the name has. When a link fails, the name is
 * looked up again, since it may mean another machine by now; when it has several addresses, the next one is tried.
 */
export class TrackerSite {
  readonly #clock: Clock;
  readonly #newLine: () => TrackerLine;
  readonly #resolver: Resolver;
  readonly #log: Log;
  readonly #subject: Subject;
  readonly #tracker: TrackerAddress;
  readonly #onState: (state: TrackerState) => void;
  readonly #links = new Map<'IPv4' | 'IPv6', TrackerLink>();
  #state: TrackerState;
  #isStopped = false;
  #isResolving = false;
  #cancelResolve: () => void = () => {};
  #resolveFailures = 0;
  /** Settles the promise of `start`. */
  #greeted: () => void = () => {};

  constructor(options: {
    readonly clock: Clock;
    /** One for each address family that the tracker has. */
    readonly newLine: () => TrackerLine;
    readonly resolver: Resolver;
    readonly log: Log;
    readonly subject: Subject;
    readonly tracker: TrackerAddress;
    readonly onState: (state: TrackerState) => void;
  }) {
    this.#clock = options.clock;
    this.#newLine = options.newLine;
    this.#resolver = options.resolver;
    this.#log = options.log;
    this.#subject = options.subject;
    this.#tracker = options.tracker;
    this.#onState = options.onState;
    this.#state = { tracker: options.tracker, status: 'silent', text: '', seeders: 0, leechers: 0 };
  }

  /** Resolves when the tracker has answered, or has not at any address, or has none; never rejects. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#greeted = resolve;
      void this.#resolve();
    });
  }

  announceNow(): void {
    for (const link of this.#links.values()) link.announceNow();
  }

  announceNews(): void {
    for (const link of this.#links.values()) link.announceNews();
  }

  /** To be called when all calls have been cancelled. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelResolve();
    this.#greeted();
    await Promise.all([...this.#links.values()].map((link) => link.stop()));
  }

  async #resolve(): Promise<void> {
    if (this.#isResolving || this.#isStopped) return;
    this.#isResolving = true;
    const addresses = await this.#resolver.resolve(this.#tracker.host).catch(messageOf);
    this.#isResolving = false;
    if (this.#isStopped) return;
    if (typeof addresses === 'string') {
      this.#resolveInVain(addresses);
      return;
    }
    const canonical = addresses
      .flatMap((address) => canonicalAddress(address) ?? [])
      .filter((address) => mayCall(this.#tracker, address));
    if (canonical.length === 0) {
      this.#resolveInVain('it is at an address of this machine or network where a link may not send us');
      return;
    }
    this.#resolveFailures = 0;
    this.#linkTo(
      'IPv4',
      canonical.filter((address) => !isIPv6(address)),
    );
    this.#linkTo('IPv6', canonical.filter(isIPv6));
  }

  #resolveInVain(text: string): void {
    this.#resolveFailures++;
    const pauseMs = TRACKER_RETRY_FIRST_MS * 2 ** Math.min(this.#resolveFailures - 1, 16);
    const due = after(this.#clock.now(), Math.min(pauseMs, TRACKER_RETRY_LAST_MS));
    this.#cancelResolve();
    this.#cancelResolve = this.#clock.at(due, () => void this.#resolve());
    // Links that work need no name.
    if ([...this.#links.values()].every((link) => link.isFailing)) this.#become({ status: 'unresolved', text });
    this.#greeted();
  }

  /** Follows what the name means now, as far as the link there is does not work. */
  #linkTo(family: 'IPv4' | 'IPv6', hosts: readonly string[]): void {
    const link = this.#links.get(family);
    const { port } = this.#tracker;
    if (link === undefined) {
      if (hosts.length === 0) return;
      const made = new TrackerLink({
        clock: this.#clock,
        line: this.#newLine(),
        subject: this.#subject,
        tracker: { host: hosts[0]!, port },
        onBeat: (result) => this.#heed(result),
      });
      this.#links.set(family, made);
      made.start();
    } else if (link.isFailing && hosts.length === 0) {
      link.drop();
      this.#links.delete(family);
    } else if (link.isFailing) {
      const next = hosts[(hosts.indexOf(link.tracker.host) + 1) % hosts.length]!;
      if (next !== link.tracker.host) link.move({ host: next, port });
    }
  }

  #heed(result: BeatResult): void {
    if (result.ok) {
      const { seeders, leechers } = result.answer;
      this.#become({ status: 'working', text: '', seeders, leechers });
      this.#greeted();
      return;
    }
    void this.#resolve();
    // Another family may work: `localhost` is two addresses, and the tracker may be at one of them only.
    if (![...this.#links.values()].every((link) => link.isFailing)) return;
    this.#become({ status: saysNo(result.failure) ? 'refused' : 'silent', text: result.text });
    this.#greeted();
  }

  #become(change: Partial<TrackerState>): void {
    const before = this.#state;
    this.#state = { ...before, ...change };
    this.#onState(this.#state);
    const { status, text } = this.#state;
    if (status === before.status && text === before.text) return;
    const { url } = this.#tracker;
    if (status === 'working') this.#log.info('announced', { tracker: url, ...pick(this.#state) });
    else this.#log.warn(TROUBLES[status], { tracker: url, reason: text });
  }
}

const pick = ({ seeders, leechers }: TrackerState): { seeders: number; leechers: number } => ({ seeders, leechers });

const TROUBLES = {
  unresolved: 'the name of the tracker means no address; trying on',
  silent: 'the tracker does not answer; trying on',
  refused: 'the tracker refuses this; trying on',
} as const;
