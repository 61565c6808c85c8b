/**
 * Peer messages as bytes (BEP 3, 6, 10, 52). Everything here is a fixed layout over plain arrays; a stream is cut
 * into messages by `peer-frames`.
 */
import { readU32, utf8, writeU32 } from '../base/bytes.ts';
import { HANDSHAKE_BYTES } from '../base/limits.ts';
import type { PeerId, WireHash } from '../base/ids.ts';
import { encodeHashRequest, HASH_REQUEST_BYTES, type HashRequest } from './hash-request.ts';

export const MESSAGE = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13 /* BEP 6 from here … */,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17 /* … to here */,
  extended: 20 /* BEP 10 */,
  hashRequest: 21 /* BEP 52 from here … */,
  hashes: 22,
  hashReject: 23,
} as const;

/** Message header of a block: length, id, index, begin. The data follows. */
export const BLOCK_HEADER_BYTES = 13;

/** What a handshake's reserved bytes say. */
export interface HandshakeFlags {
  /** BEP 10. */
  readonly extended: boolean;
  /** BEP 6. */
  readonly fast: boolean;
  /** BEP 52: "I can upgrade this hybrid connection to v2". Only ever set together with a v1 hash. */
  readonly upgrade: boolean;
}

export interface Handshake {
  readonly flags: HandshakeFlags;
  readonly wireHash: WireHash;
  readonly peerId: PeerId;
}

const PROTOCOL = Uint8Array.of(19, ...utf8('BitTorrent protocol'));
/** Bytes of the protocol string with its length. */
const PROTOCOL_BYTES = PROTOCOL.length;
/** The part that names the swarm: protocol, reserved, info hash. An acceptor answers after it (BEP 3). */
export const HANDSHAKE_HEAD_BYTES = 48;

/** 68 bytes: 0x13, "BitTorrent protocol", 8 reserved, 20 info hash, 20 peer id (BEP 3). */
export function encodeHandshake(handshake: Handshake): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_BYTES);
  bytes.set(PROTOCOL);
  if (handshake.flags.extended) bytes[25] = 0x10;
  bytes[27] = (handshake.flags.fast ? 0x04 : 0) | (handshake.flags.upgrade ? 0x10 : 0);
  bytes.set(handshake.wireHash, 28);
  bytes.set(handshake.peerId, 48);
  return bytes;
}

/** Whether the bytes so far can be the start of a handshake; a single wrong byte is known at once. */
export function couldBeHandshake(head: Uint8Array): boolean {
  const compared = Math.min(head.length, PROTOCOL_BYTES);
  for (let i = 0; i < compared; i++) if (head[i] !== PROTOCOL[i]) return false;
  return true;
}

/** Flags and info hash of the first 48 bytes, which the caller knows to be there. */
export function decodeHandshakeHead(bytes: Uint8Array): {
  readonly flags: HandshakeFlags;
  readonly wireHash: WireHash;
} {
  return {
    flags: {
      extended: (bytes[25]! & 0x10) !== 0,
      fast: (bytes[27]! & 0x04) !== 0,
      upgrade: (bytes[27]! & 0x10) !== 0,
    },
    wireHash: bytes.slice(28, 48) as WireHash,
  };
}

/** The peer id of a whole handshake. */
export const decodeHandshakePeerId = (bytes: Uint8Array): PeerId => bytes.slice(48, HANDSHAKE_BYTES) as PeerId;

/** Length prefix zero (BEP 3). */
export const encodeKeepAlive = (): Uint8Array => new Uint8Array(4);

/** A message that is only its id: choke … not interested, have all, have none. */
export function encodeBare(id: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[3] = 1;
  bytes[4] = id;
  return bytes;
}

export function encodeHave(piece: number): Uint8Array {
  const bytes = message(MESSAGE.have, 4);
  writeU32(bytes, 5, piece);
  return bytes;
}

/** `bits` in wire layout, spare bits zero. */
export function encodeBitfield(bits: Uint8Array): Uint8Array {
  const bytes = message(MESSAGE.bitfield, bits.length);
  bytes.set(bits, 5);
  return bytes;
}

/** Request, cancel or reject: index, begin, length. */
export function encodeBlockRef(id: number, piece: number, begin: number, length: number): Uint8Array {
  const bytes = message(id, 12);
  writeU32(bytes, 5, piece);
  writeU32(bytes, 9, begin);
  writeU32(bytes, 13, length);
  return bytes;
}

export interface BlockRef {
  readonly piece: number;
  readonly begin: number;
  readonly length: number;
}

/** The twelve payload bytes of request, cancel or reject. */
export const decodeBlockRef = (payload: Uint8Array): BlockRef => ({
  piece: readU32(payload, 0),
  begin: readU32(payload, 4),
  length: readU32(payload, 8),
});

/** The thirteen bytes before a block of `length` bytes. */
export function encodeBlockHeader(piece: number, begin: number, length: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_HEADER_BYTES);
  writeU32(bytes, 0, 9 + length);
  bytes[4] = MESSAGE.piece;
  writeU32(bytes, 5, piece);
  writeU32(bytes, 9, begin);
  return bytes;
}

/** An extended message; `id` 0 is the handshake, else the receiver's number (BEP 10). */
export function encodeExtended(id: number, payload: Uint8Array): Uint8Array {
  const bytes = message(MESSAGE.extended, 1 + payload.length);
  bytes[5] = id;
  bytes.set(payload, 6);
  return bytes;
}

/** Hash request, or the reject that repeats it (BEP 52). */
export function encodeHashMessage(id: number, request: HashRequest): Uint8Array {
  const bytes = message(id, HASH_REQUEST_BYTES);
  encodeHashRequest(bytes, 5, request);
  return bytes;
}

/** The request repeated, then the base hashes and the uncles (BEP 52). */
export function encodeHashes(request: HashRequest, hashes: Uint8Array): Uint8Array {
  const bytes = message(MESSAGE.hashes, HASH_REQUEST_BYTES + hashes.length);
  encodeHashRequest(bytes, 5, request);
  bytes.set(hashes, 5 + HASH_REQUEST_BYTES);
  return bytes;
}

function message(id: number, payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(5 + payloadBytes);
  writeU32(bytes, 0, 1 + payloadBytes);
  bytes[4] = id;
  return bytes;
}
