/**
 * What we asked of one peer and what has not been answered: each block asked for is answered once, and nothing that
 * was not asked for is taken.
 */
import { MAX_OUTSTANDING_REQUESTS, MAX_PIECE_BYTES } from '../base/limits.ts';
import type { BlockRef } from '../wire/peer-messages.ts';

export type LedgerAnswer =
  'wanted' | 'cancelled' /* asked for, then no longer wanted: the answer was under way */ | 'unasked';

/** Piece and begin in one exact number: 2^21 pieces × 2^27 bytes. */
const keyOf = (piece: number, begin: number): number => piece * MAX_PIECE_BYTES + begin;

export class Ledger {
  /** BOUNDED: by the caller, who keeps at most MAX_OUTSTANDING_REQUESTS open. */
  readonly #open = new Map<number, BlockRef>();
  /** BOUNDED: by MAX_OUTSTANDING_REQUESTS; the oldest goes first. */
  readonly #cancelled = new Map<number, BlockRef>();
  #bytes = 0;

  /** Requests that wait for an answer we want. */
  get count(): number {
    return this.#open.size;
  }

  /** Bytes of those requests. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes a request; false when the very block is asked for already. */
  add(ref: BlockRef): boolean {
    const key = keyOf(ref.piece, ref.begin);
    if (this.#open.has(key)) return false;
    this.#open.set(key, ref);
    this.#bytes += ref.length;
    return true;
  }

  /** The request is no longer wanted, though an answer may come; false when it was not open. */
  cancel(ref: BlockRef): boolean {
    const key = keyOf(ref.piece, ref.begin);
    const open = this.#open.get(key);
    if (open === undefined || open.length !== ref.length) return false;
    this.#drop(key, open);
    this.#cancelled.set(key, open);
    if (this.#cancelled.size > MAX_OUTSTANDING_REQUESTS) {
      const oldest = this.#cancelled.keys().next();
      if (oldest.done !== true) this.#cancelled.delete(oldest.value);
    }
    return true;
  }

  /** What a block of exactly this place and length would be to us. Changes nothing. */
  judge(piece: number, begin: number, length: number): LedgerAnswer {
    const key = keyOf(piece, begin);
    if (this.#open.get(key)?.length === length) return 'wanted';
    return this.#cancelled.get(key)?.length === length ? 'cancelled' : 'unasked';
  }

  /** The request is answered, by a block or by a reject. */
  settle(piece: number, begin: number, length: number): LedgerAnswer {
    const key = keyOf(piece, begin);
    const open = this.#open.get(key);
    if (open?.length === length) {
      this.#drop(key, open);
      return 'wanted';
    }
    if (this.#cancelled.get(key)?.length !== length) return 'unasked';
    this.#cancelled.delete(key);
    return 'cancelled';
  }

  /** A choke without the fast extension forgets all requests (BEP 3): the ones that were wanted. */
  forgetAll(): BlockRef[] {
    const wanted = [...this.#open.values()];
    this.#open.clear();
    this.#cancelled.clear();
    this.#bytes = 0;
    return wanted;
  }

  #drop(key: number, open: BlockRef): void {
    this.#open.delete(key);
    this.#bytes -= open.length;
  }
}
