import type { PieceIndex } from '../common/base/ids.ts';
import type { PieceCheck } from '../common/base/piece-check.ts';
import type { PieceStore } from '../common/base/ports.ts';
import type { CheckBook, PieceVerifier } from './piece-verifier.ts';

export type KeepVerdict = 'kept' /* right, and written */ | 'spare' /* right, but nobody needs it any more */ | 'wrong';

/** Verify, then write: nothing that does not hash right reaches the store. */
export class PieceKeeper {
  readonly #checks: CheckBook;
  readonly #verifier: PieceVerifier;
  readonly #store: PieceStore;
  /** Pieces on their way to the disk. BOUNDED: by the caller's buffers. */
  readonly #writing = new Set<PieceIndex>();

  constructor(options: { readonly checks: CheckBook; readonly verifier: PieceVerifier; readonly store: PieceStore }) {
    this.#checks = options.checks;
    this.#verifier = options.verifier;
    this.#store = options.store;
  }

  /**
   * `bytes` are in shared memory and must not change until the answer. A piece that comes twice at once, as it may at
   * the end, is written at least once. Rejects with a `StoreError`.
   */
  async keep(piece: PieceIndex, bytes: Uint8Array, isNeeded: () => boolean): Promise<KeepVerdict> {
    const check = this.#checks.of(piece);
    if (this.#store.keep !== undefined && isClosed(check) && isNeeded()) {
      return (await this.#store.keep(piece, bytes, check)) ? 'kept' : 'wrong';
    }
    if (!(await this.#verifier.isRight(piece, bytes))) return 'wrong';
    if (this.#writing.has(piece) || !isNeeded()) return 'spare';
    this.#writing.add(piece);
    try {
      await this.#store.write(piece, bytes);
    } finally {
      this.#writing.delete(piece);
    }
    return 'kept';
  }
}

/** Something is known of it, and nothing is to be learnt from it. */
const isClosed = ({ root, sha1, takesRoot }: PieceCheck): boolean =>
  takesRoot === undefined && (root !== undefined || sha1 !== undefined);
