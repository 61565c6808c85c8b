/** What the main thread and the hash threads say to each other. */
import type { PieceCheck, PieceHashing } from '../base/piece-check.ts';

/** Bytes of an open file, or zeros that are in no file. */
export interface DiskSegment {
  /** Stays open until the answer; ZEROS for padding. */
  readonly fd: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** The descriptor of what is not stored. */
export const ZEROS = -1;

/** A piece on the disk, to be hashed in one or two ways. */
export interface DiskPiece extends PieceHashing {
  /** In order; one, but where a v1 piece holds several files. */
  readonly segments: readonly DiskSegment[];
}

/** A piece with what it must hash to, and where it goes. */
export interface KeepJob extends Omit<PieceCheck, 'takesRoot'> {
  readonly kind: 'keep';
  readonly bytes: Uint8Array;
  /** Stays open until the answer. */
  readonly fd: number;
  readonly offsetBytes: number;
}

export type HashJob =
  /** `bytes` in shared memory, or a copy of the thread's own. */
  | { readonly kind: 'root'; readonly bytes: Uint8Array; readonly leafSlots: number }
  | { readonly kind: 'leaves'; readonly bytes: Uint8Array }
  | { readonly kind: 'sha1'; readonly bytes: Uint8Array; readonly zeroBytes: number }
  /** `bytes` in shared memory, written to its place by the thread if it is what it should be. */
  | KeepJob
  /** The thread reads by itself. */
  | { readonly kind: 'pieces'; readonly pieces: readonly DiskPiece[] };

/** Bytes for each piece in the answer to `pieces`: a byte 1, the root and the SHA-1, or zeros when a file is too short. */
export const ANSWER_STRIDE = 1 + 32 + 20;
export const ROOT_AT = 1;
export const SHA1_AT = 1 + 32;

/** Answers come in the order of the jobs. */
export type HashAnswer =
  /**
   * The root; the leaves; the SHA-1; the piece that was kept, as one byte 1, or nothing of one that was not right; or
   * ANSWER_STRIDE bytes for each piece, where what was not asked for is zeros.
   */
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly message: string; readonly code: string | undefined };
