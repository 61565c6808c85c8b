/**
 * One download from beginning to end: learns the content from peers, takes its place on the disk, waits for sources,
 * fetches, finishes. Holds one wake-up for all its deadlines.
 */
import { Bitfield } from '../common/base/bitfield.ts';
import { ShoalError, type ErrorCode } from '../common/base/errors.ts';
import { after, NEVER, type Instant } from '../common/base/ids.ts';
import { ANNOUNCE_NOW_PAUSE_MS, LAYERS_PATIENCE_MS } from '../common/base/limits.ts';
import { StoreError, type PieceStore } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import type { Fetcher, Peer } from '../common/peer/peer.ts';
import type { Swarm } from '../common/peer/swarm.ts';
import { wireNamesOf } from '../common/peer/wire-names.ts';
import { Company } from './company.ts';
import type { Stage } from './download-events.ts';
import type { DownloadOptions, DownloadResult } from './download-options.ts';
import { forgedFile, hashesMissing, metadataMissing, storeTrouble, timedOut, tooFewSeeders } from './endings.ts';
import { Learning } from './learning.ts';
import { Outcome } from './outcome.ts';
import { Patience, type Impatience } from './patience.ts';
import { PieceKeeper } from './piece-keeper.ts';
import { HashVerifier } from './piece-verifier.ts';
import type { Proof } from './proof.ts';
import { Pursuit } from './pursuit.ts';
import { Selection } from './selection.ts';
import type { SourceEntry } from './source-book.ts';
import { contentOf } from './target.ts';

export class Download {
  readonly #options: DownloadOptions;
  readonly #learning: Learning;
  readonly #patience: Patience;
  readonly #company: Company;
  readonly #outcome = new Outcome<DownloadResult>();
  #swarm: Swarm | undefined;
  #stage: Stage = 'learning';
  #info: Info | undefined;
  #selection: Selection | undefined;
  #pursuit: Pursuit | undefined;
  #resumedBytes = 0;
  #verifiedBytes = 0;
  /** What is being done about the place on the disk: it must come to its end before the place can be left. */
  #diskWork: Promise<void> = Promise.resolve();
  #askAgainAt: Instant = NEVER;
  #wakeAt: Instant = NEVER;
  #cancelWake: () => void = () => undefined;

  constructor(options: DownloadOptions) {
    this.#options = options;
    const { clock, events, waitMs, timeoutMs } = options;
    this.#patience = new Patience({ waitMs, timeoutMs, now: clock.now() });
    this.#learning = this.#makeLearning();
    this.#company = new Company({
      clock,
      events,
      learning: this.#learning,
      isDone: () => this.isDone,
      isOver: () => this.#isOver,
      onChange: () => {
        this.#look();
      },
      onHeard: (bytes, now) => {
        this.#patience.heard(bytes, now);
      },
      onFailed: (error) => {
        this.#fail(error);
      },
    });
  }

  #makeLearning(): Learning {
    const { clock, recognise, known, waitMs } = this.#options;
    return new Learning({
      clock,
      recognise,
      ...(known === undefined ? {} : { known }),
      onInfo: (info) => {
        this.#learnInfo(info);
      },
      layersPatienceMs: Math.min(LAYERS_PATIENCE_MS, waitMs / 4),
      onProof: (proof) => {
        this.#diskWork = this.#takePlace(proof);
      },
      onLayer: (key, layer) => {
        this.#swarm!.torrent.learnLayers(new Map([[key, layer]]));
      },
      onForged: (file) => {
        // Nothing of it counts: the note must not claim it.
        this.#options.target.doubted(file);
        this.#fail(forgedFile(file.path.join('/')));
      },
      onLiar: (peer) => {
        this.#ban(peer);
      },
      onStep: () => {
        this.#patience.waitsAnew(clock.now());
      },
    });
  }

  /** Hears what peers say. */
  get fetcher(): Fetcher {
    return this.#company;
  }

  get stage(): Stage {
    return this.#stage;
  }

  get info(): Info | undefined {
    return this.#info;
  }

  /** Bytes of the pieces that are wanted; undefined before the content is known. */
  get wantedBytes(): number | undefined {
    return this.#selection?.pieceBytes;
  }

  /** Whether only some of the files are wanted. */
  get isPartial(): boolean {
    return this.#selection?.isAll === false;
  }

  /** Verified bytes, those found on the disk included. */
  get verifiedBytes(): number {
    return this.#verifiedBytes;
  }

  /** Verified bytes that were on the disk already. */
  get resumedBytes(): number {
    return this.#resumedBytes;
  }

  /** All is here, or it ended before its time. */
  get isDone(): boolean {
    return this.#stage === 'finishing' || this.#isOver;
  }

  get #isOver(): boolean {
    return this.#stage === 'over';
  }

  /** Connected sources that hold chunks we need. */
  get sourceCount(): number {
    return this.#pursuit?.sourceCount ?? 0;
  }

  get peerCount(): number {
    return this.#company.size;
  }

  report(): SourceEntry[] {
    return this.#company.report();
  }

  /**
   * Runs to the end. Rejects with a `ShoalError`: TOO_FEW_SEEDERS, TIMED_OUT, INTERRUPTED, NO_VALID_SOURCE, DISK_FULL,
   * FILE_ACCESS, TARGET_DIFFERS, DOWNLOAD_LOCKED, METADATA_INVALID.
   */
  run(swarm: Swarm): Promise<DownloadResult> {
    if (this.#isOver) return this.#outcome.promise;
    this.#swarm = swarm;
    this.#patience.waitsAnew(this.#now());
    this.#askAgainAt = after(this.#now(), ANNOUNCE_NOW_PAUSE_MS);
    this.#options.events.stage(this.#stage);
    this.#guard(() => {
      this.#learning.start();
    });
    this.#scheduleWake();
    return this.#outcome.promise;
  }

  /** Ends it early, keeping what is verified; `run` rejects with this code. What is all here is finished all the same. */
  stop(code: ErrorCode, message: string): void {
    if (this.#stage !== 'finishing') this.#fail(new ShoalError(code, message));
  }

  /** Lets go of the place on the disk; after the node has stopped, which may still be serving from it. */
  async close(): Promise<void> {
    this.stop('INTERRUPTED', 'the download was closed');
    await this.#diskWork;
    await this.#pursuit?.drained();
    await this.#options.target.leave();
  }

  /* ---- learning ---- */

  #learnInfo(info: Info): void {
    const { infoBytes, geometry, isPrivate } = info;
    this.#info = info;
    this.#selection = Selection.of(info, this.#options.fileGlobs ?? []);
    this.#options.events.content(info);
    this.#swarm!.named(wireNamesOf(info));
    this.#swarm!.torrent.learn({ info: infoBytes, geometry, isPrivate }, new Bitfield(geometry.pieceCount));
    this.#swarm!.contentLearned();
  }

  #ban(peer: Peer): void {
    this.#swarm!.standing.ban(peer.endpoint, this.#now());
    this.#company.book.entryOf(peer).isBanned = true;
    this.#options.events.banned(peer);
    peer.close('banned');
  }

  /** Looks at what is on the disk, then begins. Never rejects. */
  async #takePlace(proof: Proof): Promise<void> {
    if (this.#isOver) return;
    this.#enter('checking');
    try {
      const info = this.#info!;
      if (!proof.isWhole) this.#options.events.sha1First(info);
      const taken = await this.#options.target.take(contentOf(info, this.#selection!), proof, () => !this.#isOver);
      if (this.#isOver) return;
      this.#swarm!.torrent.learnLayers(proof.layers);
      if (taken.kind === 'complete') this.#succeed(true);
      if (taken.kind !== 'open') return;
      this.#swarm!.serveFrom(taken.store);
      this.#resume(taken.have);
      this.#begin(taken.store, proof);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What was on the disk already is offered to others. */
  #resume(have: Bitfield): void {
    const { geometry } = this.#info!;
    for (const piece of have) this.#resumedBytes += geometry.pieceSize(piece);
    this.#verifiedBytes = this.#resumedBytes;
    this.#swarm!.broadcastHaves(have);
  }

  /* ---- fetching ---- */

  #begin(store: PieceStore, proof: Proof): void {
    const { clock, target, hasher, ...options } = this.#options;
    this.#pursuit = new Pursuit({
      ...options,
      clock,
      geometry: this.#info!.geometry,
      selection: this.#selection!,
      checks: proof,
      keeper: new PieceKeeper({ checks: proof, verifier: new HashVerifier({ checks: proof, hasher }), store }),
      swarm: this.#swarm!,
      book: this.#company.book,
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
    });
    this.#patience.waitsAnew(clock.now());
    this.#enter('waiting');
    this.#company.follow(this.#pursuit);
    this.#options.onBegun(this.#info!);
    this.#look();
  }

  /** Something changed: is it time for the next stage, or for a word to the user? */
  #look(): void {
    this.#guard(() => {
      const pursuit = this.#pursuit;
      if (pursuit === undefined || this.isDone) return;
      if (pursuit.isComplete) {
        this.#diskWork = this.#finish(pursuit, this.#learning.proof!);
        return;
      }
      if (this.#stage === 'waiting' && pursuit.tryToStart()) {
        this.#patience.started(this.#now());
        this.#enter('fetching');
        pursuit.fillAll();
      }
      pursuit.look(this.#now());
    });
    this.#scheduleWake();
  }

  /* ---- the end ---- */

  /** Never rejects. */
  async #finish(pursuit: Pursuit, proof: Proof): Promise<void> {
    this.#enter('finishing');
    this.#learning.stop();
    pursuit.stop();
    try {
      await pursuit.drained();
      proof.demand(this.#selection!.needed);
      await this.#options.target.finish();
      this.#succeed(false);
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(wasThere: boolean): void {
    this.#learning.stop();
    this.#enter('over');
    this.#cancelWake();
    const { fileBytes, pieceBytes } = this.#selection!;
    if (wasThere) this.#verifiedBytes = this.#resumedBytes = pieceBytes;
    this.#outcome.resolve({ path: this.#options.target.path, sizeBytes: fileBytes, wasThere });
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#learning.stop();
    this.#enter('over');
    this.#cancelWake();
    this.#pursuit?.stop();
    this.#outcome.reject(error instanceof StoreError ? storeTrouble(error) : error);
  }

  #giveUp(verdict: Impatience): ShoalError {
    const { waitMs, timeoutMs, minSeeders, target } = this.#options;
    const peers = this.#company.size;
    const pursuit = this.#pursuit;
    if (pursuit === undefined && this.#info !== undefined) return hashesMissing({ info: this.#info, peers, waitMs });
    if (pursuit === undefined) return this.#options.nobody() ?? metadataMissing({ peers, waitMs });
    const found = pursuit.foundCount;
    if (verdict === 'too-few') return tooFewSeeders({ found, wanted: minSeeders, waitMs, idlePeers: peers - found });
    const chunks = this.#selection!.needed.count;
    const verifiedChunks = chunks - pursuit.remaining;
    return timedOut({ timeoutMs, missing: pursuit.missing, sources: peers, verifiedChunks, chunks, path: target.path });
  }

  /* ---- time ---- */

  #enter(stage: Stage): void {
    this.#stage = stage;
    this.#options.events.stage(stage);
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  /** Errors of our own end the download instead of the process. */
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
        return Math.min(this.#patience.nextDue, this.#askAgainAt, this.#learning.nextDue) as Instant;
      case 'waiting':
        return Math.min(this.#patience.nextDue, this.#askAgainAt, this.#learning.nextDue) as Instant;
      case 'fetching':
        return Math.min(this.#patience.nextDue, this.#pursuit!.nextDue, this.#learning.nextDue) as Instant;
      default:
        return NEVER;
    }
  }

  /**
   * Again and again until there are sources enough: those that come after us may not be able to call us, and the next
   * beat may be later than the user waits.
   */
  #askForPeers(now: Instant): void {
    if ((this.#stage !== 'learning' && this.#stage !== 'waiting') || now < this.#askAgainAt) return;
    this.#askAgainAt = after(now, ANNOUNCE_NOW_PAUSE_MS);
    this.#options.onHungry();
  }

  /** Deadlines move on with every piece: a wake-up that is too early by now finds that out, and is not made anew. */
  #scheduleWake(): void {
    const due = this.#nextDue;
    if (due !== NEVER && due >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = due;
    if (due === NEVER) return;
    this.#cancelWake = this.#options.clock.at(due, () => {
      this.#wakeAt = NEVER;
      this.#wake();
    });
  }

  #wake(): void {
    this.#guard(() => {
      const now = this.#now();
      const verdict = this.#patience.verdict(now);
      if (verdict !== undefined) return this.#fail(this.#giveUp(verdict));
      this.#learning.tick(now);
      this.#askForPeers(now);
      const hopeless = this.#pursuit?.tick(now);
      if (hopeless !== undefined) this.#fail(hopeless);
    });
    this.#look();
  }
}
