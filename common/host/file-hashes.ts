import { ShoalError } from '../base/errors.ts';
import { type PieceIndex, pieceIndex } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { StoreError } from '../base/ports.ts';
import { equalBytes } from '../base/bytes.ts';
import { errnoOf } from './errno.ts';
import { printable } from './escape.ts';
import type { FilePiece } from './hash-job.ts';
import type { HashPool } from './hasher.ts';
import type { PieceMap } from './piece-map.ts';
import { storeError } from './store-error.ts';

const DIGEST_BYTES = 32;
/** What one job reads, about: long enough to keep a disk busy, short enough to stop soon. */
const JOB_BYTES = 8 * MIB;

/** An open file that hash threads read by themselves; it stays open until the answer. */
export interface HashableFile {
  readonly path: string;
  readonly fd: number;
}

/** What `Geometry` knows of pieces. */
export interface CheckedPieceMap extends PieceMap {
  leafSlots(piece: PieceIndex): number;
}

interface FileWork {
  readonly hasher: HashPool;
  readonly file: HashableFile;
  readonly pieces: CheckedPieceMap;
  /** Called after each part with the bytes read so far. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
  /** Ends the work early: it rejects with a `ShoalError` of code INTERRUPTED. */
  readonly stop?: AbortSignal | undefined;
}

/**
 * The roots of all pieces of a file, 32 bytes each, as the piece layer has them (BEP 52). Rejects with a `StoreError`:
 * `changed` when the file is shorter than its pieces say. Whether it grew or was written to, the caller asks its
 * `SourceFile` afterwards.
 */
export async function pieceRootsOfFile(work: FileWork & { readonly pieceCount: number }): Promise<Uint8Array> {
  const roots = new Uint8Array(work.pieceCount * DIGEST_BYTES);
  await hashPieces(work, counting(work.pieceCount), (piece, root) => {
    if (root === undefined) {
      throw new StoreError('changed', `${printable(work.file.path)} became shorter while it was hashed`);
    }
    roots.set(root, piece * DIGEST_BYTES);
  });
  return roots;
}

/**
 * Which of `claimed` are in the file as they should be. `rootOf` gives what a piece must hash to; `onChecked` is called
 * once for each, in no order. What lies beyond the end of the file is not there. Rejects with a `StoreError`.
 */
export function checkPiecesOfFile(
  work: FileWork & {
    readonly claimed: Iterable<PieceIndex>;
    readonly rootOf: (piece: PieceIndex) => Uint8Array;
    readonly onChecked: (piece: PieceIndex, isRight: boolean) => void;
  },
): Promise<void> {
  return hashPieces(work, work.claimed, (piece, root) => {
    work.onChecked(piece, root !== undefined && equalBytes(root, work.rootOf(piece)));
  });
}

function* counting(pieceCount: number): Generator<PieceIndex> {
  for (let index = 0; index < pieceCount; index++) yield pieceIndex(index);
}

/** Hands out runs of pieces in order, so that the disk sees one reader going forward, a few runs at a time. */
async function hashPieces(
  work: FileWork,
  pieces: Iterable<PieceIndex>,
  take: (piece: PieceIndex, root: Uint8Array | undefined) => void,
): Promise<void> {
  const { hasher, file, onProgress, stop } = work;
  const runs = runsOf(work.pieces, pieces);
  let doneBytes = 0;
  let failure: unknown;

  const lane = async (): Promise<void> => {
    for (const run of runs) {
      if (failure !== undefined || stop?.aborted === true) return;
      const answers = await hasher.threads.run({ kind: 'file', fd: file.fd, pieces: run.places });
      for (const [index, piece] of run.pieces.entries()) {
        const at = index * (1 + DIGEST_BYTES);
        take(piece, answers[at] === 1 ? answers.subarray(at + 1, at + 1 + DIGEST_BYTES) : undefined);
        doneBytes += run.places[index]!.sizeBytes;
      }
      onProgress?.(doneBytes);
    }
  };
  const lanes = Array.from({ length: hasher.threads.capacity + 1 }, () =>
    lane().catch((error: unknown) => {
      failure ??= error;
    }),
  );
  // All of them, so that nobody reads from the descriptor any more when this is over.
  await Promise.all(lanes);
  if (failure !== undefined) throw readFailure(failure, file.path);
  if (stop?.aborted === true) throw new ShoalError('INTERRUPTED', `checking ${printable(file.path)} was interrupted`);
}

/** The system's errors become the store's; a thread that died, or a mistake of ours, stays what it is. */
function readFailure(failure: unknown, path: string): Error {
  if (!(failure instanceof ShoalError) && errnoOf(failure) !== 'UNKNOWN') return storeError(failure, 'read', path);
  return failure instanceof Error ? failure : new Error(String(failure));
}

interface Run {
  readonly pieces: PieceIndex[];
  readonly places: FilePiece[];
}

/** BOUNDED: one run at a time, of JOB_BYTES and a piece at most. */
function* runsOf(map: CheckedPieceMap, pieces: Iterable<PieceIndex>): Generator<Run> {
  let run: Run = { pieces: [], places: [] };
  let runBytes = 0;
  for (const piece of pieces) {
    const sizeBytes = map.pieceSize(piece);
    run.pieces.push(piece);
    run.places.push({ offsetBytes: map.pieceOffsetInFile(piece), sizeBytes, leafSlots: map.leafSlots(piece) });
    runBytes += sizeBytes;
    if (runBytes >= JOB_BYTES) {
      yield run;
      run = { pieces: [], places: [] };
      runBytes = 0;
    }
  }
  if (run.pieces.length > 0) yield run;
}
