/**
 * Pieces that are on their way to us and are passed on before they are whole: of each, what is verified, from its
 * beginning on.
 *
 * A piece that comes beside many others over one line takes long, and whoever waits for it could use its first part
 * meanwhile. BEP 52 makes that safe: the hashes of the parts fold to the piece's own, so each is proven by itself.
 *
 * BOUNDED: by MAX_RELAYED_PIECES. The bytes are the fetch's own buffer, and are lent: the buffer is free when the piece is
 * closed and what was lent is back.
 */
import type { PieceIndex } from '../base/ids.ts';
import { LEAST_PART_BYTES, MAX_KNOWN_PARTS, MAX_LENT_BYTES, MAX_PARTS, MAX_RELAYED_PIECES } from '../base/limits.ts';
import { treeHeightOf } from '../content/geometry.ts';
import { leavesOf, parentNodes } from '../content/merkle.ts';

/** The hashes of a piece's parts: nodes at `height` of its tree, 32 bytes each, that fold to its root. */
export interface PartHashes {
  readonly height: number;
  readonly hashes: Uint8Array;
}

/** What may be sent of a piece, from `begin` on; it does not change until `release`. */
export interface Loan {
  readonly begin: number;
  readonly bytes: Uint8Array;
  readonly release: () => void;
}

/** How long the parts of a whole piece are. */
export const partBytesOf = (pieceBytes: number): number => Math.max(LEAST_PART_BYTES, pieceBytes / MAX_PARTS);

/** The hashes of the parts that a whole piece is cut into; undefined where it is too small for that. */
export function partHashesOf(bytes: Uint8Array): PartHashes | undefined {
  const partBytes = partBytesOf(bytes.length);
  if (bytes.length < 2 * partBytes) return undefined;
  const height = treeHeightOf(partBytes);
  let hashes = leavesOf(bytes);
  for (let at = 0; at < height; at++) hashes = parentNodes(hashes, at);
  return { height, hashes };
}

interface RelayedPiece {
  readonly buffer: Uint8Array;
  /** Verified, from the beginning on. */
  readyBytes: number;
  /** It is still on its way. */
  isComing: boolean;
  loans: number;
  /** Called when the last loan of a closed piece is back. */
  onFree: () => void;
}

export class Relay {
  /** Of pieces on their way and others, the oldest first. BOUNDED: by MAX_KNOWN_PARTS. */
  readonly #known = new Map<number, PartHashes>();
  readonly #pieces = new Map<PieceIndex, RelayedPiece>();
  /** Of buffers that somebody is being sent, those of closed pieces included. BOUNDED: by MAX_LENT_BYTES. */
  #lentBytes = 0;

  /** Begins with a piece that is gathered in `buffer`; false when too many are there already. */
  open(piece: PieceIndex, parts: PartHashes, buffer: Uint8Array): boolean {
    if (this.#pieces.size >= MAX_RELAYED_PIECES || this.#pieces.has(piece)) return false;
    this.know(piece, parts);
    this.#pieces.set(piece, { buffer, readyBytes: 0, isComing: true, loans: 0, onFree: () => undefined });
    return true;
  }

  /** So many bytes of it, from the beginning on, are verified. */
  advance(piece: PieceIndex, readyBytes: number): void {
    this.#pieces.get(piece)!.readyBytes = readyBytes;
  }

  /** The piece is verified and stored: from now on it is read from the store. False when it was not there. */
  settle(piece: PieceIndex): boolean {
    const relayed = this.#pieces.get(piece);
    const wasComing = relayed?.isComing === true;
    if (wasComing) relayed.isComing = false;
    return wasComing;
  }

  /**
   * The buffer is wanted back: `onFree` is called when nobody reads it any more, now or when the last loan is back. True
   * when the piece was still on its way, and now is not.
   */
  close(piece: PieceIndex, onFree: () => void): boolean {
    const relayed = this.#pieces.get(piece);
    this.#pieces.delete(piece);
    if (relayed === undefined || relayed.loans === 0) onFree();
    else relayed.onFree = onFree;
    return relayed?.isComing === true;
  }

  has(piece: number): boolean {
    return this.#pieces.get(piece as PieceIndex)?.isComing === true;
  }

  /** How much of it may be sent. */
  readyBytes(piece: number): number {
    return this.#pieces.get(piece as PieceIndex)?.readyBytes ?? 0;
  }

  /**
   * All that is ready of the piece, which holds these bytes. A copy of them alone when too many buffers are out: peers that
   * read slowly, or not at all, must not keep us from fetching.
   */
  lend(piece: number, begin: number, length: number): Loan | undefined {
    const relayed = this.#pieces.get(piece as PieceIndex);
    if (relayed === undefined) return undefined;
    const { buffer, readyBytes } = relayed;
    if (relayed.loans === 0 && this.#lentBytes + buffer.length > MAX_LENT_BYTES) {
      const bytes = buffer.slice(begin, Math.min(begin + length, readyBytes));
      return { begin, bytes, release: () => undefined };
    }
    if (relayed.loans++ === 0) this.#lentBytes += buffer.length;
    let isBack = false;
    return {
      begin: 0,
      bytes: buffer.subarray(0, readyBytes),
      release: () => {
        if (isBack) return;
        isBack = true;
        if (--relayed.loans > 0) return;
        this.#lentBytes -= buffer.length;
        relayed.onFree();
      },
    };
  }

  /** The hashes of a piece's parts are right, and may be of use to others. */
  know(piece: PieceIndex, parts: PartHashes): void {
    this.#known.delete(piece);
    this.#known.set(piece, parts);
    const [oldest] = this.#known.size > MAX_KNOWN_PARTS ? this.#known.keys() : [];
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  partsOf(piece: PieceIndex): PartHashes | undefined {
    return this.#known.get(piece);
  }
}
