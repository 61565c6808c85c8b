import type { Bitfield } from '../base/bitfield.ts';
import type { PieceIndex } from '../base/ids.ts';
import type { ExtendedHandshake, MetadataMessage } from '../wire/extended.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import type { BlockRef } from '../wire/peer-messages.ts';
import type { PexMessage } from '../wire/pex.ts';
import type { CloseReason } from './peer.ts';
import type { PieceOffer } from './request-judge.ts';
import type { Torrent } from './torrent.ts';

/** What a session wants done, and tells. Called during `start`, `take`, `tick` and the sending methods only. */
export interface SessionEvents {
  send(bytes: Uint8Array): void;
  /** The last call. */
  closed(reason: CloseReason): void;
  /** The torrent an accepted connection asks for. */
  lookup(wireHash: Uint8Array): Torrent | undefined;
  /** What the peer is told that we have, when the handshakes are done, and may ask for. */
  offered(): Bitfield;
  /** Whether it may ask for the piece. */
  offerOf(piece: PieceIndex): PieceOffer;
  /** The handshakes are done. */
  open(): void;
  /** The other side's extended handshake, or a later change to it. */
  extended(handshake: ExtendedHandshake): void;
  piecesChanged(): void;
  /** `wasComing`: it had said before that the piece was on its way. */
  have(piece: PieceIndex, wasComing: boolean): void;
  /** It can give a part of the piece, and the rest as that comes. */
  coming(piece: PieceIndex): void;
  /** The hashes of a piece's parts, as it says; any piece, any hashes. */
  parts(piece: PieceIndex, hashes: Uint8Array): void;
  choked(): void;
  unchoked(): void;
  interestChanged(): void;
  requested(ref: BlockRef): void;
  requestCancelled(ref: BlockRef): void;
  blockData(piece: PieceIndex, begin: number, offset: number, view: Uint8Array): void;
  block(piece: PieceIndex, begin: number, length: number): void;
  rejected(ref: BlockRef): void;
  metadata(message: MetadataMessage): void;
  /** The peer names others. */
  pex(message: PexMessage): void;
  hashesRequested(request: HashRequest): void;
  hashes(request: HashRequest, hashes: Uint8Array): void;
  hashesRejected(request: HashRequest): void;
}
