import { ShoalError } from '../base/errors.ts';
import { type PieceIndex, pieceIndex } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { isAsItShould, type PieceCheck, type PieceHashing } from '../base/piece-check.ts';
import { StoreError } from '../base/ports.ts';
import type { FileSegment } from '../base/target-ports.ts';
import { errnoOf } from './errno.ts';
import { printable } from './escape.ts';
import { ANSWER_STRIDE, type DiskPiece, type DiskSegment, ROOT_AT, SHA1_AT, ZEROS } from './hash-job.ts';
import type { HashPool } from './hasher.ts';
import type { PieceMap } from './piece-map.ts';
import { storeError } from './store-error.ts';

const DIGEST_BYTES = 32;
const SHA1_BYTES = 20;
/** What one job reads, about: long enough to keep a disk busy, short enough to stop soon … */
const JOB_BYTES = 8 * MIB;
/** … from this many files, which are open all the while. */
const JOB_SEGMENTS = 64;

/** A file that hash threads read by themselves, open until it is let go. */
export interface TakenFile {
  readonly fd: number;
  release(): void;
}

/** The files of one content, by their position in it. */
export interface HashableFiles {
  /** Undefined when it is not there. */
  take(index: number): Promise<TakenFile | undefined>;
  pathOf(index: number): string;
}

/** Content of a single file that is open anyway. */
export const singleFile = (file: { readonly path: string; readonly fd: number }): HashableFiles => ({
  take: () => Promise.resolve({ fd: file.fd, release: () => undefined }),
  pathOf: () => file.path,
});

interface FileWork {
  readonly hasher: HashPool;
  readonly files: HashableFiles;
  readonly pieces: PieceMap;
  /** Called after each part with the bytes read so far. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
  /** Ends the work early: it rejects with a `ShoalError` of code INTERRUPTED. */
  readonly stop?: AbortSignal | undefined;
}

/** Hashes of one piece, as far as they were asked for. */
interface Found {
  readonly root: Uint8Array;
  readonly sha1: Uint8Array;
}

/** Hashes of all pieces, one after the other; empty where nothing was asked for. */
export interface PieceDigests {
  /** 32 bytes each: of a v2 file larger than a piece, its piece layer (BEP 52). */
  readonly roots: Uint8Array;
  /** 20 bytes each, as v1 has them (BEP 3). */
  readonly sha1s: Uint8Array;
}

/**
 * The hashes of all pieces. Rejects with a `StoreError`: `changed` when a file is shorter than its pieces say. Whether
 * one grew or was written to, the caller asks its `SourceFile` afterwards.
 */
export async function digestPieces(
  work: FileWork & {
    readonly pieceCount: number;
    readonly hashing: (piece: PieceIndex) => PieceHashing;
    readonly formats: { readonly merkle: boolean; readonly sha1: boolean };
  },
): Promise<PieceDigests> {
  const { formats, pieceCount, hashing } = work;
  const roots = new Uint8Array(formats.merkle ? pieceCount * DIGEST_BYTES : 0);
  const sha1s = new Uint8Array(formats.sha1 ? pieceCount * SHA1_BYTES : 0);
  await hashPieces(work, { pieces: counting(pieceCount), hashing }, (piece, found) => {
    if (found === undefined) {
      const { file } = work.pieces.segmentsOf(piece)[0]!;
      const path = printable(work.files.pathOf(file.index));
      throw new StoreError('changed', `${path} became shorter while it was hashed, or one beside it did`);
    }
    if (formats.merkle) roots.set(found.root, piece * DIGEST_BYTES);
    if (formats.sha1) sha1s.set(found.sha1, piece * SHA1_BYTES);
  });
  return { roots, sha1s };
}

/**
 * Which of `claimed` are on the disk as they should be. `checkOf` gives what a piece must hash to; `onChecked` is called
 * once for each, in no order. What lies beyond the end of a file is not there. Rejects with a `StoreError`.
 */
export function checkPieces(
  work: FileWork & {
    readonly claimed: Iterable<PieceIndex>;
    readonly checkOf: (piece: PieceIndex) => PieceCheck;
    readonly onChecked: (piece: PieceIndex, isRight: boolean) => void;
  },
): Promise<void> {
  const { claimed, checkOf, onChecked } = work;
  return hashPieces(work, { pieces: claimed, hashing: checkOf }, (piece, found) => {
    onChecked(piece, found !== undefined && isAsItShould(found, checkOf(piece)));
  });
}

function* counting(pieceCount: number): Generator<PieceIndex> {
  for (let index = 0; index < pieceCount; index++) yield pieceIndex(index);
}

/** Hands out runs of pieces in order, so that the disk sees one reader going forward, a few runs at a time. */
async function hashPieces(
  work: FileWork,
  what: { readonly pieces: Iterable<PieceIndex>; readonly hashing: (piece: PieceIndex) => PieceHashing },
  take: (piece: PieceIndex, found: Found | undefined) => void,
): Promise<void> {
  const { hasher, onProgress, stop } = work;
  const runs = runsOf(work.pieces, what.pieces);
  let doneBytes = 0;
  let failure: unknown;
  let failedPath = '';

  const hashRun = async (run: Run): Promise<void> => {
    const files = new RunFiles(work.files);
    try {
      const jobs = await files.jobsOf(run, what.hashing);
      const present = jobs.flatMap((job) => job ?? []);
      const answers = present.length === 0 ? NO_ANSWERS : await hasher.threads.run({ kind: 'pieces', pieces: present });
      let at = 0;
      for (const [index, piece] of run.pieces.entries()) {
        take(piece, jobs[index] === undefined ? undefined : foundAt(answers, ANSWER_STRIDE * at++));
      }
    } catch (error) {
      if (failure === undefined) failedPath = work.files.pathOf(run.segments[0]![0]!.file.index);
      throw error;
    } finally {
      files.release();
    }
    doneBytes += run.sizeBytes;
    onProgress?.(doneBytes);
  };
  const lane = async (): Promise<void> => {
    for (const run of runs) {
      if (failure !== undefined || stop?.aborted === true) return;
      await hashRun(run);
    }
  };
  const lanes = Array.from({ length: hasher.threads.capacity + 1 }, () =>
    lane().catch((error: unknown) => {
      failure ??= error;
    }),
  );
  // All of them, so that nobody reads from a descriptor any more when this is over.
  await Promise.all(lanes);
  if (failure !== undefined) throw readFailure(failure, failedPath);
  if (stop?.aborted === true) throw new ShoalError('INTERRUPTED', 'checking what is on the disk was interrupted');
}

const NO_ANSWERS = new Uint8Array(0);

const foundAt = (answers: Uint8Array, at: number): Found | undefined =>
  answers[at] === 1
    ? {
        root: answers.subarray(at + ROOT_AT, at + ROOT_AT + DIGEST_BYTES),
        sha1: answers.subarray(at + SHA1_AT, at + SHA1_AT + SHA1_BYTES),
      }
    : undefined;

/** The system's errors become the store's; a thread that died, or a mistake of ours, stays what it is. */
function readFailure(failure: unknown, path: string): Error {
  const isSystems = !(failure instanceof ShoalError) && errnoOf(failure) !== 'UNKNOWN';
  if (isSystems) return storeError(failure, 'read', path);
  return failure instanceof Error ? failure : new Error(String(failure));
}

/** The files of one run, each taken once. BOUNDED: by JOB_SEGMENTS and the files of one piece. */
class RunFiles {
  readonly #files: HashableFiles;
  readonly #taken = new Map<number, TakenFile | undefined>();

  constructor(files: HashableFiles) {
    this.#files = files;
  }

  /** For each piece what a thread must know; undefined for one whose files are not all there. */
  async jobsOf(run: Run, hashing: (piece: PieceIndex) => PieceHashing): Promise<(DiskPiece | undefined)[]> {
    const jobs: (DiskPiece | undefined)[] = [];
    for (const [index, piece] of run.pieces.entries()) {
      const segments: DiskSegment[] = [];
      for (const { file, offsetInFile, lengthBytes } of run.segments[index]!) {
        const fd = file.isPad ? ZEROS : await this.#fdOf(file.index);
        if (fd !== undefined) segments.push({ fd, offsetBytes: offsetInFile, sizeBytes: lengthBytes });
      }
      const { leafSlots, zeroBytes } = hashing(piece);
      jobs.push(segments.length === run.segments[index]!.length ? { segments, leafSlots, zeroBytes } : undefined);
    }
    return jobs;
  }

  release(): void {
    for (const file of this.#taken.values()) file?.release();
  }

  async #fdOf(index: number): Promise<number | undefined> {
    if (!this.#taken.has(index)) this.#taken.set(index, await this.#files.take(index));
    return this.#taken.get(index)?.fd;
  }
}

interface Run {
  readonly pieces: PieceIndex[];
  readonly segments: (readonly FileSegment[])[];
  sizeBytes: number;
}

const emptyRun = (): Run => ({ pieces: [], segments: [], sizeBytes: 0 });

/** BOUNDED: one run at a time, of JOB_BYTES and JOB_SEGMENTS and a piece at most. */
function* runsOf(map: PieceMap, pieces: Iterable<PieceIndex>): Generator<Run> {
  let run = emptyRun();
  let segments = 0;
  for (const piece of pieces) {
    const found = map.segmentsOf(piece);
    run.pieces.push(piece);
    run.segments.push(found);
    run.sizeBytes += map.pieceSize(piece);
    segments += found.length;
    if (run.sizeBytes < JOB_BYTES && segments < JOB_SEGMENTS) continue;
    yield run;
    run = emptyRun();
    segments = 0;
  }
  if (run.pieces.length > 0) yield run;
}
