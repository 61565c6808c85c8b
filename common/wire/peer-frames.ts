/**
 * Cuts a peer's byte stream into messages (BEP 3: length, id, payload), wherever the network cut it.
 *
 * A length is judged as soon as the id is known and before any memory is given. Block data is never collected here:
 * it is passed on as it comes, so that it is copied once, by whoever owns the piece.
 *
 * BOUNDED: by the longest message that the judge lets pass, one at a time.
 */
import { readU32 } from '../base/bytes.ts';
import { MESSAGE } from './peer-messages.ts';

/** What a reader does with what it finds. Every view is valid only during the call. Returning false stops reading. */
export interface FrameSink {
  /** The longest `length` (id and payload, as in the prefix) acceptable for this id; exact lengths are `min === max`. */
  bounds(id: number): FrameBounds;
  keepAlive(): void;
  message(id: number, payload: Uint8Array): boolean;
  /** A block of `length` data bytes begins; its bytes follow. */
  blockStart(piece: number, begin: number, length: number): boolean;
  blockBytes(offset: number, view: Uint8Array): void;
  blockEnd(): boolean;
}

export interface FrameBounds {
  readonly min: number;
  readonly max: number;
}

const HEAD = 0;
const BLOCK_HEAD = 1;
const BLOCK_DATA = 2;
const BODY = 3;
const STOPPED = 4;

/** Index and begin of a piece message. */
const BLOCK_REF_BYTES = 8;

export type FrameFault = 'length' /* does not fit its id, or is over its bound */ | 'stopped'; /* the sink said so */

export class FrameReader {
  readonly #sink: FrameSink;
  #state = HEAD;
  /** Collects what was cut: a head, a block's head, or a body when it does not lie whole in one view. */
  readonly #head = new Uint8Array(5 + BLOCK_REF_BYTES);
  #headFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;
  #id = 0;
  #payloadBytes = 0;
  #blockOffset = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes of the stream, in pieces of any size. A fault is final: the connection must be closed. */
  push(view: Uint8Array): FrameFault | undefined {
    let at = 0;
    while (at < view.length || (this.#state === BODY && this.#payloadBytes === 0)) {
      switch (this.#state) {
        case HEAD: {
          at = this.#takeHead(view, at);
          if (this.#headFilled < 5) break;
          const fault = this.#judgeHead();
          if (fault !== undefined) return this.#stop(fault);
          break;
        }
        case BLOCK_HEAD:
          at = this.#takeBlockHead(view, at);
          break;
        case BLOCK_DATA:
          at = this.#takeBlockData(view, at);
          break;
        case BODY:
          at = this.#takeBody(view, at);
          break;
        default:
          return 'stopped';
      }
    }
    return this.#state === STOPPED ? 'stopped' : undefined;
  }

  #stop(fault: FrameFault): FrameFault {
    this.#state = STOPPED;
    this.#body = undefined;
    return fault;
  }

  /** Fills the head up to `wanted` bytes; the new position. */
  #collect(view: Uint8Array, at: number, wanted: number): number {
    const count = Math.min(wanted - this.#headFilled, view.length - at);
    for (let i = 0; i < count; i++) this.#head[this.#headFilled + i] = view[at + i]!;
    this.#headFilled += count;
    return at + count;
  }

  #takeHead(view: Uint8Array, at: number): number {
    const next = this.#collect(view, at, 4);
    if (this.#headFilled < 4) return next;
    if (readU32(this.#head, 0) !== 0) return this.#collect(view, next, 5);
    this.#headFilled = 0;
    this.#sink.keepAlive();
    return next;
  }

  /** Once length and id are there: is the length one that this id may have? */
  #judgeHead(): FrameFault | undefined {
    const length = readU32(this.#head, 0);
    this.#id = this.#head[4]!;
    const { min, max } = this.#sink.bounds(this.#id);
    if (length < min || length > max) return 'length';
    this.#headFilled = 0;
    this.#payloadBytes = length - 1;
    this.#bodyFilled = 0;
    this.#state = this.#id === MESSAGE.piece ? BLOCK_HEAD : BODY;
    return undefined;
  }

  #takeBlockHead(view: Uint8Array, at: number): number {
    const next = this.#collect(view, at, BLOCK_REF_BYTES);
    if (this.#headFilled < BLOCK_REF_BYTES) return next;
    this.#headFilled = 0;
    this.#blockOffset = 0;
    this.#payloadBytes -= BLOCK_REF_BYTES;
    const goesOn = this.#sink.blockStart(readU32(this.#head, 0), readU32(this.#head, 4), this.#payloadBytes);
    if (!goesOn) this.#state = STOPPED;
    else if (this.#payloadBytes === 0) this.#endBlock();
    else this.#state = BLOCK_DATA;
    return next;
  }

  #takeBlockData(view: Uint8Array, at: number): number {
    const count = Math.min(this.#payloadBytes - this.#blockOffset, view.length - at);
    this.#sink.blockBytes(this.#blockOffset, view.subarray(at, at + count));
    this.#blockOffset += count;
    if (this.#blockOffset === this.#payloadBytes) this.#endBlock();
    return at + count;
  }

  #endBlock(): void {
    this.#state = this.#sink.blockEnd() ? HEAD : STOPPED;
  }

  #takeBody(view: Uint8Array, at: number): number {
    if (this.#body === undefined && view.length - at >= this.#payloadBytes) {
      const next = at + this.#payloadBytes;
      this.#deliver(view.subarray(at, next));
      return next;
    }
    this.#body ??= new Uint8Array(this.#payloadBytes);
    const count = Math.min(this.#payloadBytes - this.#bodyFilled, view.length - at);
    this.#body.set(view.subarray(at, at + count), this.#bodyFilled);
    this.#bodyFilled += count;
    if (this.#bodyFilled === this.#payloadBytes) {
      const body = this.#body;
      this.#body = undefined;
      this.#deliver(body);
    }
    return at + count;
  }

  #deliver(payload: Uint8Array): void {
    this.#state = HEAD;
    if (!this.#sink.message(this.#id, payload)) this.#state = STOPPED;
  }
}
