/**
 * A node's part in the swarm of one torrent: its connections, what they may do, whom to dial, who is unchoked.
 */
import type { Bitfield } from '../base/bitfield.ts';
import { after, type Endpoint, type Instant, NEVER, type PeerId, type PieceIndex, type WireHash } from '../base/ids.ts';
import { MAX_HAVES_AT_ONCE } from '../base/limits.ts';
import type { Clock, Hasher, Log, Meter, PieceStore, Random } from '../base/ports.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import { PEX_FLAG, type PexContact } from '../wire/pex.ts';
import type { ChokeTerms } from './choker.ts';
import { Choking } from './choking.ts';
import type { Connection } from './connection.ts';
import { HashAnswers } from './hash-answers.ts';
import { InitialSeeding } from './initial-seeding.ts';
import { PassingOn } from './passing-on.ts';
import type { CloseReason, Fetcher, Peer } from './peer.ts';
import { PexRounds } from './pex-rounds.ts';
import { PieceReads } from './piece-reads.ts';
import { Refusals } from './refusals.ts';
import type { RemotePeer } from './remote-peer.ts';
import { Standing } from './standing.ts';
import type { Torrent } from './torrent.ts';
import type { UploadDesk } from './upload-desk.ts';
import { isHybrid, wireHashesOf, type WireNames } from './wire-names.ts';

export interface SwarmOptions {
  readonly torrent: Torrent;
  /** Of a leecher; a seeder passes none, and that is the whole difference. */
  readonly fetcher?: Fetcher;
  readonly choking: ChokeTerms;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
  readonly log: Log;
  readonly meter: Meter;
  /** The store refused a read: the pieces are not what they were, or the disk fails. */
  readonly onStoreFailed: (error: unknown) => void;
  /** All names of the torrent are known. */
  readonly onNamed?: (wireHashes: readonly WireHash[]) => void;
  /** There may be someone to dial. */
  readonly onDialsDue: () => void;
}

/** A peer that has been silent for this long makes way for a new connection of the same peer. */
const STALE_MS = 10_000;
/** How often it is looked whether all is sent, on the way out. */
const DRAIN_LOOK_MS = 50;

export class Swarm {
  readonly #options: SwarmOptions;
  readonly torrent: Torrent;
  readonly fetcher: Fetcher | undefined;
  readonly standing = new Standing();
  /** Of pieces that are still on their way to us. */
  readonly passingOn: PassingOn;
  readonly #choking: Choking;
  readonly #pex: PexRounds;
  /** Open ones. BOUNDED: by the node's connection limit. */
  readonly #connections = new Map<number, Connection>();
  /** The same by the peer's id: one connection each. */
  readonly #byPeer = new Map<string, Connection>();
  /** How often they hung up on a name of a hybrid. */
  readonly #refusals = new Refusals();
  #desk: UploadDesk | undefined;
  #initial: InitialSeeding | undefined;
  #hashAnswers: HashAnswers | undefined;
  #reads: PieceReads | undefined;
  #uploadedBytes = 0;
  #downloadedBytes = 0;
  #servesOn = false;

  constructor(options: SwarmOptions) {
    this.#options = options;
    this.torrent = options.torrent;
    this.fetcher = options.fetcher;
    this.#choking = new Choking({
      ...options,
      terms: options.choking,
      connections: () => this.connections,
      isServingOnly: () => this.isUploadOnly,
      uplink: () => this.#desk?.uplinkBytesPerSecond ?? 0,
      pieceBytes: () => this.torrent.content?.geometry.pieceBytes,
    });
    this.passingOn = new PassingOn({
      parties: () => this.connections.map(({ service }) => service),
      pieceBytes: () => this.torrent.content!.geometry.pieceBytes,
    });
    this.#pex = new PexRounds({
      clock: options.clock,
      parties: () => (this.torrent.isPrivate ? [] : this.connections.map(({ gossip }) => gossip)),
    });
  }

  get isUploadOnly(): boolean {
    return this.fetcher?.isDone ?? true;
  }

  get connections(): readonly Connection[] {
    return [...this.#connections.values()];
  }

  get uploadedBytes(): number {
    return this.#uploadedBytes;
  }

  get downloadedBytes(): number {
    return this.#downloadedBytes;
  }

  /** Pieces for upload; undefined until the content and where it is stored are known. */
  get reads(): PieceReads | undefined {
    return this.#reads;
  }

  /**
   * The info dictionary says what all the names are. Connections by the v1 hash of what turned out to be a hybrid are
   * made again, since hashes can be asked for on v2 connections only.
   */
  named(names: WireNames): void {
    this.torrent.name(names);
    this.#options.onNamed?.(wireHashesOf(names));
    for (const connection of this.connections) if (connection.couldBeV2) this.#makeAgain(connection);
  }

  #makeAgain(connection: Connection): void {
    // One that called us may not call again soon.
    for (const endpoint of connection.peer.endpoints) this.standing.meet(endpoint, this.#options.clock.now());
    connection.close('to-upgrade');
  }

  /** How often it hung up before it said anything, when it was dialled by a name of a hybrid. */
  refusalsOf(endpoint: Endpoint): number {
    return this.#refusals.of(endpoint);
  }

  /** The content is known: what peers said they have can be judged. */
  contentLearned(): void {
    for (const connection of this.connections) connection.contentLearned();
  }

  /** The pieces are stored here: what the torrent offers is served from now on. */
  serveFrom(store: PieceStore): void {
    const { torrent } = this;
    const { hasher, clock } = this.#options;
    const { relay } = this.passingOn;
    this.#reads = new PieceReads({ store, geometry: torrent.content!.geometry, relay });
    this.#hashAnswers = new HashAnswers({ torrent, store, hasher, clock });
  }

  /** We may be the only one who has everything: pieces are shown as the swarm spreads them. Before anyone connects. */
  seedInitially(): void {
    const { clock, log, meter } = this.#options;
    this.#initial = new InitialSeeding({
      torrent: this.torrent,
      clock,
      log,
      meter,
      connectionOf: (id) => this.#connections.get(id),
      twinOf: ({ remoteId }) => (remoteId === undefined ? undefined : this.#byPeer.get(peerKey(remoteId))?.id),
    });
  }

  /** Undefined unless it was asked for. */
  get initial(): InitialSeeding | undefined {
    return this.#initial;
  }

  /** What this peer sees and may ask for. */
  offeredTo(connection: Connection): Bitfield {
    return this.#initial?.viewOf(connection) ?? this.torrent.offered;
  }

  /** The node's uploads take turns there. */
  use(desk: UploadDesk): void {
    this.#desk = desk;
  }

  /** Takes up endpoints that a tracker, or a user, named. */
  meet(endpoints: readonly Endpoint[]): void {
    const now = this.#options.clock.now();
    for (const endpoint of endpoints) {
      if (!this.standing.meet(endpoint, now)) this.standing.renew(endpoint, now);
    }
    this.#options.onDialsDue();
  }

  /** Takes up endpoints that a peer named: hearsay, so no pause is cut short for it. */
  hearOf(contacts: readonly PexContact[]): void {
    if (this.torrent.isPrivate) return;
    const now = this.#options.clock.now();
    for (const { endpoint, flags } of contacts) {
      const isOfUse = !this.isUploadOnly || (flags & PEX_FLAG.uploadOnly) === 0;
      if (isOfUse && this.standing.meet(endpoint, now)) this.#options.meter.count('peers_heard_of');
    }
    this.#options.onDialsDue();
  }

  /** Tells everyone that we want nothing any more (BEP 21), and parts with those who want nothing either. */
  sated(): void {
    for (const connection of this.connections) {
      connection.sendUploadOnly();
      if (connection.gossip.wantsNothing) connection.close('nothing-to-exchange');
    }
  }

  /** A leecher that has all it wanted goes on as a seeder: it dials those who may want something. */
  serveOn(): void {
    this.#servesOn = true;
    this.#options.onDialsDue();
  }

  /**
   * Takes no more requests, and resolves when all that were taken are answered: by a reject once `mostMs` have passed.
   * The last thing before `closeAll`.
   */
  async drain(mostMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#choking.stop();
    for (const connection of this.connections) connection.service.windDown();
    const due = after(clock.now(), mostMs);
    while (clock.now() < due && this.connections.some(({ service }) => !service.isDrained)) {
      await new Promise<void>((resolve) => void clock.at(after(clock.now(), DRAIN_LOOK_MS), resolve));
    }
    for (const connection of this.connections) connection.service.cutOff();
  }

  /** Tells everyone of a new piece. */
  broadcastHave(piece: PieceIndex): void {
    this.torrent.offer(piece);
    const wasComing = this.passingOn.relay.settle(piece);
    for (const connection of this.#connections.values()) {
      connection.sendHave(piece);
      if (wasComing) connection.service.moreIsReady();
    }
  }

  /** The same of many, by a bitfield: two million haves would be 18 MiB to each. Peers take a later one for what it says. */
  broadcastHaves(pieces: Iterable<PieceIndex>): void {
    const fresh: PieceIndex[] = [];
    for (const piece of pieces) {
      if (this.torrent.offered.has(piece)) continue;
      this.torrent.offer(piece);
      if (fresh.length <= MAX_HAVES_AT_ONCE) fresh.push(piece);
    }
    for (const connection of this.#connections.values()) {
      if (fresh.length > MAX_HAVES_AT_ONCE) connection.sendPieces();
      else for (const piece of fresh) connection.sendHave(piece);
    }
  }

  closeAll(reason: CloseReason): void {
    for (const connection of this.connections) connection.close(reason);
    this.#initial?.stop();
    this.#choking.stop();
    this.#pex.stop();
  }

  /** A source sent corrupt data; a second time it is out. */
  strike(peer: Pick<Peer, 'endpoint' | 'close'>): boolean {
    const banned = this.standing.strike(peer.endpoint, this.#options.clock.now());
    if (banned) peer.close('banned');
    return banned;
  }

  /* ---- what connections report ---- */

  /** The handshake is done: one connection per peer. False when this one was closed. */
  admit(connection: Connection): boolean {
    const key = peerKey(connection.remoteId!);
    const other = this.#byPeer.get(key);
    if (other !== undefined) {
      const isPreferred = this.#isPreferred(connection, other);
      const [kept, given] = isPreferred ? [connection, other] : [other, connection];
      this.#handOver(given, kept);
      given.close('duplicate');
      if (!isPreferred) return false;
    }
    this.#connections.set(connection.id, connection);
    this.#byPeer.set(key, connection);
    if (!connection.couldBeV2) return true;
    // It was on its way when we learned the names.
    this.#makeAgain(connection);
    return false;
  }

  /**
   * Which of two connections to one peer stays. Both ends must come to the same answer: the one dialled by the smaller
   * peer id; of two in the same direction the older, unless it has gone silent.
   */
  #isPreferred(fresh: Connection, old: Connection): boolean {
    if (fresh.side === old.side) return this.#options.clock.now() - old.heardAt > STALE_MS;
    return (fresh.side === 'dialled') === fresh.isOurIdSmaller;
  }

  /** What is dialled for one connection to a peer is not dialled again while the other lives. */
  #handOver(from: Connection, to: Connection): void {
    for (const endpoint of from.peer.endpoints) {
      if (to.peer.learnEndpoint(endpoint)) this.standing.connected(endpoint);
      else this.standing.failed(endpoint, this.#options.clock.now());
    }
  }

  isBanned(peer: RemotePeer): boolean {
    return this.standing.isBanned(peer.endpoint) || peer.endpoints.some((endpoint) => this.standing.isBanned(endpoint));
  }

  ready(connection: Connection, now: Instant): void {
    for (const endpoint of connection.peer.endpoints) this.standing.connected(endpoint);
    this.fetcher?.onReady(connection.peer, now);
    if (connection.isReady && connection.peer.pieces !== undefined) this.piecesChanged(connection, now);
    if (connection.isReady && !this.torrent.isPrivate) this.#pex.joined(connection.gossip);
  }

  piecesChanged(connection: Connection, now: Instant): void {
    this.#initial?.met(connection);
    if (this.isUploadOnly && connection.isSeed) return connection.close('nothing-to-exchange');
    this.fetcher?.onPieces(connection.peer, now);
  }

  departed(connection: Connection, reason: CloseReason, now: Instant): void {
    const wasIn = this.#connections.delete(connection.id);
    if (wasIn) this.#byPeer.delete(peerKey(connection.remoteId!));
    this.#initial?.left(connection);
    if (this.#isRefusal(connection)) this.#refusals.note(connection.peer.endpoint);
    this.#choking.forget(connection.id);
    for (const endpoint of connection.peer.endpoints) {
      if (reason === 'self' || reason === 'nothing-to-exchange') this.standing.dismiss(endpoint);
      else if (reason !== 'duplicate') this.standing.failed(endpoint, now);
    }
    if (connection.wasReady) this.fetcher?.onGone(connection.peer, reason, now);
    if (wasIn) this.rechoke();
  }

  #isRefusal({ side, wasOpen }: Connection): boolean {
    return side === 'dialled' && !wasOpen && isHybrid(this.torrent.names);
  }

  uploaded(count: number): void {
    this.#uploadedBytes += count;
    this.#options.meter.count('uploaded_bytes', count);
  }

  downloaded(count: number): void {
    this.#downloadedBytes += count;
    this.#options.meter.count('downloaded_bytes', count);
  }

  storeFailed(error: unknown): void {
    this.#options.onStoreFailed(error);
  }

  /** Hashes for a peer, or undefined where they cannot or must not be given. */
  async answerHashes(request: HashRequest): Promise<Uint8Array | undefined> {
    let answer: Uint8Array | undefined;
    try {
      answer = await this.#hashAnswers?.answer(request);
    } catch (error) {
      this.#options.onStoreFailed(error);
    }
    this.#options.meter.count(answer === undefined ? 'hash_requests_rejected' : 'hash_requests_served');
    return answer;
  }

  /** Somebody's interest changed. */
  rechoke(): void {
    this.#choking.reconsider();
  }

  /* ---- what the node asks for ---- */

  /** Endpoints to dial now: none once nothing is wanted any more. */
  dialsDue(now: Instant, most: number): readonly Endpoint[] {
    if (this.#isSated) return [];
    return this.standing.due(now, most).filter((endpoint) => !this.#isConnectedTo(endpoint));
  }

  nextDial(): Instant {
    return this.#isSated ? NEVER : this.standing.nextDue;
  }

  /** A leecher with all it wanted that does not serve on. A seeder goes on dialling the leechers that it hears of. */
  get #isSated(): boolean {
    return this.fetcher?.isDone === true && !this.#servesOn;
  }

  #isConnectedTo(endpoint: Endpoint): boolean {
    for (const { peer } of this.#connections.values()) {
      if (!peer.isAt(endpoint)) continue;
      this.standing.connected(endpoint);
      return true;
    }
    return false;
  }
}

const peerKey = (id: PeerId): string => String.fromCharCode(...id);
