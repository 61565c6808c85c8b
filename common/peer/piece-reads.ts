/**
 * Pieces read for upload, shared by all connections of a torrent: a piece that several peers ask for, or that one peer
 * asks for block by block, is read from the disk once.
 *
 * BOUNDED: by MAX_UPLOAD_BUFFER_BYTES, and, where peers that read slowly hold all of that, by one request of each
 * connection besides: nobody waits for another's peer.
 */
import { BufferPool } from '../base/buffers.ts';
import type { PieceIndex } from '../base/ids.ts';
import { IDLE_UPLOAD_BUFFER_BYTES, MAX_LARGE_REQUEST_BYTES, MAX_UPLOAD_BUFFER_BYTES } from '../base/limits.ts';
import type { PieceStore } from '../base/ports.ts';
import type { Geometry } from '../content/geometry.ts';
import { BLOCK_HEADER_BYTES, type BlockRef, encodeBlockHeader } from '../wire/peer-messages.ts';
import type { Relay } from './relay.ts';

/** Bytes of one piece from `begin` on, unchanged until `release`. */
export interface Lease {
  readonly begin: number;
  readonly bytes: Uint8Array;
  /** The message that answers a request for exactly `bytes`. */
  readonly message?: Uint8Array;
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
  readonly message: Uint8Array;
  users: number;
  /** Undefined once the bytes are there. */
  reading: Promise<void> | undefined;
}

const FEWEST_SEGMENTS = 4;

/** Room before the bytes for the head of a message, so that the two are one buffer, and a whole number of cache lines. */
const HEAD_BYTES = 64;

export class PieceReads {
  readonly #store: PieceStore;
  readonly #geometry: Geometry;
  readonly #relay: Relay;
  readonly #segmentBytes: number;
  readonly #pool: BufferPool;
  /** In order of last use, unused ones included, so that the oldest can make room. BOUNDED: by the pool. */
  readonly #segments = new Map<number, Segment>();
  /** How many of them nobody uses; past `#mostIdle` they are used again before another buffer is made. */
  #idle = 0;
  readonly #mostIdle: number;
  /** Sent in one message: nobody asks for the rest of it, and its buffer is still in the processor's cache. */
  #spent: Segment | undefined;

  /** `relay`: pieces that are not in the store yet. */
  constructor(options: { readonly store: PieceStore; readonly geometry: Geometry; readonly relay: Relay }) {
    this.#store = options.store;
    this.#geometry = options.geometry;
    this.#relay = options.relay;
    this.#segmentBytes = Math.min(options.geometry.pieceBytes, MAX_LARGE_REQUEST_BYTES);
    this.#mostIdle = Math.max(FEWEST_SEGMENTS, Math.floor(IDLE_UPLOAD_BUFFER_BYTES / this.#segmentBytes));
    const sizeBytes = HEAD_BYTES + this.#segmentBytes;
    const capacity = Math.max(FEWEST_SEGMENTS, Math.floor(MAX_UPLOAD_BUFFER_BYTES / sizeBytes));
    this.#pool = new BufferPool({ sizeBytes, capacity });
  }

  /** How much of the piece may be sent at present. */
  readyBytes(piece: PieceIndex): number {
    return this.#relay.has(piece) ? this.#relay.readyBytes(piece) : this.#geometry.pieceSize(piece);
  }

  /** False of bytes that are still on their way to us. */
  isReady({ piece, begin, length }: BlockRef): boolean {
    return !this.#relay.has(piece) || begin + length <= this.#relay.readyBytes(piece);
  }

  /**
   * What `lease` gives, before it returns: of bytes that are held already, or that the store can give at once. Undefined
   * where neither is so, or no buffer is left. Throws the store's `StoreError`.
   */
  leaseNow(piece: PieceIndex, begin: number, length: number): Lease | undefined {
    if (this.#relay.has(piece)) return this.#leaseRelayed(piece, begin, length);
    const slot = this.#slotOf(piece, begin, length);
    if (slot === undefined) return undefined;
    const key = this.#keyOf(piece, slot);
    const held = this.#segments.get(key);
    if (held !== undefined) return held.reading === undefined ? this.#leaseOf(held, length) : undefined;
    const segment = this.#store.readNow === undefined ? undefined : this.#makeSegment(piece, slot, key);
    if (segment === undefined) return undefined;
    let isRead = false;
    try {
      isRead = this.#store.readNow!(piece, segment.begin, segment.bytes);
    } finally {
      if (!isRead) this.#pool.give(segment.buffer);
    }
    return isRead ? this.#leaseOf(this.#keep(segment), length) : undefined;
  }

  /**
   * The part of a piece that holds `length` bytes from `begin` as far as the piece goes; more of it than was asked for
   * where that was read in one go. When all buffers are held, the bytes asked for alone if it is urgent, else undefined:
   * whoever holds a lease asks again when that is released. Rejects with the store's `StoreError`.
   */
  async lease(piece: PieceIndex, begin: number, length: number, isUrgent: boolean): Promise<Lease | undefined> {
    const slot = this.#slotOf(piece, begin, length);
    const segment = slot === undefined ? undefined : this.#segmentOf(piece, slot);
    if (segment !== undefined) return this.#leaseRead(segment, length);
    // A request across two segments is rare, small, and not worth keeping.
    if (slot !== undefined && !isUrgent) return undefined;
    return this.#leaseAlone(piece, begin, Math.min(length, this.#geometry.pieceSize(piece) - begin));
  }

  #leaseRelayed(piece: PieceIndex, begin: number, length: number): Lease | undefined {
    const loan = this.#relay.lend(piece, begin, length);
    return loan && { ...loan, end: loan.begin + loan.bytes.length };
  }

  /** The one segment that holds the bytes, as far as the piece goes. */
  #slotOf(piece: PieceIndex, begin: number, length: number): number | undefined {
    const end = Math.min(begin + length, this.#geometry.pieceSize(piece));
    const slot = Math.floor(begin / this.#segmentBytes);
    return end > (slot + 1) * this.#segmentBytes ? undefined : slot;
  }

  async #leaseAlone(piece: PieceIndex, begin: number, length: number): Promise<Lease> {
    const bytes = new Uint8Array(length);
    await this.#store.read(piece, begin, bytes);
    return { begin, bytes, end: this.#endOf(piece, begin + length), release: () => undefined };
  }

  #endOf(piece: PieceIndex, dataEnd: number): number {
    return dataEnd === this.#geometry.pieceSize(piece) ? this.#geometry.pieceBytes : dataEnd;
  }

  #keyOf(piece: PieceIndex, slot: number): number {
    return piece * Math.ceil(this.#geometry.pieceBytes / this.#segmentBytes) + slot;
  }

  /** The segment, being read if it was not held; undefined when there is no buffer for it. */
  #segmentOf(piece: PieceIndex, slot: number): Segment | undefined {
    const key = this.#keyOf(piece, slot);
    const held = this.#segments.get(key);
    if (held !== undefined) return held;
    const segment = this.#makeSegment(piece, slot, key);
    if (segment === undefined) return undefined;
    segment.reading = this.#store.read(piece, segment.begin, segment.bytes);
    return this.#keep(segment);
  }

  #keep(segment: Segment): Segment {
    this.#segments.set(segment.key, segment);
    this.#idle++;
    return segment;
  }

  /** Not read yet, and in a buffer that nothing else uses. */
  #makeSegment(piece: PieceIndex, slot: number, key: number): Segment | undefined {
    const spare = this.#takeSpent() ?? (this.#idle >= this.#mostIdle ? this.#evict() : undefined);
    const buffer = spare ?? this.#pool.take() ?? this.#evict();
    if (buffer === undefined) return undefined;
    const begin = slot * this.#segmentBytes;
    const length = Math.min(this.#segmentBytes, this.#geometry.pieceSize(piece) - begin);
    const bytes = buffer.subarray(HEAD_BYTES, HEAD_BYTES + length);
    const message = buffer.subarray(HEAD_BYTES - BLOCK_HEADER_BYTES, HEAD_BYTES + length);
    message.set(encodeBlockHeader(piece, begin, length));
    const end = this.#endOf(piece, begin + length);
    return { key, begin, end, buffer, bytes, message, users: 0, reading: undefined };
  }

  async #leaseRead(segment: Segment, length: number): Promise<Lease> {
    const lease = this.#leaseOf(segment, length);
    if (segment.reading === undefined) return lease;
    try {
      await segment.reading;
      segment.reading = undefined;
      return lease;
    } catch (error) {
      lease.release();
      if (segment.users === 0) this.#discard(segment);
      throw error;
    }
  }

  #leaseOf(segment: Segment, length: number): Lease {
    if (segment.users++ === 0) this.#idle--;
    this.#segments.delete(segment.key);
    this.#segments.set(segment.key, segment);
    let released = false;
    return {
      begin: segment.begin,
      bytes: segment.bytes,
      message: segment.message,
      end: segment.end,
      release: () => {
        if (released) return;
        released = true;
        if (--segment.users > 0) return;
        this.#idle++;
        if (length >= segment.bytes.length) this.#spent = segment;
      },
    };
  }

  #takeSpent(): Uint8Array | undefined {
    const segment = this.#spent;
    this.#spent = undefined;
    if (segment === undefined || segment.users > 0 || !this.#forget(segment)) return undefined;
    return segment.buffer;
  }

  /** The buffer of the segment that has been unused for longest. */
  #evict(): Uint8Array | undefined {
    for (const segment of this.#segments.values()) {
      if (segment.users > 0) continue;
      this.#forget(segment);
      return segment.buffer;
    }
    return undefined;
  }

  /** A segment whose read failed must not be found again. */
  #discard(segment: Segment): void {
    if (this.#forget(segment)) this.#pool.give(segment.buffer);
  }

  /** Of an unused segment; false when it was forgotten before. */
  #forget(segment: Segment): boolean {
    if (this.#segments.get(segment.key) !== segment) return false;
    this.#idle--;
    return this.#segments.delete(segment.key);
  }
}
