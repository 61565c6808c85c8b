/**
 * One download from beginning to end: learns the content from peers, takes its place on the disk, waits for sources,
 * fetches, finishes. It is the `Fetcher` of its swarm, and holds one wake-up for all its deadlines.
 */
import { Bitfield } from '../common/base/bitfield.ts';
import { ShoalError, type ErrorCode } from '../common/base/errors.ts';
import { NEVER, type Digest, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { StoreError, type PieceStore } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import { PieceRoots, type PieceLayers } from '../common/content/piece-roots.ts';
import type { CloseReason, Fetcher, Peer } from '../common/peer/peer.ts';
import type { Swarm } from '../common/peer/swarm.ts';
import type { HashRequest } from '../common/wire/hash-request.ts';
import type { Stage } from './download-events.ts';
import type { DownloadOptions, DownloadResult } from './download-options.ts';
import { metadataMissing, storeTrouble, timedOut, tooFewSeeders } from './endings.ts';
import { Learning } from './learning.ts';
import { Patience, type Impatience } from './patience.ts';
import { Pursuit } from './pursuit.ts';
import { SourceBook, type SourceEntry } from './source-book.ts';

export class Download implements Fetcher {
  readonly #options: DownloadOptions;
  readonly #book = new SourceBook();
  readonly #learning: Learning;
  readonly #patience: Patience;
  /** Ready peers. BOUNDED: by the connections. */
  readonly #peers = new Map<number, Peer>();
  #swarm: Swarm | undefined;
  #stage: Stage = 'learning';
  #info: Info | undefined;
  #pursuit: Pursuit | undefined;
  #resumedBytes = 0;
  #verifiedBytes = 0;
  #cancelWake: () => void = () => undefined;
  #settle: { resolve: (result: DownloadResult) => void; reject: (error: unknown) => void } | undefined;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#patience = new Patience({
      waitMs: options.waitMs,
      timeoutMs: options.timeoutMs,
      now: options.clock.now(),
    });
    this.#learning = new Learning({
      clock: options.clock,
      recognise: options.recognise,
      ...(options.known === undefined ? {} : { known: options.known }),
      onInfo: (info) => {
        this.#learnInfo(info);
      },
      onLayers: (layers) => {
        void this.#learnLayers(layers);
      },
      onLiar: (peer) => {
        this.#ban(peer);
      },
      onStep: () => {
        this.#patience.progressed(options.clock.now());
      },
    });
  }

  get stage(): Stage {
    return this.#stage;
  }

  get info(): Info | undefined {
    return this.#info;
  }

  /** Verified bytes, those found on the disk included. */
  get verifiedBytes(): number {
    return this.#verifiedBytes;
  }

  /** Verified bytes that were on the disk already. */
  get resumedBytes(): number {
    return this.#resumedBytes;
  }

  get isDone(): boolean {
    return this.#stage === 'finishing' || this.#stage === 'over';
  }

  /** Connected sources that hold chunks we need. */
  get sourceCount(): number {
    return this.#pursuit?.sourceCount ?? 0;
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  report(): SourceEntry[] {
    return this.#book.report([...this.#peers.values()], this.#now());
  }

  /**
   * Runs to the end. Rejects with a `ShoalError`: TOO_FEW_SEEDERS, TIMED_OUT, INTERRUPTED, NO_VALID_SOURCE, DISK_FULL,
   * FILE_ACCESS, TARGET_DIFFERS, DOWNLOAD_LOCKED, METADATA_INVALID.
   */
  run(swarm: Swarm): Promise<DownloadResult> {
    this.#swarm = swarm;
    const outcome = new Promise<DownloadResult>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#options.events.stage(this.#stage);
    this.#guard(() => {
      this.#learning.start();
    });
    this.#scheduleWake();
    return outcome;
  }

  /** Ends it early, keeping what is verified; `run` rejects with this code. */
  stop(code: ErrorCode, message: string): void {
    this.#fail(new ShoalError(code, message));
  }

  /* ---- Fetcher ---- */

  onReady(peer: Peer, now: Instant): void {
    if (this.#stage === 'over') return;
    this.#peers.set(peer.id, peer);
    this.#book.arrived(peer, now);
    this.#options.events.source(peer, 'joined');
    this.#guard(() => {
      this.#learning.peerReady(peer);
      this.#pursuit?.add(peer);
      this.#look();
    });
  }

  onPieces(peer: Peer): void {
    this.#pursuit?.piecesChanged(peer);
    this.#look();
  }

  onHave(peer: Peer, piece: PieceIndex): void {
    this.#pursuit?.gained(peer, piece);
    this.#look();
  }

  onChoked(peer: Peer): void {
    this.#pursuit?.choked(peer);
  }

  onUnchoked(peer: Peer): void {
    this.#pursuit?.unchoked(peer);
    this.#scheduleWake();
  }

  onBlockBytes(peer: Peer, piece: PieceIndex, begin: number, offset: number, view: Uint8Array): void {
    this.#pursuit?.blockBytes(peer, piece, begin, offset, view);
    this.#patience.heard(view.length, this.#now());
  }

  onBlock(peer: Peer, piece: PieceIndex, begin: number, length: number): void {
    this.#pursuit?.block(peer, piece, begin, length);
  }

  onRejected(peer: Peer, piece: PieceIndex): void {
    this.#pursuit?.rejected(peer, piece);
    this.#scheduleWake();
  }

  onMetadata(peer: Peer, block: number, totalBytes: number, view: Uint8Array): void {
    this.#guard(() => {
      this.#learning.metadata(peer, block, totalBytes, view);
    });
    this.#scheduleWake();
  }

  onMetadataRejected(peer: Peer): void {
    this.#learning.metadataRejected(peer);
  }

  onHashes(peer: Peer, request: HashRequest, hashes: Uint8Array): void {
    this.#learning.hashes(peer, request, hashes);
    this.#scheduleWake();
  }

  onHashesRejected(peer: Peer, request: HashRequest): void {
    this.#learning.hashesRejected(peer, request);
  }

  onGone(peer: Peer, reason: CloseReason, now: Instant): void {
    if (!this.#peers.delete(peer.id)) return;
    this.#learning.peerGone(peer);
    this.#pursuit?.remove(peer);
    this.#book.left(peer, reason, now);
    if (this.#stage !== 'over') this.#options.events.source(peer, 'left', reason);
    this.#look();
  }

  /* ---- learning ---- */

  #learnInfo(info: Info): void {
    this.#info = info;
    this.#options.events.content(info);
    this.#swarm!.torrent.learn(
      { info: info.infoBytes, geometry: info.geometry },
      new Bitfield(info.geometry.pieceCount),
    );
    this.#swarm!.contentLearned();
  }

  async #learnLayers(layers: PieceLayers): Promise<void> {
    try {
      await this.#takePlace(layers);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Looks at what is on the disk, then begins. */
  async #takePlace(layers: PieceLayers): Promise<void> {
    const { target } = this.#options;
    const { geometry, infoBytes } = this.#info!;
    this.#enter('checking');
    const roots = new PieceRoots(geometry, layers);
    const rootOf = (piece: PieceIndex): Digest => roots.rootOf(piece);
    await target.claim({ infoHash: contentHash(this.#info!), name: this.#info!.name, geometry });
    if (await target.isComplete(rootOf)) return this.#succeed(true);
    const { store, have } = await target.open(rootOf);
    if (this.isDone) return;
    for (const piece of have) this.#resumedBytes += geometry.pieceSize(piece);
    this.#verifiedBytes = this.#resumedBytes;
    const { torrent } = this.#swarm!;
    torrent.learn({ info: infoBytes, geometry }, new Bitfield(geometry.pieceCount));
    torrent.learnLayers(layers);
    this.#swarm!.serveFrom(store);
    for (const piece of have) this.#swarm!.broadcastHave(piece);
    this.#begin(store, roots);
  }

  /* ---- fetching ---- */

  #begin(store: PieceStore, roots: PieceRoots): void {
    const { clock, hasher, random, minSeeders, events, target, onHungry } = this.#options;
    this.#pursuit = new Pursuit({
      geometry: this.#info!.geometry,
      roots,
      store,
      swarm: this.#swarm!,
      book: this.#book,
      clock,
      random,
      hasher,
      minSeeders,
      events,
      onVerified: (piece, sizeBytes) => {
        this.#verifiedBytes += sizeBytes;
        this.#patience.progressed(clock.now());
        target.verified(piece);
      },
      onStoreFailed: (error) => {
        this.#fail(error);
      },
      onStep: () => {
        this.#look();
      },
      onHungry,
    });
    this.#patience.waitsAnew(clock.now());
    this.#enter('waiting');
    for (const peer of this.#peers.values()) this.#pursuit.add(peer);
    this.#look();
  }

  #ban(peer: Peer): void {
    this.#swarm!.standing.ban(peer.endpoint, this.#now());
    this.#book.entryOf(peer).isBanned = true;
    this.#options.events.banned(peer);
    peer.close('banned');
  }

  /** Something changed: is it time for the next stage, or for a word to the user? */
  #look(): void {
    const pursuit = this.#pursuit;
    if (pursuit === undefined || this.isDone) return this.#scheduleWake();
    if (pursuit.isComplete) {
      void this.#finish();
      return;
    }
    if (this.#stage === 'waiting' && pursuit.tryToStart()) {
      this.#patience.started(this.#now());
      this.#enter('fetching');
      pursuit.fillAll();
    }
    pursuit.look(this.#now());
    this.#scheduleWake();
  }

  /* ---- the end ---- */

  async #finish(): Promise<void> {
    this.#enter('finishing');
    this.#pursuit?.stop();
    try {
      await this.#options.target.finish();
      this.#succeed(false);
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(wasThere: boolean): void {
    this.#enter('over');
    this.#cancelWake();
    const { geometry } = this.#info!;
    if (wasThere) this.#verifiedBytes = this.#resumedBytes = geometry.totalBytes;
    this.#settle?.resolve({ path: this.#options.target.path, sizeBytes: geometry.totalBytes, wasThere });
  }

  #fail(error: unknown): void {
    if (this.#stage === 'over') return;
    this.#enter('over');
    this.#cancelWake();
    this.#pursuit?.stop();
    this.#settle?.reject(error instanceof StoreError ? storeTrouble(error) : error);
  }

  /** Lets go of the place on the disk; after the node has stopped, which may still be serving from it. */
  async close(): Promise<void> {
    this.#cancelWake();
    await this.#options.target.leave();
  }

  #giveUp(verdict: Impatience): ShoalError {
    const { waitMs, timeoutMs, minSeeders, target } = this.#options;
    const pursuit = this.#pursuit;
    if (pursuit === undefined) return this.#options.nobody() ?? metadataMissing({ peers: this.#peers.size, waitMs });
    const found = pursuit.sourceCount;
    if (verdict === 'too-few') {
      return tooFewSeeders({ found, wanted: minSeeders, waitMs, idlePeers: this.#peers.size - found });
    }
    const chunks = this.#info!.geometry.pieceCount;
    return timedOut({
      timeoutMs,
      missing: pursuit.missing,
      sources: this.#peers.size,
      verifiedChunks: chunks - pursuit.remaining,
      chunks,
      path: target.path,
    });
  }

  /* ---- time ---- */

  #enter(stage: Stage): void {
    this.#stage = stage;
    this.#options.events.stage(stage);
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  /** Errors of parsing what peers sent, and of our own, end the download instead of the process. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
  }

  get #nextDue(): Instant {
    switch (this.#stage) {
      case 'learning':
        return Math.min(this.#patience.nextDue, this.#learning.nextDue) as Instant;
      case 'waiting':
      case 'fetching':
        return Math.min(this.#patience.nextDue, this.#pursuit!.nextDue) as Instant;
      default:
        return NEVER;
    }
  }

  #scheduleWake(): void {
    this.#cancelWake();
    const due = this.#nextDue;
    if (due === NEVER) return;
    this.#cancelWake = this.#options.clock.at(due, () => {
      this.#wake();
    });
  }

  #wake(): void {
    const now = this.#now();
    const verdict = this.#patience.verdict(now);
    if (verdict !== undefined) return this.#fail(this.#giveUp(verdict));
    this.#learning.tick(now);
    const hopeless = this.#pursuit?.tick(now);
    if (hopeless !== undefined) return this.#fail(hopeless);
    this.#look();
  }
}

/** What names the content: the v2 hash where there is one. */
const contentHash = (info: Info): Uint8Array => info.infoHashV2 ?? info.infoHashV1!;
