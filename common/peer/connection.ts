/**
 * Drives one peer's stream: bytes to the session, the session's messages to the stream, blocks from the disk while the
 * stream takes them. Holds one wake-up, for the session's silence limits.
 */
import type { Bitfield } from '../base/bitfield.ts';
import { compareBytes, looseText } from '../base/bytes.ts';
import { after, type Endpoint, endpointText, type Instant, type PeerId, type PieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES, MAX_OUTSTANDING_BYTES, MAX_OUTSTANDING_HASH_REQUESTS } from '../base/limits.ts';
import type { Clock, CloseCause, Log, TcpHandler, TcpPort } from '../base/ports.ts';
import type { ExtendedHandshake, MetadataMessage } from '../wire/extended.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import { encodeHashes, type BlockRef } from '../wire/peer-messages.ts';
import { printableText } from '../base/printable.ts';
import type { CloseReason, Fetcher, Peer } from './peer.ts';
import { Session } from './session.ts';
import type { SessionEvents } from './session-events.ts';
import type { Swarm } from './swarm.ts';
import { UploadPump } from './upload-pump.ts';

export interface ConnectionOptions {
  readonly id: number;
  readonly stream: TcpPort;
  readonly side: 'dialled' | 'accepted';
  /** Where it was dialled. */
  readonly dialled?: Endpoint;
  /** Of a dialled connection. */
  readonly swarm?: Swarm;
  /** The swarm that an accepted connection names. */
  readonly lookup: (wireHash: Uint8Array) => Swarm | undefined;
  readonly onClosed: (connection: Connection) => void;
  readonly peerId: PeerId;
  readonly listenPort: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** A peer that says it speaks BEP 10 and then does not is taken as ready after this. */
const EXTENDED_HANDSHAKE_WAIT_MS = 3_000;

export class Connection implements Peer, SessionEvents, TcpHandler {
  readonly #options: ConnectionOptions;
  readonly #stream: TcpPort;
  readonly #session: Session;
  readonly #uploads: UploadPump;
  #swarm: Swarm | undefined;
  #endpoint: Endpoint;
  #openedAt: Instant | undefined;
  #ready = false;
  #hashAnswers = 0;
  /** BOUNDED: flushed at the end of the turn in which something was said. */
  #outbox: Uint8Array[] = [];
  #cancelWake: () => void = () => undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#swarm = options.swarm;
    this.#endpoint = options.dialled ?? options.stream.remote;
    this.#session = new Session({
      side: options.side,
      ...(options.swarm === undefined ? {} : { torrent: options.swarm.torrent }),
      peerId: options.peerId,
      listenPort: options.listenPort,
      remote: options.stream.remote,
      uploadOnly: options.swarm?.isUploadOnly ?? false,
      events: this,
      now: options.clock.now(),
    });
    this.#uploads = new UploadPump({
      stream: options.stream,
      say: this.#session.say,
      reads: () => this.#swarm?.reads,
      flush: () => {
        this.#flush();
      },
      sent: (count) => {
        this.#session.noteSent(this.#now());
        this.#swarm?.uploaded(count);
      },
      failed: (error) => {
        this.#swarm?.storeFailed(error);
      },
    });
  }

  start(): void {
    this.#stream.start(this);
    this.#session.start();
    this.#scheduleWake();
  }

  /* ---- Peer ---- */

  get id(): number {
    return this.#options.id;
  }

  get side(): 'dialled' | 'accepted' {
    return this.#options.side;
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Another connection to the same peer knew where it listens. */
  set endpoint(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get remoteHost(): string {
    return this.#stream.remote.host;
  }

  get remoteId(): PeerId | undefined {
    return this.#session.remoteId;
  }

  /** The swarm was told of it. */
  get wasReady(): boolean {
    return this.#ready;
  }

  get isReady(): boolean {
    return this.#ready && !this.#session.isClosed;
  }

  /** Decides, at both ends alike, which of two connections between the same peers stays. */
  get isOurIdSmaller(): boolean {
    return compareBytes(this.#options.peerId, this.#session.remoteId!) < 0;
  }

  get heardAt(): Instant {
    return this.#session.heardAt;
  }

  get client(): string {
    return printableText(this.#session.extensions.client ?? clientOfPeerId(this.#session.remoteId));
  }

  get pieces(): Bitfield | undefined {
    return this.#session.pieces;
  }

  get isChokingUs(): boolean {
    return this.#session.remoteIsChoking;
  }

  get isInterested(): boolean {
    return this.#session.remoteIsInterested;
  }

  get isChoked(): boolean {
    return this.#session.say.isChoking;
  }

  get blockBytes(): number {
    return this.#session.extensions.blockBytes(this.#session.torrent?.content?.geometry.pieceBytes);
  }

  get roomForRequests(): number {
    return Math.max(0, this.#session.extensions.requestQueue - this.#session.ledger.count);
  }

  get roomForBytes(): number {
    return Math.max(0, MAX_OUTSTANDING_BYTES - this.#session.ledger.bytes);
  }

  get metadataBytes(): number | undefined {
    return this.#session.extensions.metadataBytes;
  }

  request(piece: PieceIndex, begin: number, length: number): void {
    this.#session.say.request({ piece, begin, length });
  }

  cancel(piece: PieceIndex, begin: number, length: number): void {
    this.#session.say.cancel({ piece, begin, length });
  }

  setInterested(interested: boolean): void {
    this.#session.say.interest(interested);
  }

  requestMetadata(block: number): void {
    const message = this.#session.extensions.encodeMetadata({ type: 'request', block });
    if (message !== undefined) this.#session.say.message(message);
  }

  requestHashes(request: HashRequest): void {
    this.#session.say.requestHashes(request);
  }

  /* ---- what the swarm asks for ---- */

  close(reason: CloseReason): void {
    this.#session.close(reason);
  }

  contentLearned(): void {
    this.#session.contentLearned();
  }

  sendHave(piece: PieceIndex): void {
    // A peer that has the piece gains nothing from hearing of it.
    if (this.#session.isOpen && this.pieces?.has(piece) !== true) this.#session.say.have(piece);
  }

  /** Stops serving the peer; what it waits for is answered with a reject. */
  choke(): void {
    this.#session.say.choke(this.#now());
    this.#uploads.rejectAll();
  }

  unchoke(): void {
    this.#session.say.unchoke();
  }

  /* ---- TcpHandler ---- */

  onBytes(view: Uint8Array): void {
    this.#session.take(view, this.#now());
  }

  onDrain(): void {
    this.#uploads.pump();
  }

  onClosed(cause: CloseCause): void {
    this.#session.close(cause === 'local' ? 'stopped' : cause);
  }

  /* ---- SessionEvents ---- */

  send(bytes: Uint8Array): void {
    if (this.#outbox.length === 0) {
      queueMicrotask(() => {
        this.#flush();
      });
    }
    this.#outbox.push(bytes);
  }

  lookup(wireHash: Uint8Array): Swarm['torrent'] | undefined {
    this.#swarm = this.#options.lookup(wireHash);
    return this.#swarm?.torrent;
  }

  open(): void {
    this.#openedAt = this.#now();
    if (!this.#swarm!.admit(this)) return;
    if (!this.#session.extensions.supported) this.#becomeReady();
    else this.#scheduleWake();
  }

  extended(handshake: ExtendedHandshake): void {
    const { listenPort } = handshake;
    if (listenPort !== undefined && this.side === 'accepted') {
      this.#endpoint = { host: this.#stream.remote.host, port: listenPort };
    }
    this.#becomeReady();
  }

  piecesChanged(): void {
    if (this.#ready) this.#swarm!.piecesChanged(this, this.#now());
  }

  have(piece: PieceIndex): void {
    if (this.#ready) this.#fetcher?.onHave(this, piece, this.#now());
  }

  choked(): void {
    if (this.#ready) this.#fetcher?.onChoked(this, this.#now());
  }

  unchoked(): void {
    this.#becomeReady();
    if (this.isReady) this.#fetcher?.onUnchoked(this, this.#now());
  }

  interestChanged(): void {
    this.#swarm!.rechoke();
  }

  requested(ref: BlockRef): void {
    this.#uploads.take(ref);
  }

  requestCancelled(ref: BlockRef): void {
    this.#uploads.cancel(ref);
  }

  blockData(piece: PieceIndex, begin: number, offset: number, view: Uint8Array): void {
    this.#fetcher?.onBlockBytes(this, piece, begin, offset, view);
  }

  block(piece: PieceIndex, begin: number, length: number): void {
    this.#swarm!.downloaded(length);
    this.#fetcher?.onBlock(this, piece, begin, length, this.#now());
  }

  rejected(ref: BlockRef): void {
    this.#fetcher?.onRejected(this, ref.piece as PieceIndex, ref.begin, ref.length, this.#now());
  }

  metadata(message: MetadataMessage): void {
    if (message.type === 'request') this.#serveMetadata(message.block);
    else if (message.type === 'data') {
      this.#fetcher?.onMetadata(this, message.block, message.totalBytes, message.data, this.#now());
    } else if (message.type === 'reject') this.#fetcher?.onMetadataRejected(this, message.block, this.#now());
  }

  hashesRequested(request: HashRequest): void {
    void this.#serveHashes(request);
  }

  hashes(request: HashRequest, hashes: Uint8Array): void {
    this.#fetcher?.onHashes(this, request, hashes, this.#now());
  }

  hashesRejected(request: HashRequest): void {
    this.#fetcher?.onHashesRejected(this, request, this.#now());
  }

  closed(reason: CloseReason): void {
    this.#cancelWake();
    this.#uploads.stop();
    this.#flush();
    if (reason === 'ended' || reason === 'reset') this.#stream.destroy();
    else this.#stream.end();
    this.#options.log.debug('peer left', { peer: endpointText(this.#endpoint), client: this.client, reason });
    this.#swarm?.departed(this, reason, this.#now());
    this.#options.onClosed(this);
  }

  /* ---- inside ---- */

  get #fetcher(): Fetcher | undefined {
    return this.#swarm?.fetcher;
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  #becomeReady(): void {
    if (this.#ready || !this.#session.isOpen) return;
    this.#ready = true;
    this.#options.log.debug('peer joined', { peer: endpointText(this.#endpoint), client: this.client });
    this.#swarm!.ready(this, this.#now());
  }

  #serveMetadata(block: number): void {
    const info = this.#session.torrent?.content?.info;
    const begin = block * BLOCK_BYTES;
    const has = info !== undefined && begin < info.length && this.#session.mayServe();
    const message = has
      ? ({
          type: 'data',
          block,
          totalBytes: info.length,
          data: info.subarray(begin, begin + BLOCK_BYTES),
        } as const)
      : ({ type: 'reject', block } as const);
    const bytes = this.#session.extensions.encodeMetadata(message);
    if (bytes !== undefined) this.#session.say.message(bytes);
  }

  /** Every hash request is answered, by hashes or by a reject (BEP 52). */
  async #serveHashes(request: HashRequest): Promise<void> {
    const hashes =
      this.#hashAnswers < MAX_OUTSTANDING_HASH_REQUESTS && this.#session.mayServe()
        ? await this.#answerHashes(request)
        : undefined;
    if (this.#session.isClosed) return;
    if (hashes !== undefined) this.#session.say.message(encodeHashes(request, hashes));
    else if (this.#session.offend()) this.#session.say.rejectHashes(request);
  }

  async #answerHashes(request: HashRequest): Promise<Uint8Array | undefined> {
    this.#hashAnswers++;
    try {
      return await this.#swarm!.answerHashes(request);
    } finally {
      this.#hashAnswers--;
    }
  }

  #flush(): void {
    const parts = this.#outbox;
    if (parts.length === 0) return;
    this.#outbox = [];
    this.#stream.write(parts);
  }

  #scheduleWake(): void {
    this.#cancelWake();
    let due = this.#session.nextDue;
    if (this.#openedAt !== undefined && !this.#ready) {
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

/** What a peer that names no client says by its id: `-LT2080-` (BEP 20). */
function clientOfPeerId(peerId: PeerId | undefined): string {
  return peerId === undefined ? '' : looseText(peerId.subarray(0, 8));
}
