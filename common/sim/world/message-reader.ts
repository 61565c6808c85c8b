import { HANDSHAKE_BYTES, MIB } from '../../base/limits.ts';
import { FrameReader } from '../../wire/peer-frames.ts';
import { type BlockRef, decodeHandshakeHead, type HandshakeFlags } from '../../wire/peer-messages.ts';

/** What comes by on one direction of a connection between peers. Views are valid only during the call. */
export interface MessageSink {
  handshake(flags: HandshakeFlags): void;
  message(id: number, payload: Uint8Array): void;
  blockStart(ref: BlockRef): void;
  blockBytes(offset: number, view: Uint8Array): void;
}

/** No message of ours is longer. */
const LONGEST_MESSAGE_BYTES = 2 * MIB;

/** Reads along on one direction of a connection. What is no message ends the reading, and nothing else. */
export class MessageReader {
  readonly #sink: MessageSink;
  readonly #opening = new Uint8Array(HANDSHAKE_BYTES);
  readonly #frames: FrameReader;
  #filled = 0;
  #isOver = false;

  constructor(sink: MessageSink) {
    this.#sink = sink;
    this.#frames = new FrameReader({
      bounds: () => ({ min: 1, max: LONGEST_MESSAGE_BYTES }),
      keepAlive: () => {},
      message: (id, payload) => {
        sink.message(id, payload);
        return true;
      },
      blockStart: (piece, begin, length) => {
        sink.blockStart({ piece, begin, length });
        return true;
      },
      blockBytes: (offset, view) => sink.blockBytes(offset, view),
      blockEnd: () => true,
    });
  }

  /** False when these bytes are no message, or there were such before. */
  push(bytes: Uint8Array): boolean {
    if (this.#isOver) return false;
    const taken = Math.min(HANDSHAKE_BYTES - this.#filled, bytes.length);
    if (taken > 0) {
      this.#opening.set(bytes.subarray(0, taken), this.#filled);
      this.#filled += taken;
      if (this.#filled === HANDSHAKE_BYTES) this.#sink.handshake(decodeHandshakeHead(this.#opening).flags);
    }
    this.#isOver = this.#frames.push(bytes.subarray(taken)) !== undefined;
    return !this.#isOver;
  }
}
