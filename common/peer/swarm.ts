/**
 * A node's part in the swarm of one torrent: its connections, what they may do, whom to dial, who is unchoked.
 */
import { endpointText, type Endpoint, type Instant, NEVER, type PieceIndex } from '../base/ids.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Clock, Hasher, Log, Meter, PieceStore } from '../base/ports.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import { Choker } from './choker.ts';
import type { Connection } from './connection.ts';
import { HashAnswers } from './hash-answers.ts';
import type { CloseReason, Fetcher } from './peer.ts';
import { PieceReads } from './piece-reads.ts';
import { Standing } from './standing.ts';
import type { Torrent } from './torrent.ts';

export interface SwarmOptions {
  readonly torrent: Torrent;
  /** Of a leecher; a seeder passes none, and that is the whole difference. */
  readonly fetcher?: Fetcher;
  readonly uploadSlots: number;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly log: Log;
  readonly meter: Meter;
  /** The store refused a read: the pieces are not what they were, or the disk fails. */
  readonly onStoreFailed: (error: unknown) => void;
  /** There may be someone to dial. */
  readonly onDialsDue: () => void;
}

/** A peer that has been silent for this long makes way for a new connection of the same peer. */
const STALE_MS = 10_000;

export class Swarm {
  readonly #options: SwarmOptions;
  readonly torrent: Torrent;
  readonly fetcher: Fetcher | undefined;
  readonly standing = new Standing();
  readonly #choker: Choker;
  /** Open ones. BOUNDED: by the node's connection limit. */
  readonly #connections = new Map<number, Connection>();
  #hashAnswers: HashAnswers | undefined;
  #reads: PieceReads | undefined;
  #uploadedBytes = 0;
  #downloadedBytes = 0;
  #cancelTurn: (() => void) | undefined;

  constructor(options: SwarmOptions) {
    this.#options = options;
    this.torrent = options.torrent;
    this.fetcher = options.fetcher;
    this.#choker = new Choker({ slots: options.uploadSlots, now: options.clock.now() });
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

  /** The content is known: what peers said they have can be judged. */
  contentLearned(): void {
    for (const connection of this.connections) connection.contentLearned();
  }

  /** The pieces are stored here: what the torrent offers is served from now on. */
  serveFrom(store: PieceStore): void {
    const { torrent } = this;
    this.#reads = new PieceReads({ store, geometry: torrent.content!.geometry });
    this.#hashAnswers = new HashAnswers({ torrent, store, hasher: this.#options.hasher });
  }

  /** Takes up endpoints that a tracker, or a user, named. */
  meet(endpoints: readonly Endpoint[]): void {
    const now = this.#options.clock.now();
    for (const endpoint of endpoints) {
      if (!this.standing.meet(endpoint, now)) this.standing.renew(endpoint, now);
    }
    this.#options.onDialsDue();
  }

  /** Tells everyone of a new piece. */
  broadcastHave(piece: PieceIndex): void {
    this.torrent.offer(piece);
    for (const connection of this.#connections.values()) connection.sendHave(piece);
  }

  closeAll(reason: CloseReason): void {
    for (const connection of this.connections) connection.close(reason);
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
  }

  /** A source sent corrupt data; a second time it is out. */
  strike(connection: { readonly endpoint: Endpoint; close(reason: CloseReason): void }): boolean {
    const banned = this.standing.strike(connection.endpoint, this.#options.clock.now());
    if (banned) connection.close('banned');
    return banned;
  }

  /* ---- what connections report ---- */

  /** The handshake is done: one connection per peer. False when this one was closed. */
  admit(connection: Connection): boolean {
    for (const other of this.#connections.values()) {
      if (!equalBytes(other.remoteId!, connection.remoteId!)) continue;
      if (!this.#isPreferred(connection, other)) {
        if (connection.side === 'dialled') {
          other.endpoint = connection.endpoint;
          this.standing.connected(connection.endpoint);
        }
        connection.close('duplicate');
        return false;
      }
      if (other.side === 'dialled') connection.endpoint = other.endpoint;
      other.close('duplicate');
    }
    this.#connections.set(connection.id, connection);
    return true;
  }

  /**
   * Which of two connections to one peer stays. Both ends must come to the same answer: the one dialled by the smaller
   * peer id; of two in the same direction the older, unless it has gone silent.
   */
  #isPreferred(fresh: Connection, old: Connection): boolean {
    if (fresh.side === old.side) return this.#options.clock.now() - old.heardAt > STALE_MS;
    return (fresh.side === 'dialled') === fresh.isOurIdSmaller;
  }

  ready(connection: Connection, now: Instant): void {
    if (this.standing.isBanned(connection.endpoint)) return connection.close('banned');
    this.standing.connected(connection.endpoint);
    this.fetcher?.onReady(connection, now);
    if (connection.pieces !== undefined) this.piecesChanged(connection, now);
  }

  piecesChanged(connection: Connection, now: Instant): void {
    const isSeed = connection.pieces?.isFull === true && connection.pieces.size > 0;
    if (this.isUploadOnly && isSeed) return connection.close('nothing-to-exchange');
    this.fetcher?.onPieces(connection, now);
  }

  departed(connection: Connection, reason: CloseReason, now: Instant): void {
    const wasIn = this.#connections.delete(connection.id);
    this.#choker.forget(connection.id);
    if (reason === 'self') this.standing.dismiss(connection.endpoint);
    else if (reason !== 'duplicate') this.standing.failed(connection.endpoint, now);
    if (connection.wasReady) this.fetcher?.onGone(connection, reason, now);
    if (wasIn) this.rechoke();
    this.#options.onDialsDue();
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

  /** Gives and takes upload slots, now and at each turn while someone waits. */
  rechoke(): void {
    const { choke, unchoke } = this.#choker.decide(this.connections, this.#options.clock.now());
    for (const id of choke) this.#connections.get(id)?.choke();
    for (const id of unchoke) this.#connections.get(id)?.unchoke();
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
    const someoneWaits = this.connections.some((connection) => connection.isInterested && connection.isChoked);
    if (!someoneWaits) return;
    this.#cancelTurn = this.#options.clock.at(this.#choker.nextDue, () => {
      this.rechoke();
    });
  }

  /* ---- what the node asks for ---- */

  /** Endpoints to dial now. */
  dialsDue(now: Instant, most: number): readonly Endpoint[] {
    return this.standing.due(now, most).filter((endpoint) => !this.#isConnectedTo(endpoint));
  }

  nextDial(): Instant {
    return this.fetcher?.isDone === true ? NEVER : this.standing.nextDue;
  }

  #isConnectedTo(endpoint: Endpoint): boolean {
    const text = endpointText(endpoint);
    for (const connection of this.#connections.values()) {
      if (endpointText(connection.endpoint) !== text) continue;
      this.standing.connected(endpoint);
      return true;
    }
    return false;
  }
}
