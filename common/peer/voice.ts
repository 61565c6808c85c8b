/** What we say to one peer: each message at the right time and no more than once. */
import type { Bitfield } from '../base/bitfield.ts';
import { instant, type Instant, type PieceIndex } from '../base/ids.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import {
  encodeBare,
  encodeBitfield,
  encodeBlockRef,
  encodeHashMessage,
  encodeHave,
  MESSAGE,
  type BlockRef,
} from '../wire/peer-messages.ts';
import type { HashLedger } from './hash-ledger.ts';
import type { Ledger } from './ledger.ts';

export interface VoiceOptions {
  readonly ledger: Ledger;
  readonly hashLedger: HashLedger;
  readonly send: (bytes: Uint8Array) => void;
}

export class Voice {
  readonly #options: VoiceOptions;
  #isChoking = true;
  #isInterested = false;
  #chokedAt = instant(Number.NEGATIVE_INFINITY);
  /** Both sides speak the fast extension (BEP 6); set by the handshake. */
  fast = false;

  constructor(options: VoiceOptions) {
    this.#options = options;
  }

  get isChoking(): boolean {
    return this.#isChoking;
  }

  get isInterested(): boolean {
    return this.#isInterested;
  }

  /** When we last took back an unchoke; long ago for a peer that never had one. */
  get chokedAt(): Instant {
    return this.#chokedAt;
  }

  /** Any whole message. */
  message(bytes: Uint8Array): void {
    this.#options.send(bytes);
  }

  /** All that we offer, in the shortest form the peer takes: the first message but the extended handshake. */
  pieces(offered: Bitfield): void {
    if (offered.count > 0 && !(this.fast && offered.isFull)) this.message(encodeBitfield(offered.bytes));
    else if (this.fast) this.message(encodeBare(offered.count > 0 ? MESSAGE.haveAll : MESSAGE.haveNone));
  }

  have(piece: PieceIndex): void {
    this.message(encodeHave(piece));
  }

  choke(now: Instant): void {
    if (this.#isChoking) return;
    this.#isChoking = true;
    this.#chokedAt = now;
    this.message(encodeBare(MESSAGE.choke));
  }

  unchoke(): void {
    if (!this.#isChoking) return;
    this.#isChoking = false;
    this.message(encodeBare(MESSAGE.unchoke));
  }

  interest(interested: boolean): void {
    if (this.#isInterested === interested) return;
    this.#isInterested = interested;
    this.message(encodeBare(interested ? MESSAGE.interested : MESSAGE.notInterested));
  }

  request(ref: BlockRef): void {
    if (this.#options.ledger.add(ref)) this.#blockRef(MESSAGE.request, ref);
  }

  cancel(ref: BlockRef): void {
    if (this.#options.ledger.cancel(ref)) this.#blockRef(MESSAGE.cancel, ref);
  }

  /** The answer "no" to a request; peers without the fast extension get none (BEP 6). */
  reject(ref: BlockRef): void {
    if (this.fast) this.#blockRef(MESSAGE.reject, ref);
  }

  requestHashes(request: HashRequest): void {
    if (this.#options.hashLedger.add(request)) this.message(encodeHashMessage(MESSAGE.hashRequest, request));
  }

  rejectHashes(request: HashRequest): void {
    this.message(encodeHashMessage(MESSAGE.hashReject, request));
  }

  #blockRef(id: number, ref: BlockRef): void {
    this.message(encodeBlockRef(id, ref.piece, ref.begin, ref.length));
  }
}
