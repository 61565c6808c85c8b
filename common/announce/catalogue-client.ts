import { canonicalAddress, isIPv6 } from '../base/address.ts';
import { looseText, toHex, utf8 } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import type { Endpoint } from '../base/ids.ts';
import { CATALOGUE_TRIES, MAX_CATALOGUE_ENTRIES, MAX_CATALOGUE_QUERY_BYTES } from '../base/limits.ts';
import type { Clock, Random, Resolver, UdpBinder } from '../base/ports.ts';
import type { CatalogueEntry } from '../wire/catalogue-entry.ts';
import { foldName, nameMatcher } from '../wire/catalogue-entry.ts';
import type { LookupKey } from '../wire/catalogue-reading.ts';
import { TrackerCaller } from './caller.ts';
import type { TrackerCall } from './calls.ts';
import { listCall, lookupCall } from './calls.ts';
import type { CallResult } from './exchange.ts';
import type { TrackerAddress } from './tracker-address.ts';

/** One thing that can be had, and where it is known. */
export interface FoundEntry extends CatalogueEntry {
  /** The trackers that list it, in the order they were given. */
  readonly trackers: readonly TrackerAddress[];
}

/** How the question went at one tracker. */
export interface TrackerReply {
  readonly tracker: TrackerAddress;
  readonly status: 'ok' | 'no answer' | 'no catalogue' | 'unresolved';
  /** What went wrong, for people; empty when nothing did. */
  readonly text: string;
}

export interface CatalogueReply {
  /** Most seeders first, then by name. Merged over the trackers by info hash. */
  readonly entries: readonly FoundEntry[];
  readonly trackers: readonly TrackerReply[];
}

/** Pages of one list: more than any catalogue has, so that a tracker that never ends cannot hold us. */
const MAX_PAGES = 1_000;

interface Gathered extends TrackerReply {
  readonly entries: readonly CatalogueEntry[];
}
type Ask = <A>(call: TrackerCall<A>) => Promise<CallResult<A>>;

/** Asks the catalogues of several trackers what there is. What they say is only for display: the hash is the proof. */
export class CatalogueClient {
  readonly #resolver: Resolver;
  readonly #trackers: readonly TrackerAddress[];
  readonly #caller: TrackerCaller;

  constructor(options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly udp: UdpBinder;
    readonly resolver: Resolver;
    readonly trackers: readonly TrackerAddress[];
    /** Address to ask from; undefined: any. */
    readonly localHost?: string | undefined;
  }) {
    const { clock, random, udp, localHost } = options;
    this.#resolver = options.resolver;
    this.#trackers = options.trackers;
    this.#caller = new TrackerCaller({ clock, random, udp, localHost });
  }

  /** Everything that is listed, or what has every word of the query in its name. Never rejects. */
  list(options: { readonly query?: string } = {}): Promise<CatalogueReply> {
    const query = options.query ?? '';
    return this.#askAll(async (ask) => {
      const found = await allPages(ask, cut(query));
      if (!found.ok) return found;
      // The end of a long query did not fit the question.
      const matches = nameMatcher(query);
      return { ok: true, answer: found.answer.filter((entry) => matches(foldName(entry.name))) };
    });
  }

  /** What has this hash or exactly this name. Never rejects. */
  lookup(by: LookupKey): Promise<CatalogueReply> {
    return this.#askAll((ask) => ask(lookupCall(by)));
  }

  /** Gives up what is under way. */
  close(): Promise<void> {
    return this.#caller.close();
  }

  async #askAll(question: (ask: Ask) => Promise<CallResult<readonly CatalogueEntry[]>>): Promise<CatalogueReply> {
    const replies = await Promise.all(this.#trackers.map((tracker) => this.#askTracker(tracker, question)));
    return {
      entries: merged(replies),
      trackers: replies.map(({ tracker, status, text }) => ({ tracker, status, text })),
    };
  }

  /** Asks one address of each family at once: which of them the tracker is at is not known before. */
  async #askTracker(
    tracker: TrackerAddress,
    question: (ask: Ask) => Promise<CallResult<readonly CatalogueEntry[]>>,
  ): Promise<Gathered> {
    if (tracker.scheme !== 'udp') {
      return { tracker, status: 'no catalogue', text: 'a catalogue is asked for over UDP', entries: [] };
    }
    const addresses = await this.#resolver.resolve(tracker.host).catch(messageOf);
    if (typeof addresses === 'string') return { tracker, status: 'unresolved', text: addresses, entries: [] };
    const hosts = addresses.flatMap((address) => canonicalAddress(address) ?? []);
    const oneOfEach = [hosts.find((host) => !isIPv6(host)), hosts.find(isIPv6)].filter((host) => host !== undefined);
    const attempts = oneOfEach.map(async (host) => {
      const endpoint: Endpoint = { host, port: tracker.port };
      const result = await question((call) => this.#caller.ask(endpoint, call, CATALOGUE_TRIES));
      return result.ok ? result.answer : Promise.reject(new Unanswered(result));
    });
    try {
      return { tracker, status: 'ok', text: '', entries: await Promise.any(attempts) };
    } catch (error) {
      return { tracker, ...worst(error), entries: [] };
    }
  }
}

/** Carries a failed call through `Promise.any`. */
class Unanswered extends Error {
  readonly result: CallResult<unknown> & { readonly ok: false };

  constructor(result: CallResult<unknown> & { readonly ok: false }) {
    super(result.text);
    this.result = result;
  }
}

/** An address that answers anything at all says more than one that is silent. */
function worst(error: unknown): { readonly status: 'no answer' | 'no catalogue'; readonly text: string } {
  const failures = error instanceof AggregateError ? error.errors.filter((one) => one instanceof Unanswered) : [];
  const answered = failures.find(({ result }) => ['unanswered', 'refused', 'malformed'].includes(result.failure));
  if (answered !== undefined) return { status: 'no catalogue', text: answered.message };
  return { status: 'no answer', text: failures[0]?.message ?? 'no address' };
}

/** As much of a query as a request takes: a word that is cut still finds every name that the whole word finds. */
const cut = (query: string): string =>
  looseText(utf8(foldName(query)).subarray(0, MAX_CATALOGUE_QUERY_BYTES)).replace(/\ufffd+$/u, '');

async function allPages(ask: Ask, query: string): Promise<CallResult<readonly CatalogueEntry[]>> {
  const entries: CatalogueEntry[] = [];
  let cursor = 0n;
  for (let page = 0; page < MAX_PAGES && entries.length < MAX_CATALOGUE_ENTRIES; page++) {
    const result = await ask(listCall({ cursor, max: 0, query }));
    // Some pages are better than none.
    if (!result.ok) return entries.length > 0 ? { ok: true, answer: entries } : result;
    entries.push(...result.answer.entries);
    cursor = result.answer.nextCursor;
    if (cursor === 0n) break;
  }
  return { ok: true, answer: entries };
}

/** One entry per info hash. Trackers see different parts of a swarm, so the larger numbers are nearer the truth. */
function merged(replies: readonly Gathered[]): FoundEntry[] {
  const found = new Map<string, FoundEntry>();
  for (const { tracker, entries } of replies) {
    for (const entry of entries) {
      const key = toHex((entry.infoHashV2 ?? entry.infoHashV1)!);
      const known = found.get(key) ?? { ...entry, trackers: [] };
      found.set(key, {
        ...known,
        infoBytes: known.infoBytes ?? entry.infoBytes,
        seeders: Math.max(known.seeders, entry.seeders),
        leechers: Math.max(known.leechers, entry.leechers),
        trackers: known.trackers.includes(tracker) ? known.trackers : [...known.trackers, tracker],
      });
    }
  }
  return [...found.values()].toSorted((a, b) => b.seeders - a.seeders || (a.name < b.name ? -1 : 1));
}
