import { equalBytes, readU32 } from '../../base/bytes.ts';
import { pieceIndex, type PieceIndex } from '../../base/ids.ts';
import { treeHeightOf } from '../../content/geometry.ts';
import { foldNodes } from '../../content/merkle.ts';
import type { SimContent } from './content.ts';
import type { Verdict } from './verdict.ts';

/** What one program gets and gives of pieces that it does not have yet, on all its connections. */
export class RelayRecord {
  /** Pieces of which something came in this run. BOUNDED: by the pieces. */
  readonly #begun = new Set<number>();
  /** Told of each block that it sends before it has the piece. */
  readonly #onPassedOn: () => void;

  constructor(onPassedOn: () => void) {
    this.#onPassedOn = onPassedOn;
  }

  cameOf(piece: number): void {
    this.#begun.add(piece);
  }

  hasBegun(piece: number): boolean {
    return this.#begun.has(piece);
  }

  passesOn(): void {
    this.#onPassedOn();
  }

  /** The program starts anew. */
  restart(): void {
    this.#begun.clear();
  }
}

export interface RelayWatchOptions {
  readonly who: string;
  readonly verdict: Verdict;
  readonly content: SimContent;
  readonly isLiar: boolean;
  readonly relays: RelayRecord;
  /** They say that they have it, or get it; or that they do not. */
  readonly onTheirs: { readonly gain: (piece: PieceIndex) => void; readonly loss: (piece: PieceIndex) => void };
}

const DIGEST_BYTES = 32;

/**
 * What two programs say of pieces that are on their way to them (`tk_coming`, `tk_parts`, `lt_donthave`), at the end of
 * one of ours: it promises only what it is getting, takes back only what it promised, and explains pieces as they are.
 */
export class RelayWatch {
  readonly #options: RelayWatchOptions;
  /** What we said is on its way to us. */
  readonly #promised = new Set<number>();

  constructor(options: RelayWatchOptions) {
    this.#options = options;
  }

  /** They say this under a name that we gave a number. */
  heedTheirs(name: string, payload: Uint8Array): void {
    if (payload.length !== 4 || readU32(payload, 0) >= this.#options.content.pieceCount) return;
    const piece = pieceIndex(readU32(payload, 0));
    if (name === 'tk_coming') this.#options.onTheirs.gain(piece);
    if (name === 'lt_donthave') this.#options.onTheirs.loss(piece);
  }

  heedOurs(name: string, payload: Uint8Array): void {
    const piece = payload.length < 4 ? Number.POSITIVE_INFINITY : readU32(payload, 0);
    if (name === 'tk_coming') this.#judgePromise(piece);
    if (name === 'lt_donthave' && !this.#promised.delete(piece)) this.#breach(`takes back piece ${piece}, unpromised`);
    if (name === 'tk_parts') this.#judgeParts(piece, payload.subarray(4));
  }

  /** We say that we have it: the promise is kept. */
  heedHave(piece: number): void {
    this.#promised.delete(piece);
  }

  /** We begin to send of a piece that we do not have; false when the other was not told that it is on its way. */
  passesOn(piece: number): boolean {
    if (!this.#promised.has(piece)) return false;
    this.#options.relays.passesOn();
    return true;
  }

  #judgePromise(piece: number): void {
    if (!this.#options.relays.hasBegun(piece)) this.#breach(`says that piece ${piece} comes, of which nothing came`);
    if (this.#promised.has(piece)) this.#breach(`says twice that piece ${piece} comes`);
    this.#promised.add(piece);
  }

  #judgeParts(piece: number, hashes: Uint8Array): void {
    const { content, isLiar } = this.#options;
    const { geometry, pieceCount } = content;
    if (piece >= pieceCount) return this.#breach(`gives the parts of piece ${piece}, which there is not`);
    if (isLiar) return;
    const height = treeHeightOf((geometry.pieceBytes * DIGEST_BYTES) / hashes.length);
    const { root } = content.checkOf(pieceIndex(piece));
    const isTrue = root !== undefined && equalBytes(foldNodes(hashes, height, geometry.pieceLayerHeight), root);
    if (!isTrue) this.#breach(`gives false parts of piece ${piece}`);
  }

  #breach(what: string): void {
    this.#options.verdict.breach(this.#options.who, what);
  }
}
