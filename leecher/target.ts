/**
 * Where a download goes: what is there already, the part file, the note of what is certain, the finished file under
 * its name in one rename. Trusts nothing that it has not verified itself: the note only says what to expect.
 */
import { Bitfield } from '../common/base/bitfield.ts';
import { toHex } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { after, pieceIndex, type PieceIndex } from '../common/base/ids.ts';
import { STATE_INTERVAL_MS } from '../common/base/limits.ts';
import type { PieceCheck } from '../common/base/piece-check.ts';
import type { Clock, Log, PieceStore } from '../common/base/ports.ts';
import type { FinishedStore, PartStore, PlacedFile, TargetFiles, TargetShape } from '../common/base/target-ports.ts';
import type { ContentFile, Geometry } from '../common/content/geometry.ts';
import type { Info } from '../common/content/info.ts';
import { contentNameOf } from './recognise.ts';
import { Selection } from './selection.ts';

/** The note beside a part file. */
export interface DownloadState {
  readonly version: 1;
  readonly infoHash: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly chunks: number;
  readonly verifiedChunks: number;
  /** A bit for each verified chunk, most significant first, in hex. */
  readonly verified: string;
}

export interface TargetContent {
  readonly infoHash: Uint8Array;
  readonly name: string;
  readonly geometry: Geometry;
  /** The files go into a directory called `name`. */
  readonly isDirectory: boolean;
  readonly selection: Selection;
}

export function contentOf(info: Info, selection: Selection): TargetContent {
  const { geometry, infoHashV2, infoHashV1, isDirectory } = info;
  // The v2 hash names it, where there is one.
  return { infoHash: (infoHashV2 ?? infoHashV1)!, name: contentNameOf(info), geometry, isDirectory, selection };
}

/** What the pieces must hash to: `Proof` is one. */
export interface TargetProof {
  of(piece: PieceIndex): PieceCheck;
  /** Something is going to be checked from end to end. */
  restart(): void;
  /** It was: takes out of the pieces that are right by themselves what is not right all the same. */
  settle(right: Bitfield): void;
}

/** What the place was found to be. */
export type Taken =
  | { readonly kind: 'complete' /* the finished file is there, every piece of it right */ }
  | { readonly kind: 'open'; readonly store: PieceStore; readonly have: Bitfield }
  | { readonly kind: 'unwanted' /* nobody wanted it any more */ };

export interface TargetOptions {
  readonly files: TargetFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Replaces an existing file that does not verify. */
  readonly force: boolean;
  /** Bytes of existing files that were checked. */
  readonly onChecked: (bytes: number) => void;
}

export class Target {
  readonly #options: TargetOptions;
  #content: TargetContent | undefined;
  #path = '';
  #release: (() => Promise<void>) | undefined;
  #store: PartStore | undefined;
  #finished: FinishedStore | undefined;
  #verified = new Bitfield(0);
  #isFresh = false;
  /** Files that had their name already, from a download of other files; 0 mostly. */
  #takenUp = 0;
  /** The part file was looked at from end to end: only then there is something to note. */
  #isVerified = false;
  #isFinished = false;
  #isLeft = false;
  #cancelNote: (() => void) | undefined;
  /** Notes are written one after the other. */
  #lastNote: Promise<void> = Promise.resolve();

  constructor(options: TargetOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#path;
  }

  /** The pieces that are here for certain. */
  get verifiedPieces(): Iterable<PieceIndex> {
    return this.#verified;
  }

  /**
   * Takes the place for this content and looks at what is there. Nothing that is found counts before it is verified,
   * whatever the note says. `isWanted` is asked before each step that may take long.
   *
   * Rejects with a `ShoalError`: DOWNLOAD_LOCKED, TARGET_DIFFERS, DISK_FULL, FILE_ACCESS; or with a `StoreError`.
   */
  async take(content: TargetContent, proof: TargetProof, isWanted: () => boolean): Promise<Taken> {
    this.#content = content;
    await this.#claim();
    if (!isWanted()) return { kind: 'unwanted' };
    if (await this.#isComplete(proof)) return { kind: 'complete' };
    if (!isWanted()) return { kind: 'unwanted' };
    const hasPart = (await this.#options.files.kindOf(this.#partPath)) === this.#kind;
    if (!hasPart) await this.#checkRoom(0);
    await this.#open();
    await this.#verify(proof);
    if (!isWanted()) return { kind: 'unwanted' };
    // Only now it is known what of a file with holes is right as it is, holes included.
    if (hasPart) await this.#checkRoom(await this.#storedBytes());
    await this.#note();
    return { kind: 'open', store: this.#store!, have: this.#verified.copy() };
  }

  async #claim(): Promise<void> {
    const { files } = this.#options;
    const { name, geometry } = this.#content!;
    this.#path = await files.pathFor(name, geometry, this.#shape);
    this.#release = await files.lock(this.#path);
    const kind = await files.kindOf(this.#path);
    const wanted = this.#kind;
    if (kind === 'none' || kind === wanted) return;
    const what = wanted === 'file' ? 'regular file' : 'directory';
    throw new ShoalError('FILE_ACCESS', `${this.#path} is not a ${what}: give another path with -o`);
  }

  /** Whether all that is wanted is there already. Rejects when something else is, unless told to replace it. */
  async #isComplete(proof: TargetProof): Promise<boolean> {
    const { files, force, log } = this.#options;
    const { geometry } = this.#content!;
    if ((await files.kindOf(this.#path)) === 'none') return false;
    const { fits } = await files.sizeOf(this.#path, geometry, this.#shape);
    if (fits) {
      log.info('checking what is there', { path: this.#path });
      const right = await this.#check(this.#path, proof);
      if (this.#isAllRight(right)) {
        this.#verified = right;
        return true;
      }
    }
    if (force || (await this.#takeUp(proof))) return false;
    throw new ShoalError(
      'TARGET_DIFFERS',
      `${this.#path} exists and is not this content: move it away, give another path with -o, or replace it with --force`,
    );
  }

  /**
   * Files of this content are there, and nothing else: those that were wanted before. They become part files again, and
   * all is named together at the end. False when there is something else, or when something of it is wrong.
   */
  async #takeUp(proof: TargetProof): Promise<boolean> {
    const { files, log } = this.#options;
    const { geometry, isDirectory } = this.#content!;
    if (!isDirectory || (await files.kindOf(this.#partPath)) !== 'none') return false;
    const held = await files.heldFiles(this.#path, geometry);
    if (held === undefined) return false;
    const before = new Selection(geometry, ({ index }) => held.has(index));
    if (before.fileBytes === 0) return false;
    log.info('checking the files that are there', { path: this.#path, files: held.size });
    const isChosen = ({ index }: PlacedFile): boolean => held.has(index);
    const right = await this.#check(this.#path, proof, { isDirectory, isChosen });
    for (const piece of before.needed) if (!right.has(piece) && before.isWhole(piece)) return false;
    await files.rename(this.#path, this.#partPath);
    this.#takenUp = held.size;
    return true;
  }

  /** Nothing was added to the files that were taken up: they have their name back. */
  async #giveBack(): Promise<void> {
    const { files } = this.#options;
    if (this.#takenUp === 0 || this.#isFinished) return;
    const held = await files.heldFiles(this.#partPath, this.#content!.geometry);
    if (held?.size !== this.#takenUp) return;
    await files.rename(this.#partPath, this.#path);
    await files.remove(this.#statePath);
  }

  async #check(path: string, proof: TargetProof, shape = this.#shape): Promise<Bitfield> {
    const { files, log, onChecked } = this.#options;
    proof.restart();
    const right = await files.check(path, this.#content!.geometry, (piece) => proof.of(piece), onChecked, shape);
    const found = right.count;
    proof.settle(right);
    const forged = found - right.count;
    if (forged > 0)
      log.warn('chunks have the right SHA-1 and not the right SHA-256; they do not count', { forged, path });
    return right;
  }

  /** A v1 piece that reaches into files that were not chosen cannot be checked without them: then sizes must do. */
  #isAllRight(right: Bitfield): boolean {
    const { selection } = this.#content!;
    for (const piece of selection.needed) if (!right.has(piece) && selection.isWhole(piece)) return false;
    return true;
  }

  async #open(): Promise<void> {
    const { files } = this.#options;
    this.#isFresh = (await files.kindOf(this.#partPath)) === 'none';
    this.#store = await files.openPart(this.#partPath, this.#content!.geometry, this.#shape);
  }

  /** What of the part file is right. */
  async #verify(proof: TargetProof): Promise<void> {
    const { files, log } = this.#options;
    const { geometry, infoHash } = this.#content!;
    this.#verified = new Bitfield(geometry.pieceCount);
    this.#isVerified = this.#isFresh;
    if (this.#isFresh) {
      // What was found in a target that is to be replaced does not count.
      proof.restart();
      proof.settle(this.#verified);
      return;
    }
    const state = (await files.readState(this.#statePath)) as Partial<DownloadState> | undefined;
    if (state?.infoHash !== undefined && state.infoHash !== toHex(infoHash)) {
      log.warn('the part file was begun for other content; chunks that fit are kept', { path: this.#partPath });
    }
    log.info('checking the part file', { path: this.#partPath });
    this.#verified = await this.#check(this.#partPath, proof);
    this.#isVerified = true;
    log.info('resuming', { chunks: this.#verified.count, of: geometry.pieceCount });
  }

  /** The piece is verified and written; the note follows soon. */
  verified(piece: PieceIndex): void {
    this.#verified.add(piece);
    const { clock } = this.#options;
    this.#cancelNote ??= clock.at(after(clock.now(), STATE_INTERVAL_MS), () => {
      this.#cancelNote = undefined;
      this.#note().catch((error: unknown) => {
        this.#warn('cannot write the note of what is certain', error);
      });
    });
  }

  /** The pieces of a file turned out not to be right after all: the note does not claim them. */
  doubted({ firstPiece, pieceCount }: Pick<ContentFile, 'firstPiece' | 'pieceCount'>): void {
    for (let i = 0; i < pieceCount; i++) this.#verified.remove(pieceIndex(firstPiece + i));
  }

  /** All is verified: the file gets its name. */
  async finish(): Promise<void> {
    this.#stopNotes();
    await this.#lastNote;
    await this.#store!.finish(this.#path, { replace: this.#options.force });
    this.#isFinished = true;
    try {
      await this.#options.files.remove(this.#statePath);
    } catch (error) {
      this.#warn('the download is complete, but its note cannot be removed', error);
    }
  }

  /** What is complete, to be served from. It must stay as it is now. Rejects with a `StoreError`. */
  async openFinished(): Promise<FinishedStore> {
    const finished = await this.#options.files.openFinished(this.#path, this.#content!.geometry, this.#shape);
    // It may have been left while the disk was busy.
    if (this.#isLeft) await finished.close();
    else this.#finished = finished;
    return finished;
  }

  /**
   * Lets go of the place, keeping what is verified. After `finish`, or to end early. Never rejects: what went wrong was
   * told before, and what cannot be noted is found again by the check at the next start.
   */
  async leave(): Promise<void> {
    this.#isLeft = true;
    this.#stopNotes();
    await this.#lastNote;
    try {
      if (this.#store !== undefined && !this.#isFinished) await this.#keep();
    } catch (error) {
      this.#warn('what was verified may not all be on the disk', error);
    }
    try {
      await Promise.all([this.#store?.close(), this.#finished?.close()]);
      await this.#giveBack();
    } catch (error) {
      this.#warn('the file was not closed in good order', error);
    }
    await this.#release?.();
  }

  async #keep(): Promise<void> {
    const { files } = this.#options;
    if (this.#isFresh && this.#verified.count === 0) {
      await files.remove(this.#partPath);
      await files.remove(this.#statePath);
      return;
    }
    if (!this.#isVerified) return;
    await this.#store!.sync();
    await this.#note();
  }

  #warn(message: string, error: unknown): void {
    this.#options.log.warn(message, { path: this.#path, reason: String(error) });
  }

  get #kind(): 'file' | 'directory' {
    return this.#content!.isDirectory ? 'directory' : 'file';
  }

  get #shape(): TargetShape {
    const { isDirectory, selection } = this.#content!;
    return { isDirectory, isChosen: (file) => selection.isChosen(file) };
  }

  get #partPath(): string {
    return `${this.#path}.part`;
  }

  get #statePath(): string {
    return `${this.#path}.part.json`;
  }

  async #storedBytes(): Promise<number> {
    const { geometry } = this.#content!;
    return (await this.#options.files.sizeOf(this.#partPath, geometry, this.#shape)).storedBytes;
  }

  /** What is missing must find room, but for what would be written over. */
  async #checkRoom(storedBytes: number): Promise<void> {
    const { files } = this.#options;
    const { geometry, selection } = this.#content!;
    let missingBytes = 0;
    for (const piece of selection.needed) if (!this.#verified.has(piece)) missingBytes += geometry.pieceSize(piece);
    const neededBytes = Math.min(missingBytes, selection.fileBytes - storedBytes);
    const freeBytes = await files.freeBytes(this.#path);
    if (freeBytes >= neededBytes) return;
    throw new ShoalError(
      'DISK_FULL',
      `not enough space for ${this.#path}: ${neededBytes} bytes are needed and ${freeBytes} are free; ` +
        'make room or give another path with -o',
    );
  }

  #stopNotes(): void {
    this.#cancelNote?.();
    this.#cancelNote = undefined;
  }

  async #note(): Promise<void> {
    const { geometry, infoHash, name, selection } = this.#content!;
    const state: DownloadState = {
      version: 1,
      infoHash: toHex(infoHash),
      name,
      sizeBytes: selection.fileBytes,
      chunkBytes: geometry.pieceBytes,
      chunks: geometry.pieceCount,
      verifiedChunks: this.#verified.count,
      verified: toHex(this.#verified.bytes),
    };
    const written = this.#lastNote.then(() => this.#options.files.writeState(this.#statePath, state));
    this.#lastNote = written.catch(() => undefined);
    await written;
  }
}
