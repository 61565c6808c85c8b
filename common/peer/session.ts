/**
 * One peer's side of the protocol as a machine: bytes and the time come in; messages to send, things to tell and the
 * order to close go out through `events`. It owns the handshake, what each side may say, and the silence limits.
 *
 * BEP 3, 6 (fast), 9 (metadata), 10 (extended), 52 (hashes).
 */
import type { Bitfield } from '../base/bitfield.ts';
import { equalBytes, readU32 } from '../base/bytes.ts';
import { after, type Endpoint, type Instant, type PeerId, type PieceIndex, type WireHash } from '../base/ids.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  HASH_REQUEST_BURST,
  HASH_REQUESTS_PER_SECOND,
  MAX_PEER_OFFENCES,
  MAX_PIECES,
} from '../base/limits.ts';
import { decodeHashRequest, HASH_REQUEST_BYTES, type HashRequest } from '../wire/hash-request.ts';
import { FrameReader, type FrameSink } from '../wire/peer-frames.ts';
import {
  decodeBlockRef,
  encodeHandshake,
  encodeKeepAlive,
  MESSAGE,
  type BlockRef,
  type HandshakeFlags,
} from '../wire/peer-messages.ts';
import { BlockReceiver } from './block-receiver.ts';
import { Extensions } from './extensions.ts';
import { HashLedger } from './hash-ledger.ts';
import { Ledger } from './ledger.ts';
import { messageBounds } from './message-bounds.ts';
import { Opening } from './opening.ts';
import type { CloseReason } from './peer.ts';
import { RemotePieces, type PiecesStatement } from './remote-pieces.ts';
import { judgeRequest } from './request-judge.ts';
import type { SessionEvents } from './session-events.ts';
import { Silence } from './silence.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Torrent } from './torrent.ts';
import { Voice } from './voice.ts';

export interface SessionOptions {
  readonly side: 'dialled' | 'accepted';
  /** Of a dialled connection. */
  readonly torrent?: Torrent;
  readonly peerId: PeerId;
  readonly listenPort: number;
  readonly remote: Endpoint;
  /** Says that we want nothing (BEP 21). */
  readonly uploadOnly: boolean;
  readonly events: SessionEvents;
  readonly now: Instant;
}

/** A request that crossed our choke on the way is no offence within this time. */
const CHOKE_GRACE_MS = 10_000;

export class Session implements FrameSink {
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  readonly #frames = new FrameReader(this);
  readonly #opening = new Opening();
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #now: Instant;
  #offences = 0;
  readonly #serviceBucket: TokenBucket;

  #torrent: Torrent | undefined;
  #remoteId: PeerId | undefined;
  readonly #pieces = new RemotePieces();
  readonly #blocks: BlockReceiver;
  readonly #silence: Silence;

  readonly extensions = new Extensions();
  readonly ledger = new Ledger();
  readonly hashLedger = new HashLedger();
  readonly say: Voice;
  remoteIsChoking = true;
  remoteIsInterested = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#events = options.events;
    this.#torrent = options.torrent;
    this.#now = options.now;
    this.#silence = new Silence(options.now);
    this.say = new Voice({
      ledger: this.ledger,
      hashLedger: this.hashLedger,
      now: options.now,
      send: (bytes) => {
        this.#send(bytes);
      },
    });
    this.#blocks = new BlockReceiver({ ledger: this.ledger, events: options.events });
    this.#serviceBucket = new TokenBucket({
      perSecond: HASH_REQUESTS_PER_SECOND,
      burst: HASH_REQUEST_BURST,
      now: options.now,
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get torrent(): Torrent | undefined {
    return this.#torrent;
  }

  get remoteId(): PeerId | undefined {
    return this.#remoteId;
  }

  /** Both sides speak the fast extension (BEP 6). */
  get fast(): boolean {
    return this.say.fast;
  }

  /** Known once the content is. */
  get pieces(): Bitfield | undefined {
    return this.#pieces.field;
  }

  get heardAt(): Instant {
    return this.#silence.heardAt;
  }

  /** When `tick` has something to do. */
  get nextDue(): Instant {
    return this.#state === 'opening' ? after(this.#options.now, HANDSHAKE_TIMEOUT_MS) : this.#silence.nextDue;
  }

  /** A dialled connection speaks first. */
  start(): void {
    if (this.#options.side === 'dialled') this.#sendHandshake();
  }

  /** The next bytes of the stream. */
  take(bytes: Uint8Array, now: Instant): void {
    this.#now = now;
    this.#silence.heard(now);
    const rest = this.#state === 'opening' ? this.#takeOpening(bytes) : bytes;
    if (rest.length === 0 || this.#state !== 'open') return;
    if (this.#frames.push(rest) === 'length') this.close('bad-message');
  }

  /** Silence limits. */
  tick(now: Instant): void {
    this.#now = now;
    if (this.#state === 'opening') {
      if (now >= this.nextDue) this.close('handshake-timeout');
    } else if (this.#state === 'open') {
      if (this.#silence.isIdle(now)) this.close('idle');
      else if (this.#silence.wantsKeepAlive(now)) this.say.message(encodeKeepAlive());
    }
  }

  /** Something left for the peer other than through this machine: block data. */
  noteSent(now: Instant): void {
    this.#silence.sent(now);
  }

  close(reason: CloseReason): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#events.closed(reason);
  }

  /** Counts a breach that one may be forgiven for; false when it was one too many and the session is closed. */
  offend(): boolean {
    this.#offences++;
    if (this.#offences <= MAX_PEER_OFFENCES) return true;
    this.close('offences');
    return false;
  }

  /** Whether one more costly answer may be given now (hashes, metadata). */
  mayServe(): boolean {
    return this.#serviceBucket.take(this.#now);
  }

  #send(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#silence.sent(this.#now);
    this.#events.send(bytes);
  }

  /* ---- the handshake ---- */

  /** Takes the part of `bytes` that belongs to the handshake; the rest is messages. */
  #takeOpening(bytes: Uint8Array): Uint8Array {
    const taken = this.#opening.collect(bytes);
    const step = this.#opening.step();
    if (step.kind === 'not-bittorrent') this.close('not-bittorrent');
    else if (step.kind === 'head') this.#takeHead(step.wireHash, step.flags);
    const remoteId = this.#opening.peerId;
    if (!this.isClosed && remoteId !== undefined) this.#open(remoteId);
    return bytes.subarray(taken);
  }

  #takeHead(wireHash: WireHash, flags: HandshakeFlags): void {
    this.say.fast = flags.fast;
    this.extensions.supported = flags.extended;
    if (this.#options.side === 'accepted') {
      this.#torrent = this.#events.lookup(wireHash);
      if (this.#torrent === undefined) this.close('unknown-torrent');
      else this.#sendHandshake();
    } else if (!equalBytes(wireHash, this.#torrent!.wireHash)) {
      this.close('unknown-torrent');
    }
  }

  #sendHandshake(): void {
    this.say.message(
      encodeHandshake({
        flags: { extended: true, fast: true, upgrade: false },
        wireHash: this.#torrent!.wireHash,
        peerId: this.#options.peerId,
      }),
    );
  }

  #open(remoteId: PeerId): void {
    if (equalBytes(remoteId, this.#options.peerId)) return this.close('self');
    this.#remoteId = remoteId;
    this.#state = 'open';
    if (this.extensions.supported) this.#sendExtendedHandshake();
    this.say.pieces(this.#torrent!.offered);
    const content = this.#torrent!.content;
    if (content !== undefined) this.#pieces.adopt(content.geometry.pieceCount);
    this.#events.open();
  }

  /** A second one adds to the first: the size of the info dictionary, once there is one (BEP 9, BEP 10). */
  #sendExtendedHandshake(): void {
    const { listenPort, remote, uploadOnly } = this.#options;
    const content = this.#torrent!.content;
    const size = content === undefined ? {} : { metadataBytes: content.info.length };
    this.say.message(this.extensions.encodeOwn({ listenPort, remote, uploadOnly, ...size }));
  }

  /** The torrent's content became known: what the peer said it has is judged, and it is told what we have. */
  contentLearned(): void {
    if (this.#state !== 'open' || this.#pieces.field !== undefined) return;
    if (!this.#pieces.adopt(this.#torrent!.content!.geometry.pieceCount)) return this.close('bad-message');
    if (this.extensions.supported) this.#sendExtendedHandshake();
    for (const piece of this.#torrent!.offered) this.say.have(piece);
    this.#events.piecesChanged();
  }

  /* ---- what the peer says: FrameSink ---- */

  bounds(id: number): { readonly min: number; readonly max: number } {
    return messageBounds(id, {
      pieceCount: this.#torrent!.content?.geometry.pieceCount ?? MAX_PIECES,
      pieceCountIsKnown: this.#torrent!.content !== undefined,
      blockBytes: this.extensions.blockBytes(this.#torrent!.content?.geometry.pieceBytes),
      hashesAsked: this.hashLedger.mostHashes,
    });
  }

  keepAlive(): void {}

  message(id: number, payload: Uint8Array): boolean {
    switch (id) {
      case MESSAGE.choke:
        this.#takeChoke();
        break;
      case MESSAGE.unchoke:
        this.remoteIsChoking = false;
        this.#events.unchoked();
        break;
      case MESSAGE.interested:
      case MESSAGE.notInterested:
        this.remoteIsInterested = id === MESSAGE.interested;
        this.#events.interestChanged();
        break;
      case MESSAGE.have:
        this.#takeHave(readU32(payload, 0));
        break;
      case MESSAGE.bitfield:
        this.#takePieces({ kind: 'bits', bytes: payload.slice() });
        break;
      case MESSAGE.haveAll:
        this.#takePieces({ kind: 'all' });
        break;
      case MESSAGE.haveNone:
        this.#takePieces({ kind: 'none' });
        break;
      case MESSAGE.request:
        this.#takeRequest(decodeBlockRef(payload));
        break;
      case MESSAGE.cancel:
        this.#events.requestCancelled(decodeBlockRef(payload));
        break;
      case MESSAGE.reject:
        this.#takeReject(decodeBlockRef(payload));
        break;
      case MESSAGE.extended:
        this.#takeExtended(payload);
        break;
      case MESSAGE.hashRequest:
        this.#events.hashesRequested(decodeHashRequest(payload, 0));
        break;
      case MESSAGE.hashes:
      case MESSAGE.hashReject:
        this.#takeHashes(id, decodeHashRequest(payload, 0), payload.subarray(HASH_REQUEST_BYTES));
        break;
      default:
      // Port, suggest, allowed fast, and ids nobody knows: of a sane length, and of no use to us.
    }
    return this.#state === 'open';
  }

  blockStart(piece: number, begin: number, length: number): boolean {
    this.#blocks.start({ piece, begin, length });
    return true;
  }

  blockBytes(offset: number, view: Uint8Array): void {
    this.#blocks.bytes(offset, view);
  }

  blockEnd(): boolean {
    if (!this.#blocks.end()) this.offend();
    return this.#state === 'open';
  }

  #takeChoke(): void {
    this.remoteIsChoking = true;
    // Without the fast extension a choke is the answer to all that is open (BEP 3); with it, rejects follow.
    const dropped = this.say.fast ? [] : this.ledger.forgetAll();
    this.#events.choked();
    for (const ref of dropped) this.#events.rejected(ref);
  }

  #takeHave(piece: number): void {
    const verdict = this.#pieces.have(piece);
    if (verdict === 'impossible') this.close('bad-message');
    else if (verdict === 'new') this.#events.have(piece as PieceIndex);
  }

  #takePieces(statement: PiecesStatement): void {
    if (!this.#pieces.state(statement)) this.close('bad-message');
    else if (this.#pieces.field !== undefined) this.#events.piecesChanged();
  }

  #takeRequest(ref: BlockRef): void {
    const verdict = judgeRequest(ref, {
      content: this.#torrent!.content,
      offered: this.#torrent!.offered,
      blockBytes: this.extensions.blockBytes(this.#torrent!.content?.geometry.pieceBytes),
    });
    if (verdict === 'fine' && !this.say.isChoking) return this.#events.requested(ref);
    this.say.reject(ref);
    // A request may have been on its way when we choked.
    const excused = verdict === 'fine' && this.#now < after(this.say.chokedAt, CHOKE_GRACE_MS);
    if (!excused) this.offend();
  }

  #takeReject(ref: BlockRef): void {
    if (this.ledger.settle(ref.piece, ref.begin, ref.length) === 'wanted') this.#events.rejected(ref);
  }

  #takeExtended(payload: Uint8Array): void {
    const taken = this.extensions.take(payload);
    switch (taken.kind) {
      case 'malformed':
        return this.close('bad-message');
      case 'handshake':
        return this.#events.extended(taken.handshake);
      case 'metadata':
        return this.#events.metadata(taken.message);
      case 'other':
    }
  }

  #takeHashes(id: number, request: HashRequest, hashes: Uint8Array): void {
    if (!this.hashLedger.settle(request)) {
      this.offend();
    } else if (id === MESSAGE.hashes) {
      this.#events.hashes(request, hashes);
    } else {
      this.#events.hashesRejected(request);
    }
  }
}
