/** What the main thread and the hash threads say to each other. */

/** A piece in a file: where it begins, its size, and over how many leaves it is checked. */
export interface FilePiece {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly leafSlots: number;
}

export type HashJob =
  /** `bytes` in shared memory, or a copy of the thread's own. */
  | { readonly kind: 'root'; readonly bytes: Uint8Array; readonly leafSlots: number }
  | { readonly kind: 'leaves'; readonly bytes: Uint8Array }
  /** The thread reads by itself, from a descriptor that stays open until the answer. */
  | { readonly kind: 'file'; readonly fd: number; readonly pieces: readonly FilePiece[] };

/** Answers come in the order of the jobs. */
export type HashAnswer =
  /** The root; the leaves; or, for each piece of a file, a byte 1 and its root, or 33 zeros when the file is too short. */
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly message: string; readonly code: string | undefined };
