/**
 * Drives one peer's stream: bytes to the session, the session's messages to the stream, blocks from the disk while the
 * stream takes them. Holds one wake-up, for the session's silence limits.
 */
import type { Bitfield } from '../base/bitfield.ts';
import { compareBytes } from '../base/bytes.ts';
import { after, type Endpoint, endpointText, type Instant, type PeerId, type PieceIndex } from '../base/ids.ts';
import type { Clock, CloseCause, Log, TcpHandler, TcpPort } from '../base/ports.ts';
import type { ExtendedHandshake, MetadataMessage } from '../wire/extended.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import type { BlockRef } from '../wire/peer-messages.ts';
import type { PexMessage } from '../wire/pex.ts';
import { Dealings } from './dealings.ts';
import { Gossip } from './gossip.ts';
import { MetadataExchange } from './metadata-exchange.ts';
import { Outbox } from './outbox.ts';
import type { CloseReason, Fetcher } from './peer.ts';
import { RemotePeer } from './remote-peer.ts';
import type { PieceOffer } from './request-judge.ts';
import { Session } from './session.ts';
import { Service } from './service.ts';
import type { SessionEvents } from './session-events.ts';
import type { Swarm } from './swarm.ts';
import type { Torrent } from './torrent.ts';
import type { UploadDesk } from './upload-desk.ts';

export interface ConnectionOptions {
  readonly id: number;
  readonly stream: TcpPort;
  readonly side: 'dialled' | 'accepted';
  /** Where it was dialled. */
  readonly dialled?: Endpoint;
  /** Of a dialled connection. */
  readonly swarm?: Swarm;
  /** Of a dialled connection: how often the peer hung up on a name of a hybrid. */
  readonly refusals?: number;
  /** The swarm that an accepted connection names. */
  readonly lookup: (wireHash: Uint8Array) => Swarm | undefined;
  readonly onClosed: (connection: Connection) => void;
  readonly peerId: PeerId;
  readonly listenPort: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The node's. */
  readonly desk: UploadDesk;
}

/** A peer that says it speaks BEP 10 and then does not is taken as ready after this. */
const EXTENDED_HANDSHAKE_WAIT_MS = 3_000;

export class Connection implements SessionEvents, TcpHandler {
  readonly #options: ConnectionOptions;
  readonly #stream: TcpPort;
  readonly #session: Session;
  readonly #outbox: Outbox;
  readonly #metadata: MetadataExchange;
  readonly peer: RemotePeer;
  readonly gossip: Gossip;
  readonly service: Service;
  readonly dealings = new Dealings();
  #swarm: Swarm | undefined;
  #openedAt: Instant | undefined;
  /** When the bytes came that are being taken. */
  #heardAt: Instant;
  #wasReady = false;
  #cancelWake: () => void = () => undefined;

  constructor(options: ConnectionOptions) {
    const { id, stream, side, swarm, dialled, peerId, listenPort, clock, refusals = 0 } = options;
    const { remote } = stream;
    this.#options = options;
    this.#stream = stream;
    this.#swarm = swarm;
    this.#session = new Session({
      side,
      ...(swarm === undefined ? {} : { torrent: swarm.torrent, refusals }),
      peerId,
      listenPort,
      remote,
      isUploadOnly: () => this.#swarm!.isUploadOnly,
      events: this,
      now: clock.now(),
    });
    this.#heardAt = clock.now();
    this.#outbox = new Outbox({ stream });
    this.#metadata = this.#makeMetadata();
    this.service = new Service({
      id,
      desk: options.desk,
      stream,
      session: this.#session,
      outbox: this.#outbox,
      dealings: this.dealings,
      clock,
      swarm: () => this.#swarm,
    });
    this.peer = new RemotePeer({ id, session: this.#session, metadata: this.#metadata, dialled, line: stream });
    this.gossip = new Gossip({
      session: this.#session,
      peer: this.peer,
      isReachable: side === 'dialled',
      remoteHost: remote.host,
      own: { host: stream.local.host, port: listenPort },
      isReady: () => this.isReady,
    });
  }

  #makeMetadata(): MetadataExchange {
    return new MetadataExchange({
      extensions: this.#session.extensions,
      say: this.#session.say,
      info: () => this.#session.torrent?.content?.info,
      isCongested: () => this.#outbox.isFull,
      onData: (block, totalBytes, view) => {
        this.#fetcher?.onMetadata(this.peer, block, totalBytes, view, this.#now());
      },
      onRejected: (block) => {
        this.#fetcher?.onMetadataRejected(this.peer, block, this.#now());
      },
      offend: () => {
        this.#session.offend();
      },
    });
  }

  start(): void {
    this.#stream.start(this);
    this.#session.start();
    this.#scheduleWake();
  }

  get id(): number {
    return this.#options.id;
  }

  get side(): 'dialled' | 'accepted' {
    return this.#options.side;
  }

  get remoteHost(): string {
    return this.#stream.remote.host;
  }

  get remoteId(): PeerId | undefined {
    return this.#session.remoteId;
  }

  /** The swarm was told of it. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  get isReady(): boolean {
    return this.#wasReady && this.#session.isOpen;
  }

  /** Decides, at both ends alike, which of two connections between the same peers stays. */
  get isOurIdSmaller(): boolean {
    return compareBytes(this.#options.peerId, this.#session.remoteId!) < 0;
  }

  /** The handshakes were done, whatever came then. */
  get wasOpen(): boolean {
    return this.#openedAt !== undefined;
  }

  /** Both sides took this for a v2 connection. */
  get isV2(): boolean {
    return this.#session.isV2;
  }

  /** It is v1 and would be v2 if it were made again. */
  get couldBeV2(): boolean {
    return this.#session.couldBeV2;
  }

  get heardAt(): Instant {
    return this.#session.heardAt;
  }

  get isSeed(): boolean {
    return this.#session.remoteIsSeed;
  }

  /** It wants something that we have; a seed, or one that only uploads, gets along without a slot (BEP 21). */
  get wantsSlot(): boolean {
    return this.#session.remoteIsInterested && !this.#session.extensions.isUploadOnly;
  }

  get isChoked(): boolean {
    return this.#session.say.isChoking;
  }

  /* ---- what the swarm asks for ---- */

  close(reason: CloseReason): void {
    this.#session.close(reason);
  }

  contentLearned(): void {
    this.#session.contentLearned();
  }

  sendHave(piece: PieceIndex): void {
    this.service.relayTalk.settle(piece);
    // A seed gains nothing from hearing of it; but who sent us the piece learns that it has arrived.
    const gains = this.dealings.given.delete(piece) || !this.#session.remoteIsSeed;
    if (this.#session.isOpen && gains) this.#session.say.have(piece);
  }

  /** Tells the peer anew of all that we offer; a seed gains nothing from it. */
  sendPieces(): void {
    if (this.#session.isOpen && !this.#session.remoteIsSeed) this.#session.stateAgain();
  }

  /** Tells the peer of a piece that it did not know we have. */
  show(piece: PieceIndex): void {
    if (this.#session.isOpen) this.#session.say.have(piece);
  }

  /** Tells the peer that we want nothing any more (BEP 21). */
  sendUploadOnly(): void {
    const bytes = this.#session.extensions.encodeUploadOnly(true);
    if (bytes !== undefined && this.#session.isOpen) this.#session.say.message(bytes);
  }

  /* ---- TcpHandler ---- */

  onBytes(view: Uint8Array): void {
    this.#heardAt = this.#now();
    this.#session.take(view, this.#heardAt);
  }

  onDrain(): void {
    this.#outbox.drained();
    this.service.pump();
  }

  onClosed(cause: CloseCause): void {
    this.#session.close(cause === 'local' ? 'stopped' : cause);
  }

  /* ---- SessionEvents ---- */

  send(bytes: Uint8Array): void {
    this.#outbox.push(bytes);
  }

  lookup(wireHash: Uint8Array): Torrent | undefined {
    this.#swarm = this.#options.lookup(wireHash);
    return this.#swarm?.torrent;
  }

  offered(): Bitfield {
    return this.#swarm!.offeredTo(this);
  }

  offerOf(piece: PieceIndex): PieceOffer {
    return this.offered().has(piece) ? 'offered' : this.service.relayTalk.offerOf(piece);
  }

  open(): void {
    this.#openedAt = this.#now();
    if (!this.#swarm!.admit(this)) return;
    if (!this.#session.extensions.supported) this.#becomeReady();
    else this.#scheduleWake();
  }

  extended({ listenPort }: ExtendedHandshake): void {
    if (listenPort !== undefined && this.side === 'accepted') {
      this.peer.learnEndpoint({ host: this.#stream.remote.host, port: listenPort });
    }
    if (!this.#wasReady) this.#becomeReady();
    else if (this.peer.metadataBytes !== undefined) this.#fetcher?.onMetadataOffered(this.peer, this.#now());
  }

  piecesChanged(): void {
    if (this.#wasReady) this.#swarm!.piecesChanged(this, this.#now());
  }

  have(piece: PieceIndex, wasComing: boolean): void {
    this.service.arrived(piece);
    this.#swarm!.initial?.has(this, piece);
    if (this.#wasReady && !wasComing) this.#fetcher?.onHave(this.peer, piece, this.#now());
  }

  parts(piece: PieceIndex, hashes: Uint8Array): void {
    this.#fetcher?.onParts(this.peer, piece, hashes);
  }

  coming(piece: PieceIndex): void {
    if (this.#wasReady) this.#fetcher?.onHave(this.peer, piece, this.#now());
  }

  choked(): void {
    if (this.#wasReady) this.#fetcher?.onChoked(this.peer, this.#now());
  }

  unchoked(): void {
    this.#becomeReady();
    if (this.isReady) this.#fetcher?.onUnchoked(this.peer, this.#now());
  }

  interestChanged(): void {
    this.#swarm!.rechoke();
  }

  requested(ref: BlockRef): void {
    this.#swarm!.initial?.asked(this, ref.piece as PieceIndex);
    this.service.take(ref);
  }

  requestCancelled(ref: BlockRef): void {
    this.service.cancel(ref);
  }

  blockData(piece: PieceIndex, begin: number, offset: number, view: Uint8Array): void {
    this.#fetcher?.onBlockBytes(this.peer, piece, begin, offset, view, this.#heardAt);
  }

  block(piece: PieceIndex, begin: number, length: number): void {
    this.dealings.received.add(length, this.#heardAt);
    this.dealings.given.add(piece);
    this.#swarm!.downloaded(length);
    this.#fetcher?.onBlock(this.peer, piece, begin, length, this.#heardAt);
  }

  rejected(ref: BlockRef): void {
    this.#fetcher?.onRejected(this.peer, ref.piece as PieceIndex, ref.begin, ref.length, this.#now());
  }

  metadata(message: MetadataMessage): void {
    this.#metadata.take(message);
  }

  pex(message: PexMessage): void {
    const contacts = this.gossip.take(message, this.#now());
    if (contacts.length > 0) this.#swarm!.hearOf(contacts);
  }

  hashesRequested(request: HashRequest): void {
    this.service.hashes(request);
  }

  hashes(request: HashRequest, hashes: Uint8Array): void {
    this.#fetcher?.onHashes(this.peer, request, hashes, this.#now());
  }

  hashesRejected(request: HashRequest): void {
    this.#fetcher?.onHashesRejected(this.peer, request, this.#now());
  }

  closed(reason: CloseReason): void {
    const { log, onClosed } = this.#options;
    this.#cancelWake();
    this.service.stop();
    this.#outbox.flush();
    if (reason === 'ended' || reason === 'reset') this.#stream.destroy();
    else this.#stream.end();
    log.debug('peer left', { peer: endpointText(this.peer.endpoint), client: this.peer.client, reason });
    this.#swarm?.departed(this, reason, this.#now());
    onClosed(this);
  }

  /* ---- inside ---- */

  get #fetcher(): Fetcher | undefined {
    return this.#swarm?.fetcher;
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  #becomeReady(): void {
    if (this.#wasReady || !this.#session.isOpen) return;
    if (this.#swarm!.isBanned(this.peer)) return this.close('banned');
    this.#wasReady = true;
    this.#options.log.debug('peer joined', { peer: endpointText(this.peer.endpoint), client: this.peer.client });
    this.#swarm!.ready(this, this.#now());
  }

  #scheduleWake(): void {
    this.#cancelWake();
    let due = this.#session.nextDue;
    if (this.#openedAt !== undefined && !this.#wasReady) {
      due = Math.min(due, after(this.#openedAt, EXTENDED_HANDSHAKE_WAIT_MS)) as Instant;
    }
    this.#cancelWake = this.#options.clock.at(due, () => {
      this.#wake();
    });
  }

  #wake(): void {
    const now = this.#now();
    if (this.#openedAt !== undefined && now >= after(this.#openedAt, EXTENDED_HANDSHAKE_WAIT_MS)) this.#becomeReady();
    this.#session.tick(now);
    if (!this.#session.isClosed) this.#scheduleWake();
  }
}
