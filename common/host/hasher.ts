import { availableParallelism } from 'node:os';
import type { Digest } from '../base/ids.ts';
import type { Hasher } from '../base/ports.ts';
import { rootOfBytes } from '../content/merkle.ts';
import type { HashAllowance } from './hash-allowance.ts';
import type { KeepJob } from './hash-job.ts';
import { HashThreads } from './hash-threads.ts';
import { isRightPiece, writePiece } from './kept-piece.ts';

/** More threads than this read a disk no faster. */
const MAX_THREADS = 8;

/** As many threads as there are processors. */
export const hashThreadCount = (): number => Math.max(1, Math.min(MAX_THREADS, availableParallelism()));

/** SHA-256 and SHA-1 on worker threads, which see the very bytes when those are in shared memory. */
export class HashPool implements Hasher {
  /** For `file-hashes.ts`: threads that read files by themselves. */
  readonly threads: HashThreads;
  readonly #allowance: HashAllowance | undefined;

  constructor(options: { readonly threads: number; readonly allowance?: HashAllowance }) {
    this.threads = new HashThreads({ capacity: options.threads });
    this.#allowance = options.allowance;
  }

  async pieceRoot(bytes: Uint8Array, leafSlots: number): Promise<Digest> {
    if (this.#allowance?.takes(bytes.length) === true) return rootOfBytes(bytes, leafSlots);
    return (await this.threads.run({ kind: 'root', bytes: reachable(bytes), leafSlots })) as Digest;
  }

  leaves(bytes: Uint8Array): Promise<Uint8Array> {
    return this.threads.run({ kind: 'leaves', bytes: reachable(bytes) });
  }

  sha1(bytes: Uint8Array, zeroBytes: number): Promise<Uint8Array> {
    return this.threads.run({ kind: 'sha1', bytes: reachable(bytes), zeroBytes });
  }

  /** Writes the piece if it is right; the bytes must be in shared memory. Rejects with the system's error. */
  async keep(job: KeepJob): Promise<boolean> {
    if (this.#allowance?.takes(job.bytes.length) !== true) return (await this.threads.run(job)).length > 0;
    if (!isRightPiece(job)) return false;
    await writePiece(job);
    return true;
  }

  close(): Promise<void> {
    return this.threads.close();
  }
}

/**
 * Bytes as a message may carry them: shared memory goes as it is. Of anything else the message makes a copy, and a
 * small view of a large buffer is cut out first, since the copy would be of the whole buffer.
 */
function reachable(bytes: Uint8Array): Uint8Array {
  const { buffer } = bytes;
  return buffer instanceof SharedArrayBuffer || buffer.byteLength === bytes.length ? bytes : bytes.slice();
}
