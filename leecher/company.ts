/**
 * The peers of a download: who is there, what each of them did, and who is told of what they say: at first whoever
 * learns what the content is, then whoever moves its data. The `Fetcher` of its swarm.
 */
import type { Instant, PieceIndex } from '../common/base/ids.ts';
import type { Clock } from '../common/base/ports.ts';
import type { CloseReason, Fetcher, Peer } from '../common/peer/peer.ts';
import type { HashRequest } from '../common/wire/hash-request.ts';
import type { DownloadEvents } from './download-events.ts';
import type { Learning } from './learning.ts';
import type { Pursuit } from './pursuit.ts';
import { SourceBook, type SourceEntry } from './source-book.ts';

export interface CompanyOptions {
  readonly clock: Clock;
  readonly events: DownloadEvents;
  readonly learning: Learning;
  /** All is here, or the download is over. */
  readonly isDone: () => boolean;
  readonly isOver: () => boolean;
  /** Something changed that may bring the next stage. */
  readonly onChange: () => void;
  /** Bytes of a block came. */
  readonly onHeard: (bytes: number, now: Instant) => void;
  /** What a peer sent shows that there can be no download, or that we are wrong. */
  readonly onFailed: (error: unknown) => void;
}

export class Company implements Fetcher {
  readonly book = new SourceBook();
  readonly #options: CompanyOptions;
  readonly #learning: Learning;
  /** Ready ones. BOUNDED: by the connections. */
  readonly #peers = new Map<number, Peer>();
  #pursuit: Pursuit | undefined;

  constructor(options: CompanyOptions) {
    this.#options = options;
    this.#learning = options.learning;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** What each source did up to now. */
  report(): SourceEntry[] {
    return this.book.report([...this.#peers.values()], this.#options.clock.now());
  }

  /** From now on the peers are sources. */
  follow(pursuit: Pursuit): void {
    this.#pursuit = pursuit;
    for (const peer of this.#peers.values()) pursuit.add(peer);
  }

  /* ---- Fetcher ---- */

  get isDone(): boolean {
    return this.#options.isDone();
  }

  onReady(peer: Peer, now: Instant): void {
    if (this.#options.isOver()) return;
    this.#peers.set(peer.id, peer);
    this.book.arrived(peer, now);
    this.#options.events.source(peer, 'joined');
    this.#guard(() => {
      this.#learning.peerReady(peer);
      this.#pursuit?.add(peer);
    });
    this.#options.onChange();
  }

  onPieces(peer: Peer): void {
    this.#pursuit?.piecesChanged(peer);
    this.#options.onChange();
  }

  onHave(peer: Peer, piece: PieceIndex): void {
    this.#pursuit?.gained(peer, piece);
    this.#options.onChange();
  }

  onChoked(peer: Peer): void {
    this.#pursuit?.choked(peer);
    this.#options.onChange();
  }

  onUnchoked(peer: Peer): void {
    this.#pursuit?.unchoked(peer);
    this.#options.onChange();
  }

  onBlockBytes(peer: Peer, piece: PieceIndex, begin: number, offset: number, view: Uint8Array, now: Instant): void {
    this.#pursuit?.blockBytes(peer, piece, begin, offset, view, now);
    this.#options.onHeard(view.length, now);
  }

  onBlock(peer: Peer, piece: PieceIndex, begin: number, length: number): void {
    this.#pursuit?.block(peer, piece, begin, length);
  }

  onRejected(peer: Peer, piece: PieceIndex): void {
    this.#pursuit?.rejected(peer, piece);
    this.#options.onChange();
  }

  onMetadataOffered(peer: Peer): void {
    this.#learning.metadataOffered(peer);
    this.#options.onChange();
  }

  onMetadata(peer: Peer, block: number, totalBytes: number, view: Uint8Array): void {
    this.#guard(() => {
      this.#learning.metadata(peer, block, totalBytes, view);
    });
    this.#options.onChange();
  }

  onMetadataRejected(peer: Peer): void {
    this.#learning.metadataRejected(peer);
    this.#options.onChange();
  }

  onParts(peer: Peer, piece: PieceIndex, hashes: Uint8Array): void {
    this.#pursuit?.parts(peer, piece, hashes);
  }

  onHashes(peer: Peer, request: HashRequest, hashes: Uint8Array): void {
    this.#guard(() => {
      this.#learning.hashes(peer, request, hashes);
    });
    this.#options.onChange();
  }

  onHashesRejected(peer: Peer, request: HashRequest): void {
    this.#learning.hashesRejected(peer, request);
    this.#options.onChange();
  }

  onGone(peer: Peer, reason: CloseReason, now: Instant): void {
    if (!this.#peers.delete(peer.id)) return;
    this.#learning.peerGone(peer);
    this.#pursuit?.remove(peer);
    this.book.left(peer, reason, now);
    if (!this.#options.isOver()) this.#options.events.source(peer, 'left', reason);
    this.#options.onChange();
  }

  /** Errors of reading what peers sent, and of our own, end the download instead of the process. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.onFailed(error);
    }
  }
}
