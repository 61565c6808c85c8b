/** The two sides of the line between a node, which keeps connections, and whoever downloads over them. */
import type { Bitfield } from '../base/bitfield.ts';
import { endpointText, type Endpoint, type Instant, type PieceIndex } from '../base/ids.ts';
import type { HashRequest } from '../wire/hash-request.ts';

/** Why a connection ended, for reports and retry rules. */
export type CloseReason =
  | 'ended' /* the other side closed */
  | 'reset'
  | 'stopped' /* we are leaving */
  | 'not-bittorrent' /* junk, HTTP, or an encrypted handshake: closed at once so that the other falls back */
  | 'unknown-torrent'
  | 'self'
  | 'duplicate'
  | 'handshake-timeout'
  | 'idle'
  | 'bad-message' /* a length or content that no message may have */
  | 'offences' /* too many invalid requests or unasked blocks */
  | 'banned'
  | 'nothing-to-exchange'
  | 'to-upgrade' /* a v1 connection of what turned out to be a hybrid: it is dialled again as v2 */
  | 'too-many';

/** A connected peer, after both handshakes, as a downloader sees and drives it. */
export interface Peer {
  /** Never used again in this process. */
  readonly id: number;
  /** Where it can be dialled, when that is known, else where it called from. */
  readonly endpoint: Endpoint;
  /** Of a web seed (BEP 19): where it is, as people are shown it. */
  readonly url?: string;
  /** What it says it is; text from outside. */
  readonly client: string;
  /** The pieces it has, growing; undefined until the torrent's content is known. */
  readonly pieces: Bitfield | undefined;
  /** Of one of `pieces`: it has a part of it, and the rest is on its way to it. */
  isComing(piece: PieceIndex): boolean;
  /** It speaks of pieces that are on their way, and may give the hashes of their parts before its blocks. */
  readonly passesOn: boolean;
  readonly isChokingUs: boolean;
  /** It says that it wants nothing itself (BEP 21). */
  readonly isUploadOnly: boolean;
  /** A choke does not take back what was asked before: each request still has its answer (BEP 6). */
  readonly answersWhenChoked: boolean;
  /** The longest block it serves; 16 KiB unless both sides agreed on more. */
  readonly blockBytes: number;
  /** How many more block requests may be open now, and how many bytes. */
  readonly roomForRequests: number;
  readonly roomForBytes: number;
  /** Its connection is v2: hashes may be asked for (BEP 52). Known once the torrent's content is. */
  readonly takesHashRequests: boolean;
  /** Size of the info dictionary it offers; undefined when it offers none. */
  readonly metadataBytes: number | undefined;
  request(piece: PieceIndex, begin: number, length: number): void;
  cancel(piece: PieceIndex, begin: number, length: number): void;
  setInterested(interested: boolean): void;
  /** Asks for one 16 KiB block of the info dictionary. */
  requestMetadata(block: number): void;
  requestHashes(request: HashRequest): void;
  close(reason: CloseReason): void;
}

/** What a peer is called in reports; no two have the same name. */
export const peerName = (peer: Pick<Peer, 'endpoint' | 'url'>): string => peer.url ?? endpointText(peer.endpoint);

/** What a downloader is told. Views are valid only during the call. */
export interface Fetcher {
  /** Nothing is wanted any more, from anybody. */
  readonly isDone: boolean;
  /** Both handshakes are done, and the extended one if there is any. */
  onReady(peer: Peer, now: Instant): void;
  /** The peer's set of pieces became known or changed in bulk. */
  onPieces(peer: Peer, now: Instant): void;
  onHave(peer: Peer, piece: PieceIndex, now: Instant): void;
  onChoked(peer: Peer, now: Instant): void;
  onUnchoked(peer: Peer, now: Instant): void;
  /** Part of a block that was asked for: `view` goes to `begin + offset` of the piece. */
  onBlockBytes(peer: Peer, piece: PieceIndex, begin: number, offset: number, view: Uint8Array, now: Instant): void;
  /** The block is whole. */
  onBlock(peer: Peer, piece: PieceIndex, begin: number, length: number, now: Instant): void;
  /** The peer will not send this block. */
  onRejected(peer: Peer, piece: PieceIndex, begin: number, length: number, now: Instant): void;
  /** The peer offers the info dictionary only now: it has learned it, or said so late (BEP 9, BEP 10). */
  onMetadataOffered(peer: Peer, now: Instant): void;
  onMetadata(peer: Peer, block: number, totalBytes: number, view: Uint8Array, now: Instant): void;
  onMetadataRejected(peer: Peer, block: number, now: Instant): void;
  /** The hashes of a piece's parts, as it says; any piece, any hashes. */
  onParts(peer: Peer, piece: PieceIndex, hashes: Uint8Array): void;
  onHashes(peer: Peer, request: HashRequest, hashes: Uint8Array, now: Instant): void;
  onHashesRejected(peer: Peer, request: HashRequest, now: Instant): void;
  /** The connection is gone; nothing comes from this peer any more. */
  onGone(peer: Peer, reason: CloseReason, now: Instant): void;
}
