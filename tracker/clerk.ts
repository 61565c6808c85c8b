import type { Instant, WireHash } from '../common/base/ids.ts';
import {
  DEFAULT_NUM_WANT,
  FOREIGN_INTERVAL_S,
  FOREIGN_TTL_S,
  MAX_CATALOGUE_ENTRIES,
  MAX_CATALOGUE_ENTRIES_PER_IP,
  MAX_CATALOGUE_SCAN,
  MAX_FOREIGN_INTERVAL_S,
  MAX_HEARTBEAT_HASHES,
  MAX_PEERS_V4,
  MAX_PEERS_V6,
  MAX_PUBLISHERS,
  MAX_SWEEP_PEERS,
  MIN_PEER_TTL_S,
  PUBLISHES_PER_MINUTE,
} from '../common/base/limits.ts';
import type { WordMemory } from '../common/base/memory-ports.ts';
import type { Random } from '../common/base/ports.ts';
import type { Prefixes } from '../common/base/prefixes.ts';
import { itemSwarm } from '../common/wire/catalogue-entry.ts';
import type { CatalogueFault } from '../common/wire/catalogue-errors.ts';
import { fault } from '../common/wire/catalogue-errors.ts';
import type { BeatAnswer, BeatRequest, PublishAnswer, PublishRequest } from '../common/wire/catalogue-publishing.ts';
import { ALL_OPERATIONS, type HelloAnswer } from '../common/wire/catalogue-reading.ts';
import type { AnnounceRequest, SwarmCounts } from '../common/wire/tracker-packets.ts';
import { Catalogue, type Population } from './catalogue.ts';
import { GuardedRegistry } from './guarded-registry.ts';
import { PublishQuota } from './publish-quota.ts';
import { type Announcement, Registry, type RefusalReason, type RegistryLimits, type RegistryView } from './registry.ts';
import type { Role } from './role.ts';
import { sourceOf } from './source.ts';

export interface ServiceSettings {
  /** How often our own peers are to announce, in seconds. */
  readonly intervalS: number;
  /** Our own peers are gone this long after their last packet, or sooner when they ask for it. */
  readonly ttlS: number;
  readonly limits: RegistryLimits;
}

/** What is asked by an announce, over UDP or HTTP. A `ttlS` marks one of our own peers. */
export type AnnounceFacts = Pick<AnnounceRequest, 'infoHash' | 'port' | 'leftBytes' | 'event' | 'wanted' | 'ttlS'>;

export type AnnounceAnswer =
  | {
      readonly ok: true;
      readonly intervalS: number;
      /** Who has a reason may ask again so soon. */
      readonly minIntervalS: number;
      readonly seeders: number;
      readonly leechers: number;
      /** Compact peers of the asker's family. They, and the whole answer, are valid until the next announce. */
      readonly peers: Uint8Array;
    }
  | { readonly ok: false; readonly reason: RefusalReason; readonly text: string };

/** Told to those who share an address too busy to take more in. */
const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  source_full: 'too many peers from this address',
  swarm_full: 'too many peers of this torrent',
  registry_full: 'tracker is full',
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Looked at by every request besides its own work, so that a busy tracker sweeps at least as fast as it fills. */
const SWEEP_ALONG = 64;

/**
 * Who is told what, whatever protocol they ask by: the same registry, the same catalogue, the same bounds. Addresses
 * here are those that a connection id (UDP) or a handshake (TCP) has proven.
 */
export class Clerk {
  readonly #settings: ServiceSettings;
  readonly #registry: RegistryView;
  readonly #quota = new PublishQuota({ perMinute: PUBLISHES_PER_MINUTE, sources: MAX_PUBLISHERS });
  /** The announce and its answer, used over and over. */
  readonly #announcement: Mutable<Announcement>;
  readonly #answer: Mutable<AnnounceAnswer & { readonly ok: true }>;
  readonly catalogue: Catalogue;

  constructor(options: {
    /** Where the registry lies. */
    readonly memory: WordMemory;
    readonly random: Random;
    readonly settings: ServiceSettings;
    readonly now: Instant;
    /** Where catalogue entries begin to be numbered; at least 1. */
    readonly firstSequence: number;
    /** Who has the catalogue, when another thread has, and is to be told of swarms without seeders. */
    readonly tellBarren: ((swarm: WireHash) => void) | undefined;
  }) {
    this.#settings = options.settings;
    const infoHash = new Uint8Array(20);
    const event = 'alive';
    this.#announcement = { infoHash, address: infoHash, port: 0, role: 'leecher', event, ttlS: 1, wanted: 0 };
    const peers = infoHash;
    this.#answer = { ok: true, intervalS: 0, minIntervalS: 0, seeders: 0, leechers: 0, peers };
    this.catalogue = new Catalogue({
      limits: {
        entries: MAX_CATALOGUE_ENTRIES,
        entriesPerSource: MAX_CATALOGUE_ENTRIES_PER_IP,
        scan: MAX_CATALOGUE_SCAN,
      },
      firstSequence: options.firstSequence,
      population: (swarm) => this.#population(swarm),
    });
    const { memory, random, now, settings } = options;
    const { lock } = memory;
    const tellBarren = options.tellBarren ?? ((swarm: WireHash) => this.barren(swarm));
    const registry = (barren: (swarm: WireHash) => void): Registry =>
      new Registry({ memory, random, limits: settings.limits, now, barren });
    this.#registry =
      lock === undefined ? registry(tellBarren) : new GuardedRegistry({ lock, registry, barren: tellBarren });
  }

  /** To be told of a swarm whose last seeder left: its entry goes, unless there is one again. */
  barren(swarm: WireHash): void {
    if (this.#population(swarm).seeders === 0) this.catalogue.remove(swarm);
  }

  /** How much there is, for people. */
  get size(): { readonly swarms: number; readonly peers: number; readonly expired: number; readonly entries: number } {
    const { swarms, peers, expiredPeers: expired } = this.#registry;
    return { swarms, peers, expired, entries: this.catalogue.size };
  }

  /** When `sweep` should be called next. */
  get nextDue(): Instant {
    return this.#registry.nextDue;
  }

  /** Drops some of the peers whose time is over. */
  sweep(now: Instant): void {
    this.#registry.sweep(now, MAX_SWEEP_PEERS);
  }

  /** Drops a few of them; to be called with every request. */
  sweepAlong(now: Instant): void {
    this.#registry.sweep(now, SWEEP_ALONG);
  }

  /** The peers of the answer are written into `peers`, which has room for as many as a datagram. */
  announce(facts: AnnounceFacts, address: Uint8Array, now: Instant, peers: Prefixes): AnnounceAnswer {
    const { infoHash, port, event } = facts;
    const isOurs = facts.ttlS !== undefined;
    const ttlS = isOurs ? this.#grantedTtl(facts.ttlS) : Math.max(FOREIGN_TTL_S, this.#settings.ttlS);
    const wanted = facts.wanted < 0 ? DEFAULT_NUM_WANT : facts.wanted;
    const one = this.#announcement;
    one.infoHash = infoHash;
    one.address = address;
    one.port = port;
    one.role = roleOf(facts);
    one.asker = askerOf(facts);
    one.event = event === 'stopped' || event === 'completed' ? event : 'alive';
    one.ttlS = ttlS;
    one.wanted = Math.min(wanted, address.length === 4 ? MAX_PEERS_V4 : MAX_PEERS_V6);
    const outcome = this.#registry.announce(one, now, peers.whole);
    if (!outcome.ok) return { ok: false, reason: outcome.reason, text: REFUSALS[outcome.reason] };
    const answer = this.#answer;
    answer.minIntervalS = this.#intervalFor(ttlS);
    answer.intervalS = isOurs ? answer.minIntervalS : this.#foreignInterval();
    answer.seeders = outcome.seeders;
    answer.leechers = outcome.leechers;
    answer.peers = peers.of(outcome.peerBytes);
    return answer;
  }

  /** In the asker's family. A partial seed is no seeder to a scrape (BEP 48, 21). */
  counts(hashes: readonly WireHash[], address: Uint8Array): SwarmCounts[] {
    return hashes.map((hash) => {
      const { seeders, completed, leechers, partialSeeds } = this.#registry.state(hash, address.length);
      return { seeders, completed, leechers: leechers + partialSeeds };
    });
  }

  hello(): HelloAnswer {
    return {
      operations: ALL_OPERATIONS,
      intervalS: this.#intervalFor(this.#settings.ttlS),
      maxEntriesPerSource: MAX_CATALOGUE_ENTRIES_PER_IP,
      maxHeartbeatHashes: MAX_HEARTBEAT_HASHES,
    };
  }

  publish(
    request: Pick<PublishRequest, 'port' | 'item' | 'ttlS'>,
    address: Uint8Array,
    now: Instant,
  ): (PublishAnswer & { readonly ok: true }) | CatalogueFault {
    const source = sourceOf(address);
    if (!this.#quota.take(source, now)) return fault('slow-down', `at most ${PUBLISHES_PER_MINUTE} publishes a minute`);
    const role = this.#registry.roleOf(itemSwarm(request.item), address, request.port, now);
    if (role !== 'seeder' && role !== 'partial') {
      return fault('not-seeding', 'announce this torrent as its seeder first, from this address and port');
    }
    const published = this.catalogue.publish(request.item, source);
    if (!published.ok) return published;
    return { ok: true, ttlS: this.#grantedTtl(request.ttlS), sequence: BigInt(published.sequence) };
  }

  /** Refreshes or forgets the peer in each swarm; says where it was there. */
  beat(request: Pick<BeatRequest, 'kind' | 'port' | 'hashes'>, address: Uint8Array, now: Instant): BeatAnswer {
    const { kind, port, hashes } = request;
    const known = hashes.map((hash) =>
      kind === 'heartbeat'
        ? this.#registry.beat(hash, address, port, now)
        : this.#registry.remove(hash, address, port, now),
    );
    return { intervalS: this.#intervalFor(this.#settings.ttlS), known };
  }

  /** A peer may ask for a shorter life than the tracker's, down to where beats would crowd. */
  #grantedTtl(askedS: number): number {
    return Math.min(Math.max(askedS, MIN_PEER_TTL_S), this.#settings.ttlS);
  }

  /** Never so long that two lost beats end a life. */
  #intervalFor(ttlS: number): number {
    return Math.max(1, Math.min(this.#settings.intervalS, Math.floor(ttlS / 3)));
  }

  #foreignInterval(): number {
    return Math.min(Math.max(FOREIGN_INTERVAL_S, this.#settings.intervalS), MAX_FOREIGN_INTERVAL_S);
  }

  /** Over both families. A peer of both is in both, so the sum would count it twice. */
  #population(swarm: WireHash): Population {
    let [seeders, leechers] = [0, 0];
    for (const addressLength of [4, 16]) {
      const state = this.#registry.state(swarm, addressLength);
      seeders = Math.max(seeders, state.seeders + state.partialSeeds);
      leechers = Math.max(leechers, state.leechers);
    }
    return { seeders, leechers };
  }
}

/** `left` says it all, but for a partial seed (BEP 21). */
function roleOf({ leftBytes, event }: AnnounceFacts): Role {
  if (leftBytes === 0) return 'seeder';
  return event === 'paused' ? 'partial' : 'leecher';
}

/**
 * aria2 says that nothing is left as long as it has no more than a magnet link. As a seeder it would be given no
 * seeders, and never begin; so at its start every foreign client is given what a leecher is.
 */
const askerOf = (facts: AnnounceFacts): Role =>
  facts.ttlS === undefined && facts.event === 'started' && facts.leftBytes === 0 ? 'leecher' : roleOf(facts);
