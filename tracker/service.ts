import { addressBytes } from '../common/base/address.ts';
import type { Endpoint, Instant, WireHash } from '../common/base/ids.ts';
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
import type { Random } from '../common/base/ports.ts';
import { itemSwarm } from '../common/wire/catalogue-entry.ts';
import type { CatalogueFault } from '../common/wire/catalogue-errors.ts';
import { fault } from '../common/wire/catalogue-errors.ts';
import type { BeatRequest, PublishRequest } from '../common/wire/catalogue-publishing.ts';
import { encodeBeatResponse, encodePublishResponse } from '../common/wire/catalogue-publishing.ts';
import {
  ALL_OPERATIONS,
  encodeHelloResponse,
  encodeListResponse,
  encodeLookupResponse,
} from '../common/wire/catalogue-reading.ts';
import type { AnnounceRequest, RequestFault, ScrapeRequest, TrackerRequest } from '../common/wire/tracker-packets.ts';
import {
  decodeRequest,
  encodeAnnounceResponse,
  encodeConnectResponse,
  encodeErrorResponse,
  encodeScrapeResponse,
} from '../common/wire/tracker-packets.ts';
import type { Population } from './catalogue.ts';
import { Catalogue } from './catalogue.ts';
import type { Cookie } from './cookie.ts';
import { PublishQuota } from './publish-quota.ts';
import type { RefusalReason, RegistryLimits } from './registry.ts';
import { Registry } from './registry.ts';
import type { Role } from './swarm.ts';
import { peerKey, sourceOf } from './swarm.ts';

/** What became of a datagram: names of counters, all of them fixed. */
export type Outcome =
  | TrackerRequest['kind']
  | RequestFault['reason']
  | RefusalReason
  | 'zero_source_port'
  | 'bad_connection_id'
  | 'expired_connection_id'
  | 'publish_refused';

export interface Handled {
  readonly outcome: Outcome;
  /** What to send back to where the datagram came from; undefined for silence. */
  readonly reply: Uint8Array | undefined;
}

export interface ServiceSettings {
  /** How often our own peers are to announce, in seconds. */
  readonly intervalS: number;
  /** Our own peers are gone this long after their last packet, or sooner when they ask for it. */
  readonly ttlS: number;
  readonly limits: RegistryLimits;
}

/** Looked at by every request besides its own work, so that a busy tracker sweeps at least as fast as it fills. */
const SWEEP_ALONG = 64;

/** Told to those who share an address too busy to take more in. */
const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  source_full: 'too many peers from this address',
  swarm_full: 'too many peers of this torrent',
  registry_full: 'tracker is full',
};

/**
 * What a tracker says to each datagram (BEP 15, 41, 7). The order of the checks is the policy:
 * 1. what cannot be a request gets silence;
 * 2. connect is answered with 16 bytes for 16, so that a forged source gains nothing;
 * 3. without a good connection id there is silence, whatever the request is: nothing changes and nothing is told;
 * 4. only then are faults explained and requests served.
 */
export class TrackerService {
  readonly #cookie: Cookie;
  readonly #settings: ServiceSettings;
  readonly #registry: Registry;
  readonly #catalogue: Catalogue;
  readonly #quota = new PublishQuota({ perMinute: PUBLISHES_PER_MINUTE, sources: MAX_PUBLISHERS });
  /** Peers of the announce answer that is being made. */
  readonly #peers = new Uint8Array(Math.max(MAX_PEERS_V4 * 6, MAX_PEERS_V6 * 18));
  #now: Instant;

  constructor(options: {
    readonly cookie: Cookie;
    readonly random: Random;
    readonly settings: ServiceSettings;
    readonly now: Instant;
    /** Where catalogue entries begin to be numbered; at least 1. */
    readonly firstSequence: number;
  }) {
    this.#cookie = options.cookie;
    this.#settings = options.settings;
    this.#now = options.now;
    this.#catalogue = new Catalogue({
      limits: {
        entries: MAX_CATALOGUE_ENTRIES,
        entriesPerSource: MAX_CATALOGUE_ENTRIES_PER_IP,
        scan: MAX_CATALOGUE_SCAN,
      },
      firstSequence: options.firstSequence,
      population: (swarm) => this.#population(swarm),
    });
    this.#registry = new Registry({
      random: options.random,
      limits: options.settings.limits,
      now: options.now,
      barren: (infoHash) => {
        if (this.#population(infoHash).seeders === 0) this.#catalogue.remove(infoHash);
      },
    });
  }

  /** How much there is, for people. */
  get size(): { readonly swarms: number; readonly peers: number; readonly expired: number; readonly entries: number } {
    const { swarms, peers, expiredPeers: expired } = this.#registry;
    return { swarms, peers, expired, entries: this.#catalogue.size };
  }

  /** When `sweep` should be called next. */
  get nextDue(): Instant {
    return this.#registry.nextDue;
  }

  /** Drops some of the peers whose time is over. */
  sweep(now: Instant): void {
    this.#now = now;
    this.#registry.sweep(now, MAX_SWEEP_PEERS);
  }

  /** Judges one datagram. Its bytes are not kept. */
  handle(bytes: Uint8Array, from: Endpoint, now: Instant): Handled {
    this.#now = now;
    const received = decodeRequest(bytes);
    if (!received.ok && !received.answerable) return silent(received.reason);
    const address = addressBytes(from.host);
    // Nobody can be reached at port 0, and nobody sends from there in earnest.
    if (address === undefined || from.port === 0) return silent('zero_source_port');
    if (!received.ok || received.value.kind !== 'connect') {
      const proof = this.#cookie.check(bytes, address, now);
      if (proof !== 'good') return silent(proof === 'expired' ? 'expired_connection_id' : 'bad_connection_id');
    }
    if (!received.ok) return explained(received.reason, received.transactionId, received.text);
    this.#registry.sweep(now, SWEEP_ALONG);
    return this.#serve(received.value, address);
  }

  #serve(request: TrackerRequest, address: Uint8Array): Handled {
    const { kind, transactionId } = request;
    switch (kind) {
      case 'connect': {
        const id = this.#cookie.issue(address, this.#now);
        return { outcome: kind, reply: encodeConnectResponse(transactionId, id) };
      }
      case 'announce':
        return this.#announce(request, address);
      case 'scrape':
        return { outcome: kind, reply: encodeScrapeResponse(transactionId, this.#counts(request, address)) };
      case 'hello':
        return { outcome: kind, reply: encodeHelloResponse(transactionId, this.#hello()) };
      case 'publish':
        return this.#publish(request, address);
      case 'list':
        return { outcome: kind, reply: encodeListResponse(transactionId, this.#catalogue.list(request)) };
      case 'lookup':
        return { outcome: kind, reply: encodeLookupResponse(transactionId, this.#catalogue.lookup(request.by)) };
      case 'heartbeat':
      case 'withdraw':
        return this.#beat(request, address);
    }
  }

  #announce(request: AnnounceRequest, address: Uint8Array): Handled {
    const { transactionId, infoHash, port, event } = request;
    const ours = request.ttlS !== undefined;
    const ttlS = ours ? this.#grantedTtl(request.ttlS) : Math.max(FOREIGN_TTL_S, this.#settings.ttlS);
    const wanted = request.wanted < 0 ? DEFAULT_NUM_WANT : request.wanted;
    const outcome = this.#registry.announce(
      {
        infoHash,
        address,
        port,
        role: roleOf(request),
        event: event === 'stopped' || event === 'completed' ? event : 'alive',
        ttlS,
        wanted: Math.min(wanted, address.length === 4 ? MAX_PEERS_V4 : MAX_PEERS_V6),
      },
      this.#now,
      this.#peers,
    );
    if (!outcome.ok) return explained(outcome.reason, transactionId, REFUSALS[outcome.reason]);
    const reply = encodeAnnounceResponse(transactionId, {
      intervalS: ours ? this.#intervalFor(ttlS) : this.#foreignInterval(),
      leechers: outcome.leechers,
      seeders: outcome.seeders,
      peers: this.#peers.subarray(0, outcome.peerBytes),
    });
    return { outcome: 'announce', reply };
  }

  #counts(request: ScrapeRequest, address: Uint8Array): { seeders: number; completed: number; leechers: number }[] {
    return request.hashes.map((hash) => {
      const state = this.#registry.state(hash, address.length);
      // A partial seed is no seeder to a scrape (BEP 48, 21).
      return { seeders: state.seeders, completed: state.completed, leechers: state.leechers + state.partialSeeds };
    });
  }

  #hello(): Parameters<typeof encodeHelloResponse>[1] {
    return {
      operations: ALL_OPERATIONS,
      intervalS: this.#intervalFor(this.#settings.ttlS),
      maxEntriesPerSource: MAX_CATALOGUE_ENTRIES_PER_IP,
      maxHeartbeatHashes: MAX_HEARTBEAT_HASHES,
    };
  }

  #publish(request: PublishRequest, address: Uint8Array): Handled {
    const refused = ({ text }: CatalogueFault): Handled => explained('publish_refused', request.transactionId, text);
    const source = sourceOf(peerKey(address, request.port));
    if (!this.#quota.take(source, this.#now)) {
      return refused(fault('slow-down', `at most ${PUBLISHES_PER_MINUTE} publishes a minute`));
    }
    const role = this.#registry.roleOf(itemSwarm(request.item), address, request.port, this.#now);
    if (role !== 'seeder' && role !== 'partial') {
      return refused(fault('not-seeding', 'announce this torrent as its seeder first, from this address and port'));
    }
    const published = this.#catalogue.publish(request.item, source);
    if (!published.ok) return refused(published);
    const answer = { ttlS: this.#grantedTtl(request.ttlS), sequence: BigInt(published.sequence) };
    return { outcome: 'publish', reply: encodePublishResponse(request.transactionId, answer) };
  }

  #beat(request: BeatRequest, address: Uint8Array): Handled {
    const { kind, port, hashes, transactionId } = request;
    const known = hashes.map((hash) =>
      kind === 'heartbeat'
        ? this.#registry.beat(hash, address, port, this.#now)
        : this.#registry.remove(hash, address, port, this.#now),
    );
    const intervalS = this.#intervalFor(this.#settings.ttlS);
    return { outcome: kind, reply: encodeBeatResponse(kind, transactionId, { intervalS, known }) };
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
function roleOf({ leftBytes, event }: AnnounceRequest): Role {
  if (leftBytes === 0) return 'seeder';
  return event === 'paused' ? 'partial' : 'leecher';
}

const silent = (outcome: Outcome): Handled => ({ outcome, reply: undefined });
const explained = (outcome: Outcome, transactionId: number, text: string): Handled => ({
  outcome,
  reply: encodeErrorResponse(transactionId, text),
});
