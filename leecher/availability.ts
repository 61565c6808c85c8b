import { Bitfield } from '../common/base/bitfield.ts';
import type { PieceIndex } from '../common/base/ids.ts';

/** Somebody who holds pieces. The set is the caller's live object. */
export interface Holder {
  readonly pieces: Bitfield;
}

/**
 * How many of the sources hold each piece.
 *
 * A source that was complete when it came adds one to every piece alike, so it is only counted. Of the others a copy of
 * what they said is kept: a peer may name its whole set again instead of what is new (aria2), or take pieces back
 * (BEP 54), and what was counted must be uncounted when it goes.
 *
 * BOUNDED: two bytes a piece, and one bit a piece for each source that was not complete.
 */
export class Availability {
  readonly #counts: Uint16Array;
  /** BOUNDED: by the sources. */
  readonly #complete = new Set<Holder>();
  /** BOUNDED: by the sources. */
  readonly #counted = new Map<Holder, Bitfield>();

  constructor(pieceCount: number) {
    this.#counts = new Uint16Array(pieceCount);
  }

  /** Sources that hold the piece. */
  of(piece: number): number {
    return this.#complete.size + this.#counts[piece]!;
  }

  add(holder: Holder): void {
    if (holder.pieces.isFull) this.#complete.add(holder);
    else this.changed(holder);
  }

  remove(holder: Holder): void {
    this.#complete.delete(holder);
    const known = this.#counted.get(holder);
    if (known === undefined) return;
    for (let piece = known.next(0); piece >= 0; piece = known.next(piece + 1)) this.#counts[piece]!--;
    this.#counted.delete(holder);
  }

  /** It holds one more piece. */
  gained(holder: Holder, piece: PieceIndex): void {
    if (this.#counted.get(holder)?.add(piece) === true) this.#counts[piece]!++;
  }

  /** Any of its pieces came or went. */
  changed(holder: Holder): void {
    const { pieces } = holder;
    if (this.#complete.has(holder)) {
      if (pieces.isFull) return;
      this.#complete.delete(holder);
    }
    let known = this.#counted.get(holder);
    if (known === undefined) this.#counted.set(holder, (known = new Bitfield(pieces.size)));
    for (let i = 0; i < pieces.bytes.length; i++) {
      const changed = pieces.bytes[i]! ^ known.bytes[i]!;
      if (changed === 0) continue;
      for (let bit = 0; bit < 8; bit++) {
        if ((changed & (0x80 >> bit)) !== 0)
          this.#counts[i * 8 + bit]! += pieces.has((i * 8 + bit) as PieceIndex) ? 1 : -1;
      }
    }
    known.become(pieces);
  }
}
