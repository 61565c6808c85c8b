/**
 * One piece from one peer: which blocks to ask for, where their bytes go, when it is whole. One piece comes from one
 * peer, so that blame for a corrupt one is exact.
 */
import { copyBytes } from '../common/base/copy-bytes.ts';
import type { PieceIndex } from '../common/base/ids.ts';

export interface FetchBlock {
  readonly begin: number;
  readonly length: number;
}

export interface FetchOptions {
  readonly piece: PieceIndex;
  readonly sizeBytes: number;
  /**
   * Called once, when the first bytes come, since a source may let a request wait for seconds. At least `sizeBytes`
   * long; the caller's, who takes it back at the end.
   */
  readonly takeBuffer: () => Uint8Array;
}

export class Fetch {
  readonly piece: PieceIndex;
  readonly sizeBytes: number;
  readonly #takeBuffer: () => Uint8Array;
  #buffer: Uint8Array | undefined;
  /** Asked for and not whole, by begin. BOUNDED: by the peer's room for requests. */
  readonly #open = new Map<number, number>();
  #asked = 0;
  #received = 0;

  constructor(options: FetchOptions) {
    this.piece = options.piece;
    this.sizeBytes = options.sizeBytes;
    this.#takeBuffer = options.takeBuffer;
  }

  /** All blocks are asked for. */
  get isAsked(): boolean {
    return this.#asked === this.sizeBytes;
  }

  /** Where its bytes are; undefined as long as none came. */
  get buffer(): Uint8Array | undefined {
    return this.#buffer;
  }

  /** The bytes of the piece, once it is whole. */
  get bytes(): Uint8Array {
    return (this.#buffer ??= this.#takeBuffer()).subarray(0, this.sizeBytes);
  }

  /** The next block of at most `mostBytes` (a multiple of 16 KiB), which is then open; undefined when all are asked for. */
  ask(mostBytes: number): FetchBlock | undefined {
    if (this.isAsked) return undefined;
    const begin = this.#asked;
    const length = Math.min(mostBytes, this.sizeBytes - begin);
    this.#asked += length;
    this.#open.set(begin, length);
    return { begin, length };
  }

  /** Copies part of an open block to its place; anything else is dropped. True when these are the first bytes. */
  take(begin: number, offset: number, view: Uint8Array): boolean {
    const length = this.#open.get(begin);
    if (length === undefined || offset + view.length > length) return false;
    const isFirst = this.#buffer === undefined;
    this.#buffer ??= this.#takeBuffer();
    copyBytes(this.#buffer, view, begin + offset);
    return isFirst;
  }

  /** A block has come whole; true when the piece has. */
  close(begin: number, length: number): boolean {
    if (this.#open.get(begin) !== length) return false;
    this.#open.delete(begin);
    this.#received += length;
    return this.#received === this.sizeBytes;
  }

  /** So many bytes from its beginning on are here without a gap. */
  get leadBytes(): number {
    let lead = this.#asked;
    for (const begin of this.#open.keys()) if (begin < lead) lead = begin;
    return lead;
  }

  /** The blocks that are still to come, for the peer to be told that they are not wanted. */
  get openBlocks(): FetchBlock[] {
    return [...this.#open].map(([begin, length]) => ({ begin, length }));
  }
}
