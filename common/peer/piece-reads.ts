/**
 * Pieces read for upload, shared by all connections of a torrent: a piece that several peers ask for, or that one peer
 * asks for block by block, is read from the disk once.
 *
 * BOUNDED: by MAX_UPLOAD_BUFFER_BYTES, and, where peers that read slowly hold all of that, by one request of each
 * connection besides: nobody waits for another's peer.
 */
import { BufferPool } from '../base/buffers.ts';
import type { PieceIndex } from '../base/ids.ts';
import { MAX_LARGE_REQUEST_BYTES, MAX_UPLOAD_BUFFER_BYTES } from '../base/limits.ts';
import type { PieceStore } from '../base/ports.ts';
import type { Geometry } from '../content/geometry.ts';

/** Bytes of one piece from `begin` on, unchanged until `release`. */
export interface Lease {
  readonly begin: number;
  readonly bytes: Uint8Array;
  /** Requests up to here can be answered: past `bytes`, with zeros, if the piece's data ends with them. */
  readonly end: number;
  release(): void;
}

interface Segment {
  readonly key: number;
  readonly begin: number;
  readonly end: number;
  readonly buffer: Uint8Array;
  readonly bytes: Uint8Array;
  users: number;
  readonly ready: Promise<void>;
}

const FEWEST_SEGMENTS = 4;

export class PieceReads {
  readonly #store: PieceStore;
  readonly #geometry: Geometry;
  readonly #segmentBytes: number;
  readonly #pool: BufferPool;
  /** In order of last use, unused ones included, so that the oldest can make room. BOUNDED: by the pool. */
  readonly #segments = new Map<number, Segment>();

  constructor(options: { readonly store: PieceStore; readonly geometry: Geometry }) {
    this.#store = options.store;
    this.#geometry = options.geometry;
    this.#segmentBytes = Math.min(options.geometry.pieceBytes, MAX_LARGE_REQUEST_BYTES);
    this.#pool = new BufferPool({
      sizeBytes: this.#segmentBytes,
      capacity: Math.max(FEWEST_SEGMENTS, Math.floor(MAX_UPLOAD_BUFFER_BYTES / this.#segmentBytes)),
    });
  }

  pieceSize(piece: PieceIndex): number {
    return this.#geometry.pieceSize(piece);
  }

  /**
   * The part of a piece that holds `length` bytes from `begin` as far as the piece goes; more of it than was asked for
   * where that was read in one go. When all buffers are held, the bytes asked for alone if it is urgent, else undefined:
   * whoever holds a lease asks again when that is released. Rejects with the store's `StoreError`.
   */
  async lease(piece: PieceIndex, begin: number, length: number, isUrgent: boolean): Promise<Lease | undefined> {
    const end = Math.min(begin + length, this.#geometry.pieceSize(piece));
    const slot = Math.floor(begin / this.#segmentBytes);
    // A request across two segments is rare, small, and not worth keeping.
    if (end > (slot + 1) * this.#segmentBytes) return this.#leaseAlone(piece, begin, end - begin);
    const segment = this.#segmentOf(piece, slot);
    if (segment !== undefined) return this.#leaseOf(segment);
    return isUrgent ? this.#leaseAlone(piece, begin, end - begin) : undefined;
  }

  async #leaseAlone(piece: PieceIndex, begin: number, length: number): Promise<Lease> {
    const bytes = new Uint8Array(length);
    await this.#store.read(piece, begin, bytes);
    return { begin, bytes, end: this.#endOf(piece, begin + length), release: () => undefined };
  }

  #endOf(piece: PieceIndex, dataEnd: number): number {
    return dataEnd === this.#geometry.pieceSize(piece) ? this.#geometry.pieceBytes : dataEnd;
  }

  /** The segment, being read if it was not held; undefined when there is no buffer for it. */
  #segmentOf(piece: PieceIndex, slot: number): Segment | undefined {
    const key = piece * Math.ceil(this.#geometry.pieceBytes / this.#segmentBytes) + slot;
    const held = this.#segments.get(key);
    if (held !== undefined) return held;
    const buffer = this.#pool.take() ?? this.#evict();
    if (buffer === undefined) return undefined;
    const begin = slot * this.#segmentBytes;
    const bytes = buffer.subarray(0, Math.min(this.#segmentBytes, this.#geometry.pieceSize(piece) - begin));
    const end = this.#endOf(piece, begin + bytes.length);
    const segment: Segment = { key, begin, end, buffer, bytes, users: 0, ready: this.#store.read(piece, begin, bytes) };
    this.#segments.set(key, segment);
    return segment;
  }

  async #leaseOf(segment: Segment): Promise<Lease> {
    segment.users++;
    this.#segments.delete(segment.key);
    this.#segments.set(segment.key, segment);
    try {
      await segment.ready;
    } catch (error) {
      segment.users--;
      if (segment.users === 0) this.#discard(segment);
      throw error;
    }
    let released = false;
    return {
      begin: segment.begin,
      bytes: segment.bytes,
      end: segment.end,
      release: () => {
        if (released) return;
        released = true;
        segment.users--;
      },
    };
  }

  /** The buffer of the segment that has been unused for longest. */
  #evict(): Uint8Array | undefined {
    for (const segment of this.#segments.values()) {
      if (segment.users > 0) continue;
      this.#segments.delete(segment.key);
      return segment.buffer;
    }
    return undefined;
  }

  /** A segment whose read failed must not be found again. */
  #discard(segment: Segment): void {
    if (this.#segments.get(segment.key) === segment) this.#segments.delete(segment.key);
    this.#pool.give(segment.buffer);
  }
}
