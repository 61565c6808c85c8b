import { readU32, writeU32 } from '../base/bytes.ts';

/**
 * Which nodes of a file's merkle tree are meant (BEP 52): the whole of a hash request and of its reject, and the head
 * of the answer.
 */
export interface HashRequest {
  /** `pieces root` of the file: 32 bytes. */
  readonly root: Uint8Array;
  /** Height above the 16 KiB leaves of the nodes asked for. */
  readonly baseLayer: number;
  /** The first node, counted in that layer from the start of the file. */
  readonly index: number;
  /** Count of nodes. */
  readonly length: number;
  /** Layers of proof above the base layer, those inside the nodes asked for included. */
  readonly proofLayers: number;
}

/** Root 32, then base layer, index, length and proof layers as 32-bit numbers. */
export const HASH_REQUEST_BYTES = 48;

/** Writes 48 bytes at `offset`; the caller has made the room. */
export function encodeHashRequest(into: Uint8Array, offset: number, request: HashRequest): void {
  into.set(request.root, offset);
  writeU32(into, offset + 32, request.baseLayer);
  writeU32(into, offset + 36, request.index);
  writeU32(into, offset + 40, request.length);
  writeU32(into, offset + 44, request.proofLayers);
}

/** Reads 48 bytes at `offset`, which the caller has checked to be there. The root is a copy. */
export function decodeHashRequest(bytes: Uint8Array, offset: number): HashRequest {
  return {
    root: bytes.slice(offset, offset + 32),
    baseLayer: readU32(bytes, offset + 32),
    index: readU32(bytes, offset + 36),
    length: readU32(bytes, offset + 40),
    proofLayers: readU32(bytes, offset + 44),
  };
}
