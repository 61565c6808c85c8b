import { after, NEVER, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { RETRY_FIRST_MS, RETRY_LAST_MS } from '../common/base/limits.ts';

/** The pause after the given number (0 and up) of failures before this one: doubles from the first to the last. */
export const backoffMs = (before: number): number =>
  Math.min(RETRY_FIRST_MS * 2 ** Math.min(before, 16), RETRY_LAST_MS);

interface Trouble {
  /** How often it had failed at every source that could give it. */
  rounds: number;
  /** When those that failed it may try again. */
  againAt: Instant;
  /** Who gave it corrupt. BOUNDED: one for each time the whole piece was fetched in vain. */
  readonly blamed: number[];
}

/**
 * The pieces that failed: who must pause for how long, and who gave corrupt bytes.
 *
 * A pause binds only the sources that failed the piece. When none is left that has not, a round is over: all of them
 * may try again after a pause that doubles from round to round. While there is one left it should have the piece, and
 * the others pause the longest time; but not for ever, since that one may never ask for it.
 *
 * BOUNDED: by the pieces that failed and have not come since.
 */
export class Retries {
  readonly #troubles = new Map<PieceIndex, Trouble>();
  #nextAt: Instant = NEVER;

  /** When the earliest pause ends. */
  get nextAt(): Instant {
    return this.#nextAt;
  }

  /** A source failed the piece. `othersLeft`: a source that has not failed it could still give it. */
  failed(piece: PieceIndex, othersLeft: boolean, now: Instant): void {
    const trouble = this.#trouble(piece);
    trouble.againAt = after(now, othersLeft ? RETRY_LAST_MS : backoffMs(trouble.rounds));
    if (!othersLeft) trouble.rounds++;
    if (trouble.againAt < this.#nextAt) this.#nextAt = trouble.againAt;
  }

  /** The piece came corrupt from this source, which must never be asked for it again. */
  blame(piece: PieceIndex, id: number): void {
    const { blamed } = this.#trouble(piece);
    if (!blamed.includes(id)) blamed.push(id);
  }

  isBlamed(piece: PieceIndex, id: number): boolean {
    return this.blamed(piece).includes(id);
  }

  blamed(piece: PieceIndex): readonly number[] {
    return this.#troubles.get(piece)?.blamed ?? [];
  }

  /** The pieces that came corrupt at least once and have not come right, in no order. */
  *corrupted(): Generator<PieceIndex> {
    for (const [piece, trouble] of this.#troubles) if (trouble.blamed.length > 0) yield piece;
  }

  /** The pieces whose pause is over; each is told once. */
  ended(now: Instant): readonly PieceIndex[] {
    if (now < this.#nextAt) return [];
    const pieces: PieceIndex[] = [];
    this.#nextAt = NEVER;
    for (const [piece, trouble] of this.#troubles) {
      if (trouble.againAt <= now) {
        trouble.againAt = NEVER;
        pieces.push(piece);
      } else if (trouble.againAt < this.#nextAt) this.#nextAt = trouble.againAt;
    }
    return pieces;
  }

  /** The piece came right. False when it had never failed. */
  forget(piece: PieceIndex): boolean {
    return this.#troubles.delete(piece);
  }

  #trouble(piece: PieceIndex): Trouble {
    let trouble = this.#troubles.get(piece);
    if (trouble === undefined) {
      trouble = { rounds: 0, againAt: NEVER, blamed: [] };
      this.#troubles.set(piece, trouble);
    }
    return trouble;
  }
}
