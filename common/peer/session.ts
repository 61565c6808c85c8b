/**
 * One peer's side of the protocol as a machine: bytes and the time come in; messages to send, things to tell and the
 * order to close go out through `events`. It owns the handshake, the life of the connection and the silence limits;
 * what is said after the handshake is `Voice`'s and `Hearing`'s.
 *
 * BEP 3, 6 (fast), 9 (metadata), 10 (extended), 52 (hashes).
 */
import type { Bitfield } from '../base/bitfield.ts';
import { equalBytes } from '../base/bytes.ts';
import { after, type Endpoint, type Instant, type PeerId, type PieceIndex, type WireHash } from '../base/ids.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  HASH_REQUEST_BURST,
  HASH_REQUESTS_PER_SECOND,
  MAX_PEER_OFFENCES,
} from '../base/limits.ts';
import { FrameReader } from '../wire/peer-frames.ts';
import { encodeHandshake, encodeKeepAlive, type HandshakeFlags } from '../wire/peer-messages.ts';
import { Extensions } from './extensions.ts';
import { HashLedger } from './hash-ledger.ts';
import { Hearing } from './hearing.ts';
import { Ledger } from './ledger.ts';
import { Opening } from './opening.ts';
import type { CloseReason } from './peer.ts';
import { RemotePieces } from './remote-pieces.ts';
import type { SessionEvents } from './session-events.ts';
import { Silence } from './silence.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Torrent } from './torrent.ts';
import { Voice } from './voice.ts';
import { answeredName, dialledName, isHybrid, isNamed, isV2Name, type WireName } from './wire-names.ts';

export interface SessionOptions {
  readonly side: 'dialled' | 'accepted';
  /** Of a dialled connection. */
  readonly torrent?: Torrent;
  /** Of a dialled connection: how often the peer hung up on a name of a hybrid. */
  readonly refusals?: number;
  readonly peerId: PeerId;
  readonly listenPort: number;
  readonly remote: Endpoint;
  /** Whether we want nothing of the torrent's peers (BEP 21); asked once the torrent is known. */
  readonly isUploadOnly: () => boolean;
  readonly events: SessionEvents;
  readonly now: Instant;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  readonly #hearing: Hearing;
  readonly #frames: FrameReader;
  readonly #opening = new Opening();
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #now: Instant;
  #offences = 0;
  /** One side did not know yet that the torrent is a hybrid. */
  #isV1ByChance = false;
  readonly #hashBucket: TokenBucket;

  #torrent: Torrent | undefined;
  /** What both sides call the torrent on this connection. */
  #wireHash: WireHash | undefined;
  #remoteId: PeerId | undefined;
  readonly #pieces = new RemotePieces();
  readonly #silence: Silence;

  readonly extensions = new Extensions();
  readonly ledger = new Ledger();
  readonly hashLedger = new HashLedger();
  readonly say: Voice;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#events = options.events;
    this.#torrent = options.torrent;
    this.#now = options.now;
    this.#silence = new Silence(options.now);
    this.say = new Voice({
      ledger: this.ledger,
      hashLedger: this.hashLedger,
      send: (bytes) => {
        this.#send(bytes);
      },
    });
    this.#hearing = this.#makeHearing();
    this.#frames = new FrameReader(this.#hearing);
    this.#hashBucket = new TokenBucket({
      perSecond: HASH_REQUESTS_PER_SECOND,
      burst: HASH_REQUEST_BURST,
      now: options.now,
    });
  }

  #makeHearing(): Hearing {
    return new Hearing({
      torrent: () => this.#torrent!,
      say: this.say,
      ledger: this.ledger,
      hashLedger: this.hashLedger,
      extensions: this.extensions,
      pieces: this.#pieces,
      events: this.#events,
      now: () => this.#now,
      isOpen: () => this.isOpen,
      isV2: () => this.isV2,
      close: (reason) => {
        this.close(reason);
      },
      offend: () => {
        this.offend();
      },
    });
  }

  /** The handshakes are done and nobody has closed it. */
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

  /** Both sides took this for a v2 connection: hash messages may be sent (BEP 52). */
  get isV2(): boolean {
    return this.#torrent !== undefined && isV2Name(this.#torrent.names, this.#wireHash);
  }

  /** It is v1 and would be v2 if it were made again, now that we know that the torrent is a hybrid. */
  get couldBeV2(): boolean {
    return this.#isV1ByChance && !this.isV2 && isHybrid(this.#torrent!.names);
  }

  get remoteIsChoking(): boolean {
    return this.#hearing.isChoking;
  }

  get remoteIsInterested(): boolean {
    return this.#hearing.isInterested;
  }

  /** It has everything. */
  get remoteIsSeed(): boolean {
    return this.#pieces.isSeed;
  }

  /** It has a part of the piece, and the rest is on its way to it. */
  isComing(piece: PieceIndex): boolean {
    return this.#pieces.isComing(piece);
  }

  /** What the peer has; known once the content is. */
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
    const { side, refusals = 0 } = this.#options;
    if (side === 'accepted') return;
    const { names } = this.#torrent!;
    this.#isV1ByChance = !isHybrid(names);
    this.#sendHandshake(dialledName(names, refusals));
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

  /** Whether hash requests worth so much may be answered now. They may come while choked, and cost us hashing. */
  mayServeHashes(cost: number, now: Instant): boolean {
    return this.#hashBucket.take(cost, now);
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

  /** An acceptor answers as soon as it knows the torrent: the peer id follows, and some hold it back until then. */
  #takeHead(wireHash: WireHash, flags: HandshakeFlags): void {
    this.say.fast = flags.fast;
    this.extensions.supported = flags.extended;
    if (this.#options.side === 'accepted') {
      this.#torrent = this.#events.lookup(wireHash);
      if (this.#torrent === undefined) return this.close('unknown-torrent');
      this.#isV1ByChance = flags.upgrade;
      const answer = answeredName(this.#torrent.names, { wireHash, upgrade: flags.upgrade });
      this.#wireHash = answer.wireHash;
      this.#sendHandshake(answer);
    } else {
      // Of a hybrid either name may come back: libtorrent remembers that a host upgraded, and may do it unasked.
      if (!isNamed(this.#torrent!.names, wireHash)) return this.close('unknown-torrent');
      this.#wireHash = wireHash;
    }
  }

  #sendHandshake({ wireHash, upgrade }: WireName): void {
    this.say.message(
      encodeHandshake({
        flags: { extended: true, fast: true, upgrade },
        wireHash,
        peerId: this.#options.peerId,
      }),
    );
  }

  #open(remoteId: PeerId): void {
    if (equalBytes(remoteId, this.#options.peerId)) return this.close('self');
    this.#remoteId = remoteId;
    this.#state = 'open';
    if (this.extensions.supported) this.#sendExtendedHandshake();
    this.say.pieces(this.#events.offered());
    const content = this.#torrent!.content;
    if (content !== undefined) this.#pieces.adopt(content.geometry.pieceCount);
    this.#events.open();
  }

  /** A second one adds to the first: the size of the info dictionary, once there is one (BEP 9, BEP 10). */
  #sendExtendedHandshake(): void {
    const { listenPort, remote, isUploadOnly } = this.#options;
    const content = this.#torrent!.content;
    const size = content === undefined ? {} : { metadataBytes: content.info.length };
    const takesPex = !this.#torrent!.isPrivate;
    this.say.message(this.extensions.encodeOwn({ listenPort, remote, uploadOnly: isUploadOnly(), takesPex, ...size }));
  }

  /** Tells all that we offer once more: it has become much. */
  stateAgain(): void {
    this.say.pieces(this.#events.offered());
  }

  /** The torrent's content became known: what the peer said it has is judged, and it is told what we have. */
  contentLearned(): void {
    if (this.#state !== 'open' || this.#pieces.field !== undefined) return;
    if (!this.#pieces.adopt(this.#torrent!.content!.geometry.pieceCount)) return this.close('bad-message');
    if (this.extensions.supported) this.#sendExtendedHandshake();
    for (const piece of this.#torrent!.offered) this.say.have(piece);
    this.#events.piecesChanged();
  }
}
