import type { PeerId, WireHash } from '../base/ids.ts';
import { HANDSHAKE_BYTES } from '../base/limits.ts';
import {
  couldBeHandshake,
  decodeHandshakeHead,
  decodeHandshakePeerId,
  HANDSHAKE_HEAD_BYTES,
  type HandshakeFlags,
} from '../wire/peer-messages.ts';

/** How far the other side's handshake has come. */
export type OpeningStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'not-bittorrent' }
  | { readonly kind: 'head'; readonly flags: HandshakeFlags; readonly wireHash: WireHash };

/**
 * Collects the other side's handshake as it comes. The head (48 bytes) is told as soon as it is there, since an
 * acceptor answers before the peer id, which some peers hold back until then (BEP 3).
 */
export class Opening {
  readonly #bytes = new Uint8Array(HANDSHAKE_BYTES);
  #filled = 0;
  #headTold = false;

  /** Takes what belongs to the handshake and says how much that was. */
  collect(bytes: Uint8Array): number {
    const count = Math.min(HANDSHAKE_BYTES - this.#filled, bytes.length);
    this.#bytes.set(bytes.subarray(0, count), this.#filled);
    this.#filled += count;
    return count;
  }

  /** What the bytes so far amount to; a wrong byte is known at once, so that encrypting clients soon fall back. */
  step(): OpeningStep {
    if (!couldBeHandshake(this.#bytes.subarray(0, this.#filled))) return { kind: 'not-bittorrent' };
    if (this.#headTold || this.#filled < HANDSHAKE_HEAD_BYTES) return { kind: 'more' };
    this.#headTold = true;
    return { kind: 'head', ...decodeHandshakeHead(this.#bytes) };
  }

  /** The peer id, when all 68 bytes are there. */
  get peerId(): PeerId | undefined {
    return this.#filled === HANDSHAKE_BYTES ? decodeHandshakePeerId(this.#bytes) : undefined;
  }
}
