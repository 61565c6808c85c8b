import type { PieceIndex } from '../common/base/ids.ts';
import { isAsItShould, type PieceCheck } from '../common/base/piece-check.ts';
import type { Hasher } from '../common/base/ports.ts';

/** Tells right pieces from wrong ones, whatever that takes. */
export interface PieceVerifier {
  /** `bytes` are in shared memory and must not change until the answer. */
  isRight(piece: PieceIndex, bytes: Uint8Array): Promise<boolean>;
}

/** What each piece must hash to: `Proof` is one. */
export interface CheckBook {
  of(piece: PieceIndex): PieceCheck;
}

/** Hashes a piece in every way that its torrent knows; all must agree. */
export class HashVerifier implements PieceVerifier {
  readonly #checks: CheckBook;
  readonly #hasher: Pick<Hasher, 'pieceRoot' | 'sha1'>;

  constructor(options: { readonly checks: CheckBook; readonly hasher: Pick<Hasher, 'pieceRoot' | 'sha1'> }) {
    this.#checks = options.checks;
    this.#hasher = options.hasher;
  }

  async isRight(piece: PieceIndex, bytes: Uint8Array): Promise<boolean> {
    const check = this.#checks.of(piece);
    const { root, leafSlots, sha1, zeroBytes } = check;
    if (root === undefined && sha1 === undefined) throw new Error(`nothing is known that piece ${piece} must hash to`);
    const [foundRoot, foundSha1] = await Promise.all([
      leafSlots === undefined ? undefined : this.#hasher.pieceRoot(bytes, leafSlots),
      zeroBytes === undefined ? undefined : this.#hasher.sha1(bytes, zeroBytes),
    ]);
    return isAsItShould({ root: foundRoot, sha1: foundSha1 }, check);
  }
}
