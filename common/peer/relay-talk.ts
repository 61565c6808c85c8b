import type { PieceIndex } from '../base/ids.ts';
import { MAX_COMING_PIECES } from '../base/limits.ts';
import type { PieceOffer } from './request-judge.ts';
import type { Session } from './session.ts';

export interface RelayTalkOptions {
  readonly session: Session;
  /** Whether the piece is on its way to us, and a part of it can be given. */
  readonly isComing: (piece: PieceIndex) => boolean;
  /** What the peer asked of the piece is not going to be answered. */
  readonly reject: (piece: PieceIndex) => void;
}

/** What one peer is told of pieces that are still on their way to us (`tk_coming`, `tk_parts`). */
export class RelayTalk {
  readonly #options: RelayTalkOptions;
  /** Pieces it was told of; those that came to nothing stay, until it is told of them again. BOUNDED: by the pieces. */
  readonly #told = new Map<PieceIndex, 'coming' | 'withdrawn'>();
  /** Pieces whose parts' hashes it was given, as far as that is remembered. BOUNDED: by MAX_COMING_PIECES. */
  readonly #explained = new Set<PieceIndex>();

  constructor(options: RelayTalkOptions) {
    this.#options = options;
  }

  /** It speaks the messages. */
  get isSpoken(): boolean {
    const { isV2, extensions } = this.#options.session;
    return isV2 && extensions.passesOn;
  }

  /** A part of this piece would be of use to it. */
  wants(piece: PieceIndex): boolean {
    const { isOpen, pieces, extensions } = this.#options.session;
    return isOpen && this.isSpoken && pieces?.has(piece) === false && !extensions.isUploadOnly;
  }

  /** Tells it of a piece that is on its way to us, if it is of use to it. */
  tell(piece: PieceIndex): void {
    const { say, extensions } = this.#options.session;
    if (!this.wants(piece)) return;
    this.#told.set(piece, 'coming');
    say.message(extensions.encodeComing(piece));
  }

  /** Takes that back, and rejects what it asked for. */
  takeBack(piece: PieceIndex): void {
    const { session, reject } = this.#options;
    if (!session.isOpen || this.#told.get(piece) !== 'coming') return;
    this.#told.set(piece, 'withdrawn');
    // It may have ceased to take such messages meanwhile: then the rejects tell it.
    if (this.isSpoken) session.say.message(session.extensions.encodeDontHave(piece));
    reject(piece);
  }

  /** The piece is here, and is offered like any other. */
  settle(piece: PieceIndex): void {
    this.#told.delete(piece);
  }

  /** A part would be of use to it, and it does not know yet what the parts hash to. */
  needsHashes(piece: PieceIndex): boolean {
    return !this.#explained.has(piece) && this.wants(piece);
  }

  /** Gives the hashes of a piece's parts, before its blocks. */
  explain(piece: PieceIndex, hashes: Uint8Array): void {
    const { say, extensions } = this.#options.session;
    if (this.#explained.size >= MAX_COMING_PIECES) this.#explained.clear();
    this.#explained.add(piece);
    say.message(extensions.encodeParts(piece, hashes));
  }

  /** Of a piece that is not offered to it in full. */
  offerOf(piece: PieceIndex): PieceOffer {
    const told = this.#told.get(piece);
    if (told === undefined) return 'none';
    return told === 'coming' && this.#options.isComing(piece) ? 'offered' : 'withdrawn';
  }
}
