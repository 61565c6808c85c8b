import { addressBytes, writeIPv4 } from '../common/base/address.ts';
import type { Endpoint, Instant, WireHash } from '../common/base/ids.ts';
import { MAX_DATAGRAM_BYTES } from '../common/base/limits.ts';
import type { WordMemory } from '../common/base/memory-ports.ts';
import type { Random } from '../common/base/ports.ts';
import { Prefixes } from '../common/base/prefixes.ts';
import type { BeatRequest, PublishRequest } from '../common/wire/catalogue-publishing.ts';
import { encodeBeatResponse, encodePublishResponse } from '../common/wire/catalogue-publishing.ts';
import { encodeHelloResponse, encodeListResponse, encodeLookupResponse } from '../common/wire/catalogue-reading.ts';
import type { RequestFault, TrackerRequest } from '../common/wire/tracker-packets.ts';
import {
  ANNOUNCE_RESPONSE_BYTES,
  encodeConnectResponse,
  encodeErrorResponse,
  encodeScrapeResponse,
  writeAnnounceHead,
} from '../common/wire/tracker-packets.ts';
import { type ReadRequest, RequestReader, type TrackerAnnounce } from '../common/wire/tracker-reader.ts';
import { Clerk, type ServiceSettings } from './clerk.ts';
import type { Cookie } from './cookie.ts';
import type { RefusalReason } from './registry.ts';

/** What became of a datagram: names of counters, all of them fixed. */
export type Outcome =
  | TrackerRequest['kind']
  | RequestFault['reason']
  | RefusalReason
  | 'zero_source_port'
  | 'bad_connection_id'
  | 'expired_connection_id'
  | 'publish_refused'
  /** Good, and to be answered by the thread that has the catalogue. */
  | 'for_the_catalogue';

export interface Handled {
  readonly outcome: Outcome;
  /** What to send back to where the datagram came from, to be sent at once; undefined for silence. */
  readonly reply: Uint8Array | undefined;
}

/**
 * What a tracker says to each datagram (BEP 15, 41, 7). The order of the checks is the policy:
 * 1. what cannot be a request gets silence;
 * 2. connect is answered with 16 bytes for 16, so that a forged source gains nothing;
 * 3. without a good connection id there is silence, whatever the request is: nothing changes and nothing is told;
 * 4. only then are faults explained and requests served.
 */
export class TrackerService {
  readonly #cookie: Cookie;
  /** Who serves what has been understood; other protocols ask it too. */
  readonly clerk: Clerk;
  /** What is made for each announce anew, made once: the request, where it came from, and the answer. */
  readonly #reader = new RequestReader();
  readonly #addressV4 = new Uint8Array(4);
  readonly #reply = new Prefixes(new Uint8Array(MAX_DATAGRAM_BYTES));
  /** Where in it the peers are. */
  readonly #peers = new Prefixes(this.#reply.whole.subarray(ANNOUNCE_RESPONSE_BYTES));
  readonly #announced: { outcome: 'announce'; reply: Uint8Array } = { outcome: 'announce', reply: this.#reply.whole };
  readonly #isCatalogueHere: boolean;
  #now: Instant;

  constructor(options: {
    readonly cookie: Cookie;
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
    const { memory, random, settings, now, firstSequence, tellBarren } = options;
    this.#cookie = options.cookie;
    this.#now = now;
    this.clerk = new Clerk({ memory, random, settings, now, firstSequence, tellBarren });
    this.#isCatalogueHere = tellBarren === undefined;
  }

  /** How much there is, for people. */
  get size(): Clerk['size'] {
    return this.clerk.size;
  }

  /** When `sweep` should be called next. */
  get nextDue(): Instant {
    return this.clerk.nextDue;
  }

  /** Drops some of the peers whose time is over. */
  sweep(now: Instant): void {
    this.clerk.sweep(now);
  }

  /** Judges one datagram. Its bytes are not kept; the result is valid until the next one. */
  handle(bytes: Uint8Array, from: Endpoint, now: Instant): Handled {
    this.#now = now;
    const received = this.#reader.read(bytes);
    if (!received.ok && !received.answerable) return silent(received.reason);
    const address = writeIPv4(from.host, this.#addressV4) ? this.#addressV4 : addressBytes(from.host);
    // Nobody can be reached at port 0, and nobody sends from there in earnest.
    if (address === undefined || from.port === 0) return silent('zero_source_port');
    if (!received.ok || received.value.kind !== 'connect') {
      const proof = this.#cookie.check(bytes, address, now);
      if (proof !== 'good') return silent(proof === 'expired' ? 'expired_connection_id' : 'bad_connection_id');
    }
    if (!received.ok) return explained(received.reason, received.transactionId, received.text);
    this.clerk.sweepAlong(now);
    return this.#serve(received.value, address);
  }

  #serve(request: ReadRequest, address: Uint8Array): Handled {
    const { kind, transactionId } = request;
    const { clerk } = this;
    switch (kind) {
      case 'connect': {
        const id = this.#cookie.issue(address, this.#now);
        return { outcome: kind, reply: encodeConnectResponse(transactionId, id) };
      }
      case 'announce':
        return this.#announce(request, address);
      case 'scrape':
        return { outcome: kind, reply: encodeScrapeResponse(transactionId, clerk.counts(request.hashes, address)) };
      case 'hello':
        return { outcome: kind, reply: encodeHelloResponse(transactionId, clerk.hello()) };
      case 'publish':
        return this.#isCatalogueHere ? this.#publish(request, address) : ELSEWHERE;
      case 'list':
        if (!this.#isCatalogueHere) return ELSEWHERE;
        return { outcome: kind, reply: encodeListResponse(transactionId, clerk.catalogue.list(request)) };
      case 'lookup':
        if (!this.#isCatalogueHere) return ELSEWHERE;
        return { outcome: kind, reply: encodeLookupResponse(transactionId, clerk.catalogue.lookup(request.by)) };
      case 'heartbeat':
      case 'withdraw':
        return this.#beat(request, address);
    }
  }

  #announce(request: TrackerAnnounce, address: Uint8Array): Handled {
    const { transactionId } = request;
    const answer = this.clerk.announce(request, address, this.#now, this.#peers);
    if (!answer.ok) return explained(answer.reason, transactionId, answer.text);
    writeAnnounceHead(transactionId, answer, this.#reply.whole);
    this.#announced.reply = this.#reply.of(ANNOUNCE_RESPONSE_BYTES + answer.peers.length);
    return this.#announced;
  }

  #publish(request: PublishRequest, address: Uint8Array): Handled {
    const published = this.clerk.publish(request, address, this.#now);
    if (!published.ok) return explained('publish_refused', request.transactionId, published.text);
    return { outcome: 'publish', reply: encodePublishResponse(request.transactionId, published) };
  }

  #beat(request: BeatRequest, address: Uint8Array): Handled {
    const { kind, transactionId } = request;
    const answer = this.clerk.beat(request, address, this.#now);
    return { outcome: kind, reply: encodeBeatResponse(kind, transactionId, answer) };
  }
}

const ELSEWHERE: Handled = { outcome: 'for_the_catalogue', reply: undefined };
const silent = (outcome: Outcome): Handled => ({ outcome, reply: undefined });
const explained = (outcome: Outcome, transactionId: number, text: string): Handled => ({
  outcome,
  reply: encodeErrorResponse(transactionId, text),
});
