/**
 * The part of a download that moves data: from the moment its place on the disk is taken until every piece is verified
 * and written. Waits for enough sources, splits the work, keeps the record of who gave what, knows when all hope is gone.
 */
import type { Bitfield } from '../common/base/bitfield.ts';
import { BufferPool } from '../common/base/buffers.ts';
import type { ShoalError } from '../common/base/errors.ts';
import { after, NEVER, pieceIndex, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { MAX_FETCH_BUFFER_BYTES } from '../common/base/limits.ts';
import type { Clock, Random } from '../common/base/ports.ts';
import type { Geometry } from '../common/content/geometry.ts';
import type { Peer } from '../common/peer/peer.ts';
import type { Swarm } from '../common/peer/swarm.ts';
import type { DownloadEvents } from './download-events.ts';
import { noValidSource, rangesText } from './endings.ts';
import { Fetching } from './fetching.ts';
import type { PieceRange } from './missing.ts';
import type { PieceKeeper } from './piece-keeper.ts';
import type { CheckBook } from './piece-verifier.ts';
import { Plan } from './plan.ts';
import { Relaying } from './relaying.ts';
import type { Selection } from './selection.ts';
import type { SourceBook, SourceFailure } from './source-book.ts';

export interface PursuitOptions {
  readonly geometry: Geometry;
  readonly selection: Selection;
  readonly keeper: PieceKeeper;
  readonly checks: CheckBook;
  readonly swarm: Swarm;
  readonly book: SourceBook;
  readonly clock: Clock;
  readonly random: Random;
  readonly minSeeders: number;
  readonly events: DownloadEvents;
  /** The piece is verified and written. */
  readonly onVerified: (piece: PieceIndex, sizeBytes: number) => void;
  readonly onStoreFailed: (error: unknown) => void;
  /** A piece came, or a source ran dry. */
  readonly onStep: () => void;
  /** More sources would help. */
  readonly onHungry: () => void;
}

/** Three sources can be at work while a piece is checked, however large the pieces. */
const FEWEST_BUFFERS = 4;
/** Once all that is left is known to be corrupt everywhere, this long is given to sources that may still come. */
const HOPELESS_GRACE_MS = 5_000;
/** In a swarm what nobody shows now somebody may show in a moment: so long there must be nothing to do. */
const SWARM_IDLE_MS = 2_000;

export class Pursuit {
  readonly #options: PursuitOptions;
  readonly #plan: Plan;
  readonly #fetching: Fetching;
  readonly #relaying: Relaying;
  /** Connected ones. BOUNDED: by the connections. */
  readonly #peers = new Map<number, Peer>();
  #hopelessSince: Instant | undefined;
  #toldMissing = '';
  /** Since when nothing is under way, or when it was last looked why. */
  #idleSince: Instant | undefined;
  /** When to look again. */
  #lookAt: Instant = NEVER;

  constructor(options: PursuitOptions) {
    this.#options = options;
    const { geometry, keeper, clock, random } = options;
    this.#plan = new Plan({
      pieceCount: geometry.pieceCount,
      sizeOf: (piece) => geometry.pieceSize(piece),
      have: unneeded(options.selection, options.swarm.torrent.offered),
      random,
    });
    this.#relaying = new Relaying({
      geometry,
      checks: options.checks,
      passingOn: options.swarm.passingOn,
      isServed: (piece) => options.selection.isWhole(piece),
    });
    const capacity = Math.max(FEWEST_BUFFERS, Math.floor(MAX_FETCH_BUFFER_BYTES / geometry.pieceBytes));
    this.#fetching = new Fetching({
      plan: this.#plan,
      geometry,
      keeper,
      pool: new BufferPool({ sizeBytes: geometry.pieceBytes, capacity }),
      clock,
      relaying: this.#relaying,
      onVerified: (piece, peer) => {
        this.#takeVerified(piece, peer);
      },
      onFailure: (piece, peer, failure) => {
        this.#takeFailure(piece, peer, failure);
      },
      onStoreFailed: options.onStoreFailed,
      onStep: options.onStep,
    });
  }

  get isComplete(): boolean {
    return this.#plan.isComplete;
  }

  get hasStarted(): boolean {
    return this.#plan.hasStarted;
  }

  /** Pieces still to come. */
  get remaining(): number {
    return this.#plan.remaining;
  }

  /** Connected sources that hold pieces we need. */
  get sourceCount(): number {
    let count = 0;
    for (const id of this.#peers.keys()) if (this.#plan.isUseful(id)) count++;
    return count;
  }

  /**
   * Sources that count towards the minimum: those that hold anything of the content, once one of them holds what is
   * needed. After a resume what is missing may be with a single one, though all are there.
   */
  get foundCount(): number {
    if (this.sourceCount === 0) return 0;
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.pieces!.count > 0) count++;
    return count;
  }

  /** Needed pieces that nobody who is connected holds. */
  get missing(): readonly PieceRange[] {
    return this.#plan.missing();
  }

  get nextDue(): Instant {
    if (!this.hasStarted) return NEVER;
    const hopelessAt = this.#hopelessSince === undefined ? NEVER : after(this.#hopelessSince, HOPELESS_GRACE_MS);
    return Math.min(this.#plan.nextDue, hopelessAt, this.#lookAt) as Instant;
  }

  /* ---- peers ---- */

  /** One that wants something itself makes a swarm of the sources: what it lacks, we may have to give it. */
  add(peer: Peer): void {
    if (peer.pieces === undefined) return;
    this.#peers.set(peer.id, peer);
    if (!peer.pieces.isFull && !peer.isUploadOnly) this.#plan.becomeSwarm();
    this.#fetching.add(peer);
  }

  remove(peer: Peer): void {
    this.#peers.delete(peer.id);
    this.#fetching.remove(peer);
  }

  piecesChanged(peer: Peer): void {
    this.add(peer);
    this.#plan.sourceChanged(peer.id);
    this.#fetching.review(peer);
  }

  /** One that shows its pieces one by one is getting them, or is the first of a swarm. */
  gained(peer: Peer, piece: PieceIndex): void {
    this.#plan.becomeSwarm();
    this.#plan.sourceGained(peer.id, piece);
    this.#fetching.review(peer);
  }

  choked(peer: Peer): void {
    this.#fetching.choked(peer);
  }

  unchoked(peer: Peer): void {
    this.#fetching.review(peer);
  }

  blockBytes(peer: Peer, piece: PieceIndex, begin: number, offset: number, view: Uint8Array, now: Instant): void {
    this.#fetching.blockBytes(peer, piece, begin, offset, view, now);
  }

  block(peer: Peer, piece: PieceIndex, begin: number, length: number): void {
    this.#options.book.entryOf(peer).receivedBytes += length;
    this.#fetching.block(peer, piece, begin, length);
  }

  rejected(peer: Peer, piece: PieceIndex): void {
    this.#fetching.rejected(peer, piece);
  }

  /** What a source says that the parts of a piece hash to. */
  parts(peer: Peer, piece: PieceIndex, hashes: Uint8Array): void {
    this.#relaying.parts(peer, piece, hashes);
  }

  /* ---- progress ---- */

  /** Begins when there are sources enough; true when it just did. */
  tryToStart(): boolean {
    const { minSeeders, events } = this.#options;
    const found = this.foundCount;
    events.waiting(found, minSeeders);
    if (found < minSeeders) {
      this.#options.onHungry();
      return false;
    }
    this.#plan.start(this.#options.clock.now());
    return true;
  }

  fillAll(): void {
    this.#fetching.fillAll();
  }

  /** When nothing is under way and pieces are missing: nobody has them, or nobody has them right. */
  look(now: Instant): void {
    if (!this.hasStarted || this.isComplete) return;
    this.#lookAt = NEVER;
    if (this.#fetching.isBusy) {
      this.#hopelessSince = undefined;
      this.#idleSince = undefined;
      return;
    }
    this.#idleSince ??= now;
    if (this.#plan.isSwarm && now < after(this.#idleSince, SWARM_IDLE_MS)) {
      this.#lookAt = after(this.#idleSince, SWARM_IDLE_MS);
      return;
    }
    // To find out costs a walk over the pieces of all sources, and haves come by the thousand.
    this.#idleSince = now;
    const { missing } = this;
    const text = rangesText(missing);
    if (text !== this.#toldMissing) this.#options.events.missing(missing, this.#peers.size);
    this.#toldMissing = text;
    const hopeless = this.#plan.hopeless();
    const isHopeless = hopeless.length > 0 && (hopeless.length === this.remaining || this.#options.book.areAllBanned);
    if (isHopeless) this.#hopelessSince ??= now;
    else this.#hopelessSince = undefined;
    this.#options.onHungry();
  }

  /** Deadlines of single pieces. The result is the end of the download: all that is left is corrupt everywhere. */
  tick(now: Instant): ShoalError | undefined {
    if (!this.hasStarted) return undefined;
    if (this.#hopelessSince !== undefined && now >= after(this.#hopelessSince, HOPELESS_GRACE_MS)) {
      return noValidSource(this.#plan.hopeless());
    }
    this.#fetching.wake();
    return undefined;
  }

  stop(): void {
    this.#fetching.stop();
  }

  /** After `stop`: resolves when the store is no longer used. */
  drained(): Promise<void> {
    return this.#fetching.drained();
  }

  #takeVerified(piece: PieceIndex, peer: Peer): void {
    const { swarm, book, geometry, events, selection } = this.#options;
    const sizeBytes = geometry.pieceSize(piece);
    const entry = book.entryOf(peer);
    entry.chunks++;
    entry.bytes += sizeBytes;
    this.#hopelessSince = undefined;
    swarm.standing.proved(peer.endpoint);
    // What is cut on the disk cannot be given to others.
    if (selection.isWhole(piece)) swarm.broadcastHave(piece);
    this.#options.onVerified(piece, sizeBytes);
    events.chunk(piece, peer, sizeBytes);
  }

  #takeFailure(piece: PieceIndex, peer: Peer, failure: SourceFailure): void {
    const { swarm, book, events } = this.#options;
    const entry = book.entryOf(peer);
    entry.failed[failure]++;
    events.retry(piece, peer, failure);
    // Of one that is banned already, more may still have been on its way to be checked.
    if (failure !== 'corrupt' || entry.isBanned) return;
    // A web server that gave one wrong piece has another file (BEP 19); a peer may have had bad luck once.
    if (peer.url !== undefined) peer.close('banned');
    else if (!swarm.strike(peer)) return;
    entry.isBanned = true;
    events.banned(peer);
  }
}

/** The pieces that are here, and those that nobody wants. */
function unneeded(selection: Selection, offered: Bitfield): Bitfield {
  const pieces = offered.copy();
  if (selection.isAll) return pieces;
  for (let index = 0; index < pieces.size; index++) {
    if (!selection.needed.has(pieceIndex(index))) pieces.add(pieceIndex(index));
  }
  return pieces;
}
