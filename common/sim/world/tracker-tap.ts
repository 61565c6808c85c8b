import { addressBytes, isIPv6 } from '../../base/address.ts';
import { toHex } from '../../base/bytes.ts';
import { after, type Endpoint, endpointText, type Instant } from '../../base/ids.ts';
import { DEFAULT_NUM_WANT, FOREIGN_TTL_S, MAX_PEERS_V4, MIN_PEER_TTL_S } from '../../base/limits.ts';
import type { Clock, UdpPort } from '../../base/ports.ts';
import { type BeatRequest, decodeBeatResponse } from '../../wire/catalogue-publishing.ts';
import { ACTION_ANNOUNCE, ACTION_ERROR, responseAction } from '../../wire/tracker-header.ts';
import {
  type AnnounceRequest,
  decodeAnnounceResponse,
  decodeRequest,
  type TrackerRequest,
} from '../../wire/tracker-packets.ts';
import type { Verdict } from './verdict.ts';

/** A peer that a tracker has taken in, as far as anyone can know. */
interface Member {
  readonly endpoint: Endpoint;
  readonly isGiver: boolean;
  readonly ttlMs: number;
  /** From then on it must not be handed out; but for the rest of that second, which counts in its favour. */
  endsAt: Instant;
}

const ROUNDING_MS = 1_000;

/**
 * The socket of one run of a tracker, with a witness: it knows who announced when and for how long, and tells when an
 * answer names a peer that has stopped or expired, or leaves out one that it has room for.
 *
 * BOUNDED: by the peers of the scenario.
 */
export class TrackerTap implements UdpPort {
  readonly #who: string;
  readonly #port: UdpPort;
  readonly #clock: Clock;
  readonly #verdict: Verdict;
  readonly #ttlS: number;
  /** By info hash and family, which know nothing of each other (BEP 15), then by endpoint. */
  readonly #swarms = new Map<string, Map<string, Member>>();
  /** The request that is being served. */
  #request: { readonly asked: TrackerRequest; readonly from: Endpoint } | undefined;

  constructor(options: {
    readonly who: string;
    readonly port: UdpPort;
    readonly clock: Clock;
    readonly verdict: Verdict;
    /** The tracker's own bound of a life. */
    readonly ttlS: number;
  }) {
    this.#who = options.who;
    this.#port = options.port;
    this.#clock = options.clock;
    this.#verdict = options.verdict;
    this.#ttlS = options.ttlS;
  }

  get local(): Endpoint {
    return this.#port.local;
  }

  onDatagram(receive: (bytes: Uint8Array, from: Endpoint) => void): void {
    this.#port.onDatagram((bytes, from) => {
      const decoded = decodeRequest(bytes);
      this.#request = decoded.ok ? { asked: decoded.value, from } : undefined;
      receive(bytes, from);
      this.#request = undefined;
    });
  }

  /** A tracker answers while it is asked, so the answer is to the request that is being served. */
  send(bytes: Uint8Array, to: Endpoint): void {
    this.#judge(bytes, to);
    this.#port.send(bytes, to);
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  #judge(bytes: Uint8Array, to: Endpoint): void {
    if (this.#request === undefined) return this.#breach('says something that it was not asked');
    const { asked, from } = this.#request;
    if (endpointText(from) !== endpointText(to)) return this.#breach('answers somebody who did not ask');
    const action = responseAction(bytes);
    if (action === ACTION_ERROR) return;
    if (asked.kind === 'announce' && action === ACTION_ANNOUNCE) this.#judgeAnnounce(asked, from, bytes);
    if (asked.kind === 'heartbeat' || asked.kind === 'withdraw') this.#heedBeat(asked, from, bytes);
  }

  #judgeAnnounce(asked: AnnounceRequest, from: Endpoint, bytes: Uint8Array): void {
    const swarm = this.#swarmOf(asked.infoHash, from);
    const asker = endpointText({ host: from.host, port: asked.port });
    const isGiver = asked.leftBytes === 0 || asked.event === 'paused';
    const answer = decodeAnnounceResponse(bytes, addressBytes(from.host)!.length as 4 | 16);
    if (!answer.ok) return this.#breach(`an announce answer that is ${answer.reason}`);
    const told = answer.value.peers.map(endpointText);
    if (new Set(told).size !== told.length) this.#breach(`names a peer twice: ${told.join(' ')}`);
    if (told.includes(asker)) this.#breach(`tells ${asker} of itself`);
    for (const peer of told) this.#judgeTold(peer, swarm.get(peer), isGiver);
    if (asked.event === 'stopped') {
      swarm.delete(asker);
      return;
    }
    this.#judgeLeftOut(told, { swarm, asker, isGiver, wanted: asked.wanted });
    const ttlMs = 1_000 * this.#grantedS(asked.ttlS);
    const endpoint = { host: from.host, port: asked.port };
    swarm.set(asker, { endpoint, isGiver, ttlMs, endsAt: after(this.#clock.now(), ttlMs) });
  }

  #judgeTold(peer: string, member: Member | undefined, askerIsGiver: boolean): void {
    if (member === undefined) return this.#breach(`hands out ${peer}, who never came or has stopped`);
    const lateMs = this.#clock.now() - member.endsAt;
    if (lateMs >= ROUNDING_MS) this.#breach(`hands out ${peer}, who expired ${lateMs} ms ago`);
    if (askerIsGiver && member.isGiver) this.#breach(`tells one seeder of another, ${peer}`);
  }

  #judgeLeftOut(
    told: readonly string[],
    asker: {
      readonly swarm: ReadonlyMap<string, Member>;
      readonly asker: string;
      readonly isGiver: boolean;
      readonly wanted: number;
    },
  ): void {
    const now = this.#clock.now();
    // Those whose time is over may still be there for the rest of the second, and take the place of others.
    const possible = [...asker.swarm].filter(
      ([peer, { endsAt, isGiver }]) =>
        peer !== asker.asker && now - endsAt < ROUNDING_MS && !(asker.isGiver && isGiver),
    );
    const wanted = asker.wanted < 0 ? DEFAULT_NUM_WANT : Math.min(asker.wanted, MAX_PEERS_V4);
    if (possible.length > wanted || told.length > wanted) {
      if (told.length > wanted) this.#breach(`names ${told.length} peers where ${wanted} were asked for`);
      return;
    }
    for (const [peer, { endsAt }] of possible) {
      if (endsAt > now && !told.includes(peer)) this.#breach(`leaves out ${peer}, who is there`);
    }
  }

  #heedBeat(asked: BeatRequest, from: Endpoint, bytes: Uint8Array): void {
    const answer = decodeBeatResponse(bytes);
    if (!answer.ok) return;
    const peer = endpointText({ host: from.host, port: asked.port });
    for (const [i, infoHash] of asked.hashes.entries()) {
      const swarm = this.#swarmOf(infoHash, from);
      const member = swarm.get(peer);
      const isKnown = answer.value.known[i] === true;
      const isThere = member !== undefined && this.#clock.now() - member.endsAt < ROUNDING_MS;
      if (isKnown && !isThere) this.#breach(`says it knows ${peer}, who never came, has stopped or has expired`);
      if (asked.kind === 'withdraw') swarm.delete(peer);
      else if (isKnown && member !== undefined) member.endsAt = after(this.#clock.now(), member.ttlMs);
    }
  }

  #swarmOf(infoHash: Uint8Array, asker: Endpoint): Map<string, Member> {
    const key = `${toHex(infoHash)} ${isIPv6(asker.host) ? 'IPv6' : 'IPv4'}`;
    let swarm = this.#swarms.get(key);
    if (swarm === undefined) this.#swarms.set(key, (swarm = new Map<string, Member>()));
    return swarm;
  }

  #grantedS(askedS: number | undefined): number {
    if (askedS === undefined) return Math.max(FOREIGN_TTL_S, this.#ttlS);
    return Math.min(Math.max(askedS, MIN_PEER_TTL_S), this.#ttlS);
  }

  #breach(what: string): void {
    this.#verdict.breach(this.#who, what);
  }
}
