/**
 * What one peer asked of us and waits for. Each request leaves by exactly one door: it is sent, rejected, or, for a
 * peer without the fast extension, dropped by a choke (BEP 3, BEP 6).
 */
import { MAX_PIECE_BYTES, MAX_QUEUED_REQUESTS } from '../base/limits.ts';
import type { BlockRef } from '../wire/peer-messages.ts';

export type Admission =
  | 'queued'
  | 'duplicate' /* the very same waits already: one answer will do */
  | 'refused'; /* no room, or another length at the same place */

/** Of a request that was found valid; a cancel may name any numbers, and those of another request's key among them. */
const keyOf = (ref: BlockRef): number => ref.piece * MAX_PIECE_BYTES + ref.begin;

const isSame = (a: BlockRef, b: BlockRef): boolean =>
  a.piece === b.piece && a.begin === b.begin && a.length === b.length;

export class Uploads {
  /** In the order they came. BOUNDED: by MAX_QUEUED_REQUESTS. */
  readonly #waiting = new Map<number, BlockRef>();

  get count(): number {
    return this.#waiting.size;
  }

  admit(ref: BlockRef): Admission {
    const same = this.#waiting.get(keyOf(ref));
    if (same !== undefined) return same.length === ref.length ? 'duplicate' : 'refused';
    if (this.#waiting.size >= MAX_QUEUED_REQUESTS) return 'refused';
    this.#waiting.set(keyOf(ref), ref);
    return 'queued';
  }

  /** Removes a waiting request; false when it is not there, being sent or answered already. */
  cancel(ref: BlockRef): boolean {
    const waiting = this.#waiting.get(keyOf(ref));
    return waiting !== undefined && isSame(waiting, ref) && this.#waiting.delete(keyOf(ref));
  }

  /** The first request that can be answered now, without removing it. */
  next(isReady: (ref: BlockRef) => boolean): BlockRef | undefined {
    for (const ref of this.#waiting.values()) if (isReady(ref)) return ref;
    return undefined;
  }

  /** Takes the first request within these bytes of the piece, and those right behind it that are so too. */
  takeWithin(piece: number, begin: number, end: number, mostBytes: number): BlockRef[] {
    const taken: BlockRef[] = [];
    let bytes = 0;
    for (const [key, ref] of this.#waiting) {
      const inside = ref.piece === piece && ref.begin >= begin && ref.begin + ref.length <= end;
      if (!inside && taken.length === 0) continue;
      if (!inside || (taken.length > 0 && bytes + ref.length > mostBytes)) break;
      this.#waiting.delete(key);
      taken.push(ref);
      bytes += ref.length;
    }
    return taken;
  }

  /** Takes out all that is asked of a piece: what the caller must reject. */
  dropPiece(piece: number): BlockRef[] {
    return this.#drop((ref) => ref.piece === piece);
  }

  /** Takes out all that is not asked of this piece: what the caller must reject. */
  dropOthers(piece: number): BlockRef[] {
    return this.#drop((ref) => ref.piece !== piece);
  }

  /** Empties the queue: what the caller must reject, or drop. */
  clear(): BlockRef[] {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    return all;
  }

  #drop(isToGo: (ref: BlockRef) => boolean): BlockRef[] {
    const dropped = [...this.#waiting].filter(([, ref]) => isToGo(ref));
    for (const [key] of dropped) this.#waiting.delete(key);
    return dropped.map(([, ref]) => ref);
  }
}
