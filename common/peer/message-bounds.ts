/** How long each message may be, judged before any memory is given to it. Lengths count the id and the payload. */
import { BLOCK_BYTES, MAX_EXTENDED_MESSAGE_BYTES, MAX_PROOF_LAYERS, MAX_SMALL_MESSAGE_BYTES } from '../base/limits.ts';
import { HASH_REQUEST_BYTES } from '../wire/hash-request.ts';
import type { FrameBounds } from '../wire/peer-frames.ts';
import { MESSAGE } from '../wire/peer-messages.ts';

export interface BoundsFacts {
  /** The piece count, or the largest there can be. */
  readonly pieceCount: number;
  readonly pieceCountIsKnown: boolean;
  /** The longest block agreed on. */
  readonly longestBlockBytes: number;
  /** Hashes in the longest hash request we have open; 0 when none is. */
  readonly hashesAsked: number;
}

const exactly = (length: number): FrameBounds => ({ min: length, max: length });
const BARE = exactly(1);
const INDEX = exactly(5);
const PORT = exactly(3);
const BLOCK_REF = exactly(13);
const HASH_REF = exactly(1 + HASH_REQUEST_BYTES);
const EXTENDED: FrameBounds = { min: 2, max: MAX_EXTENDED_MESSAGE_BYTES };
const UNKNOWN: FrameBounds = { min: 1, max: MAX_SMALL_MESSAGE_BYTES };

export function messageBounds(id: number, facts: BoundsFacts): FrameBounds {
  switch (id) {
    case MESSAGE.choke:
    case MESSAGE.unchoke:
    case MESSAGE.interested:
    case MESSAGE.notInterested:
    case MESSAGE.haveAll:
    case MESSAGE.haveNone:
      return BARE;
    case MESSAGE.have:
    case MESSAGE.suggest:
    case MESSAGE.allowedFast:
      return INDEX;
    case MESSAGE.port:
      return PORT;
    case MESSAGE.request:
    case MESSAGE.cancel:
    case MESSAGE.reject:
      return BLOCK_REF;
    case MESSAGE.bitfield: {
      const length = 1 + Math.ceil(facts.pieceCount / 8);
      return facts.pieceCountIsKnown ? exactly(length) : { min: 2, max: length };
    }
    case MESSAGE.piece:
      return { min: 1 + 8 + 1, max: 1 + 8 + Math.max(facts.longestBlockBytes, BLOCK_BYTES) };
    case MESSAGE.extended:
      return EXTENDED;
    case MESSAGE.hashRequest:
    case MESSAGE.hashReject:
      return HASH_REF;
    case MESSAGE.hashes:
      // Unasked ones fit only if they are as short as a proof, and then count as an offence.
      return { min: HASH_REF.min, max: HASH_REF.max + 32 * (facts.hashesAsked + MAX_PROOF_LAYERS) };
    default:
      return UNKNOWN;
  }
}
