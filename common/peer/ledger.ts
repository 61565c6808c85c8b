/**
 * What we asked of one peer and what has not been answered: each block asked for is answered once, and nothing that
 * was not asked for is taken.
 */
import { MAX_OUTSTANDING_REQUESTS, MAX_PIECE_BYTES } from '../base/limits.ts';
import type { BlockRef } from '../wire/peer-messages.ts';

export type LedgerAnswer = 'wanted' | 'cancelled' /* asked for, then no longer wanted */ | 'unasked';

/**
 * Piece and begin in one exact number: 2^21 pieces × 2^27 bytes. What a peer sends may be beyond either, and so have
 * the key of another block; `find` compares the whole.
 */
const keyOf = (ref: BlockRef): number => ref.piece * MAX_PIECE_BYTES + ref.begin;

/** A block that was asked for and is no longer wanted. */
interface Cancelled extends BlockRef {
  /** Still to come: one for each time it was asked for and cancelled. */
  answers: number;
}

/** The entry for exactly this block. */
function find<T extends BlockRef>(among: ReadonlyMap<number, T>, ref: BlockRef): T | undefined {
  const found = among.get(keyOf(ref));
  if (found === undefined) return undefined;
  const isSame = found.piece === ref.piece && found.begin === ref.begin && found.length === ref.length;
  return isSame ? found : undefined;
}

export class Ledger {
  /** BOUNDED: by the caller, who keeps at most MAX_OUTSTANDING_REQUESTS open. */
  readonly #open = new Map<number, BlockRef>();
  /** BOUNDED: by MAX_OUTSTANDING_REQUESTS; the oldest goes first. */
  readonly #cancelled = new Map<number, Cancelled>();
  #bytes = 0;

  /** Requests that wait for an answer we want. */
  get count(): number {
    return this.#open.size;
  }

  /** Bytes of those requests. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes a request; false when a block from the same place is asked for already. `ref` is kept. */
  add(ref: BlockRef): boolean {
    const key = keyOf(ref);
    if (this.#open.has(key)) return false;
    this.#open.set(key, ref);
    this.#bytes += ref.length;
    return true;
  }

  /** The request is no longer wanted, though an answer may come; false when it was not open. */
  cancel(ref: BlockRef): boolean {
    const open = find(this.#open, ref);
    if (open === undefined) return false;
    this.#drop(open);
    const answers = (find(this.#cancelled, ref)?.answers ?? 0) + 1;
    this.#cancelled.set(keyOf(open), { ...open, answers });
    if (this.#cancelled.size > MAX_OUTSTANDING_REQUESTS) {
      const oldest = this.#cancelled.keys().next();
      if (oldest.done !== true) this.#cancelled.delete(oldest.value);
    }
    return true;
  }

  /** The open request for exactly this block: the very object that was added. */
  wanted(ref: BlockRef): BlockRef | undefined {
    return find(this.#open, ref);
  }

  /** Whether this very request still waits for its answer. */
  isOpen(request: BlockRef): boolean {
    return this.#open.get(keyOf(request)) === request;
  }

  /** An open request is answered. */
  settle(request: BlockRef): void {
    this.#drop(request);
  }

  /** An answer came that is not wanted; false when it was never asked for. */
  excuse(ref: BlockRef): boolean {
    const cancelled = find(this.#cancelled, ref);
    if (cancelled === undefined) return false;
    if (--cancelled.answers === 0) this.#cancelled.delete(keyOf(ref));
    return true;
  }

  /** A reject came: where the block was cancelled and asked for again, it answers what was cancelled (BEP 6). */
  takeReject(ref: BlockRef): LedgerAnswer {
    if (this.excuse(ref)) return 'cancelled';
    const request = this.wanted(ref);
    if (request === undefined) return 'unasked';
    this.settle(request);
    return 'wanted';
  }

  /** A choke without the fast extension forgets all requests (BEP 3): the ones that were wanted. */
  forgetAll(): BlockRef[] {
    const wanted = [...this.#open.values()];
    this.#open.clear();
    this.#cancelled.clear();
    this.#bytes = 0;
    return wanted;
  }

  #drop(open: BlockRef): void {
    this.#open.delete(keyOf(open));
    this.#bytes -= open.length;
  }
}
