import type { PieceIndex } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import type { Clock, PieceStore, StoreFailure } from '../base/ports.ts';
import { StoreError } from '../base/ports.ts';

/** What a read fills while it is under way: bytes that are looked at too early are wrong. */
const NOT_YET = 0xdb;

/**
 * Pieces in memory, with a disk's whims: it can be slow, full, failing, changed, or lie.
 *
 * BOUNDED: by the content it holds.
 */
export class SimStore implements PieceStore {
  readonly #clock: Clock;
  readonly #pieceSize: (piece: PieceIndex) => number;
  readonly #pieces = new Map<PieceIndex, Uint8Array>();
  readonly #lies = new Set<PieceIndex>();
  #readFailure: StoreFailure | undefined;
  #writeFailure: StoreFailure | undefined;
  #roomBytes = Number.POSITIVE_INFINITY;
  #isClosed = false;
  /** Time for one operation. May be changed. */
  readMs: number;
  writeMs: number;
  /** Its bytes can be had at once as well, as those in a system's cache. */
  isQuick = false;
  /** What was asked of it. */
  readonly done = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, syncs: 0 };

  constructor(options: {
    readonly clock: Clock;
    /** Bytes of each piece. */
    readonly pieceSize: (piece: PieceIndex) => number;
    readonly readMs: number;
    readonly writeMs: number;
  }) {
    this.#clock = options.clock;
    this.#pieceSize = options.pieceSize;
    this.readMs = options.readMs;
    this.writeMs = options.writeMs;
  }

  /** Has the piece from the beginning: a copy of `bytes`. */
  put(piece: PieceIndex, bytes: Uint8Array): void {
    this.#pieces.set(piece, bytes.slice());
  }

  /** The very bytes it holds, lies aside. */
  held(piece: PieceIndex): Uint8Array | undefined {
    return this.#pieces.get(piece);
  }

  get heldPieces(): readonly PieceIndex[] {
    return [...this.#pieces.keys()].sort((a, b) => a - b);
  }

  /* ---- whims ---- */

  /** From now on reads of the piece give bytes that differ in one place, in each 16 KiB of them. */
  lieAbout(piece: PieceIndex): void {
    this.#lies.add(piece);
  }

  /** All reads fail from now on; with undefined they work again. `changed` is what a seeder's edited file gives. */
  failReads(failure: StoreFailure | undefined): void {
    this.#readFailure = failure;
  }

  failWrites(failure: StoreFailure | undefined): void {
    this.#writeFailure = failure;
  }

  /** Takes so many bytes more, then is full. */
  limitRoom(roomBytes: number): void {
    this.#roomBytes = roomBytes;
  }

  /* ---- the port ---- */

  read(piece: PieceIndex, begin: number, into: Uint8Array): Promise<void> {
    this.done.reads++;
    into.fill(NOT_YET);
    return this.#later(this.readMs, () => {
      this.#fill(piece, begin, into);
    });
  }

  readNow(piece: PieceIndex, begin: number, into: Uint8Array): boolean {
    if (!this.isQuick) return false;
    this.done.reads++;
    this.#fill(piece, begin, into);
    return true;
  }

  #fill(piece: PieceIndex, begin: number, into: Uint8Array): void {
    if (this.#readFailure !== undefined) throw new StoreError(this.#readFailure, `piece ${piece} cannot be read`);
    const bytes = this.#pieces.get(piece)?.subarray(begin, begin + into.length);
    if (bytes?.length !== into.length) throw new StoreError('changed', `piece ${piece} ends too early`);
    into.set(bytes);
    this.done.readBytes += into.length;
    if (this.#lies.has(piece)) for (let at = 0; at < into.length; at += 16_384) into[at]! ^= 0x01;
  }

  write(piece: PieceIndex, bytes: Uint8Array): Promise<void> {
    this.done.writes++;
    if (bytes.length !== this.#pieceSize(piece)) {
      return Promise.reject(new Error(`piece ${piece} is not ${bytes.length} bytes`));
    }
    return this.#later(this.writeMs, () => {
      if (this.#writeFailure !== undefined)
        throw new StoreError(this.#writeFailure, `piece ${piece} cannot be written`);
      if (this.#roomBytes < bytes.length) throw new StoreError('full', 'no space left');
      this.#roomBytes -= bytes.length;
      this.#pieces.set(piece, bytes.slice());
      this.done.writtenBytes += bytes.length;
    });
  }

  sync(): Promise<void> {
    return this.#later(this.writeMs, () => {
      if (this.#writeFailure !== undefined) throw new StoreError(this.#writeFailure, 'the disk cannot be written');
      this.done.syncs++;
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  /** Does the work when its time has come; until then the caller's bytes are the caller's risk. */
  #later(delayMs: number, work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#clock.at(after(this.#clock.now(), delayMs), () => {
        try {
          if (this.#isClosed) throw new StoreError('failed', 'the store is closed');
          work();
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }
}
