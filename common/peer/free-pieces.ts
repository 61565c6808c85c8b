import { Bitfield } from '../base/bitfield.ts';
import type { PieceIndex } from '../base/ids.ts';

/** Pieces that nobody has or is to get; all at first. They are given out in order, and around: a disk likes that. */
export class FreePieces {
  readonly #field: Bitfield;
  #cursor = 0;

  constructor(pieceCount: number) {
    this.#field = Bitfield.full(pieceCount);
  }

  get count(): number {
    return this.#field.count;
  }

  has(piece: PieceIndex): boolean {
    return this.#field.has(piece);
  }

  add(piece: PieceIndex): void {
    this.#field.add(piece);
  }

  remove(piece: PieceIndex): void {
    this.#field.remove(piece);
  }

  /** The next one that is not among `seen`. It stays free. */
  nextBut(seen: Bitfield): PieceIndex | undefined {
    const piece = this.#find(seen, this.#cursor, this.#field.size) ?? this.#find(seen, 0, this.#cursor);
    if (piece !== undefined) this.#cursor = piece + 1;
    return piece;
  }

  #find(seen: Bitfield, from: number, to: number): PieceIndex | undefined {
    for (let piece = this.#field.next(from); piece >= 0 && piece < to; piece = this.#field.next(piece + 1)) {
      if (!seen.has(piece as PieceIndex)) return piece as PieceIndex;
    }
    return undefined;
  }
}
