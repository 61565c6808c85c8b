/**
 * What one peer says to us once the handshakes are done, message by message: judged, noted, and told on through
 * `events`. The counterpart of `Voice`.
 */
import { readU32 } from '../base/bytes.ts';
import { after, type Instant, type PieceIndex } from '../base/ids.ts';
import { MAX_PIECES } from '../base/limits.ts';
import { decodeHashRequest, HASH_REQUEST_BYTES, type HashRequest } from '../wire/hash-request.ts';
import type { FrameBounds, FrameSink } from '../wire/peer-frames.ts';
import { decodeBlockRef, MESSAGE, type BlockRef } from '../wire/peer-messages.ts';
import { BlockReceiver } from './block-receiver.ts';
import type { Extensions } from './extensions.ts';
import type { HashLedger } from './hash-ledger.ts';
import type { Ledger } from './ledger.ts';
import { messageBounds, type BoundsFacts } from './message-bounds.ts';
import type { CloseReason } from './peer.ts';
import type { PiecesStatement, RemotePieces } from './remote-pieces.ts';
import { judgeRequest } from './request-judge.ts';
import type { SessionEvents } from './session-events.ts';
import type { Torrent, TorrentContent } from './torrent.ts';
import type { Voice } from './voice.ts';

export interface HearingOptions {
  /** Known before the first message is. */
  readonly torrent: () => Torrent;
  readonly say: Voice;
  readonly ledger: Ledger;
  readonly hashLedger: HashLedger;
  readonly extensions: Extensions;
  readonly pieces: RemotePieces;
  readonly events: SessionEvents;
  readonly now: () => Instant;
  readonly isOpen: () => boolean;
  /** Hash messages may be sent. */
  readonly isV2: () => boolean;
  readonly close: (reason: CloseReason) => void;
  /** Counts a breach that one may be forgiven for. */
  readonly offend: () => void;
}

/** A request that crossed our choke on the way is no offence within this time. */
const CHOKE_GRACE_MS = 10_000;

const DIGEST_BYTES = 32;

export class Hearing implements FrameSink, BoundsFacts {
  readonly #options: HearingOptions;
  readonly #blocks: BlockReceiver;
  #isChoking = true;
  #isInterested = false;

  constructor(options: HearingOptions) {
    this.#options = options;
    this.#blocks = new BlockReceiver({ ledger: options.ledger, events: options.events });
  }

  /** The peer serves us nothing at present. */
  get isChoking(): boolean {
    return this.#isChoking;
  }

  /** The peer wants something of us. */
  get isInterested(): boolean {
    return this.#isInterested;
  }

  get #content(): TorrentContent | undefined {
    return this.#options.torrent().content;
  }

  /* ---- BoundsFacts: each is asked for by few of the messages ---- */

  get pieceCount(): number {
    return this.#content?.geometry.pieceCount ?? MAX_PIECES;
  }

  get pieceCountIsKnown(): boolean {
    return this.#content !== undefined;
  }

  /** The longest block that may be asked for or sent, either way. */
  get longestBlockBytes(): number {
    return this.#options.extensions.blockBytes(this.#content?.geometry.pieceBytes);
  }

  get hashesAsked(): number {
    return this.#options.hashLedger.mostHashes;
  }

  /* ---- FrameSink ---- */

  bounds(id: number): FrameBounds {
    return messageBounds(id, this);
  }

  keepAlive(): void {}

  message(id: number, payload: Uint8Array): boolean {
    const { events } = this.#options;
    switch (id) {
      case MESSAGE.choke:
        this.#takeChoke();
        break;
      case MESSAGE.unchoke:
        this.#isChoking = false;
        events.unchoked();
        break;
      case MESSAGE.interested:
      case MESSAGE.notInterested:
        this.#isInterested = id === MESSAGE.interested;
        events.interestChanged();
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
        events.requestCancelled(decodeBlockRef(payload));
        break;
      case MESSAGE.reject:
        this.#takeReject(decodeBlockRef(payload));
        break;
      case MESSAGE.extended:
        this.#takeExtended(payload);
        break;
      case MESSAGE.hashRequest:
        // On a v1 connection there is not even a way to say no.
        if (this.#options.isV2()) events.hashesRequested(decodeHashRequest(payload, 0));
        else this.#options.offend();
        break;
      case MESSAGE.hashes:
      case MESSAGE.hashReject:
        this.#takeHashes(id, decodeHashRequest(payload, 0), payload.subarray(HASH_REQUEST_BYTES));
        break;
      default:
      // Port, suggest, allowed fast, and ids nobody knows: of a sane length, and of no use to us.
    }
    return this.#options.isOpen();
  }

  blockStart(piece: number, begin: number, length: number): boolean {
    this.#blocks.start({ piece, begin, length });
    return true;
  }

  blockBytes(offset: number, view: Uint8Array): void {
    this.#blocks.bytes(offset, view);
  }

  /** Whoever took the data may have closed the session on it: nothing more is told then. */
  blockEnd(): boolean {
    if (this.#options.isOpen() && !this.#blocks.end()) this.#options.offend();
    return this.#options.isOpen();
  }

  /* ---- one kind of message each ---- */

  #takeChoke(): void {
    const { say, ledger, events, isOpen } = this.#options;
    this.#isChoking = true;
    // Without the fast extension a choke is the answer to all that is open (BEP 3); with it, rejects follow.
    const dropped = say.fast ? [] : ledger.forgetAll();
    events.choked();
    for (const ref of dropped) if (isOpen()) events.rejected(ref);
  }

  #takeHave(piece: number): void {
    const verdict = this.#options.pieces.have(piece);
    if (verdict === 'impossible') this.#options.close('bad-message');
    else if (verdict !== 'kept') this.#options.events.have(piece as PieceIndex, verdict === 'whole');
  }

  #takeComing(piece: number): void {
    const verdict = this.#options.pieces.comes(piece);
    if (verdict === 'impossible') this.#options.offend();
    else if (verdict === 'new') this.#options.events.coming(piece as PieceIndex);
  }

  #takeLoss(piece: number): void {
    const { pieces, events, offend } = this.#options;
    if (!pieces.lose(piece)) offend();
    else if (pieces.field !== undefined) events.piecesChanged();
  }

  #takePieces(statement: PiecesStatement): void {
    const { pieces, events, close } = this.#options;
    if (!pieces.state(statement)) close('bad-message');
    else if (pieces.field !== undefined) events.piecesChanged();
  }

  #takeRequest(ref: BlockRef): void {
    const { say, events, now, offend } = this.#options;
    const verdict = judgeRequest(ref, {
      content: this.#content,
      offerOf: (piece) => events.offerOf(piece),
      blockBytes: this.longestBlockBytes,
    });
    if (verdict === 'fine' && !say.isChoking) return events.requested(ref);
    say.reject(ref);
    // A request may have been on its way when we choked.
    const excused = verdict === 'withdrawn' || (verdict === 'fine' && now() < after(say.chokedAt, CHOKE_GRACE_MS));
    if (!excused) offend();
  }

  #takeReject(ref: BlockRef): void {
    if (this.#options.ledger.takeReject(ref) === 'wanted') this.#options.events.rejected(ref);
  }

  #takeExtended(payload: Uint8Array): void {
    const { extensions, events, offend } = this.#options;
    const taken = extensions.take(payload);
    switch (taken.kind) {
      case 'malformed':
        // One message that makes no sense does not make a peer useless.
        return offend();
      case 'handshake':
        return events.extended(taken.handshake);
      case 'metadata':
        return events.metadata(taken.message);
      case 'pex':
        return events.pex(taken.message);
      case 'dont-have':
        return this.#takeLoss(taken.piece);
      case 'coming':
        return this.#takeComing(taken.piece);
      case 'parts':
        return events.parts(taken.piece as PieceIndex, taken.hashes);
      case 'other':
    }
  }

  #takeHashes(id: number, request: HashRequest, hashes: Uint8Array): void {
    const { hashLedger, events, close, offend } = this.#options;
    if (hashes.length % DIGEST_BYTES !== 0) return close('bad-message');
    if (!hashLedger.settle(request)) return offend();
    if (id === MESSAGE.hashes) events.hashes(request, hashes);
    else events.hashesRejected(request);
  }
}
