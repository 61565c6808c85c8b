/**
 * The extension protocol of one connection (BEP 10): what we offer, what the peer offers, and the numbers each side
 * gave to the messages it takes. No number is ever used that the peer did not announce: real clients disconnect.
 */
import { addressBytes } from '../base/address.ts';
import { concatBytes, readU32, writeU32 } from '../base/bytes.ts';
import type { Endpoint } from '../base/ids.ts';
import {
  BLOCK_BYTES,
  DEFAULT_REQUEST_QUEUE,
  MAX_LARGE_REQUEST_BYTES,
  MAX_METADATA_BYTES,
  MAX_METADATA_MESSAGE_BYTES,
  MAX_OUTSTANDING_REQUESTS,
  MAX_PARTS,
  MAX_QUEUED_REQUESTS,
} from '../base/limits.ts';
import { CLIENT_NAME } from '../base/product.ts';
import { DIGEST_BYTES } from '../content/merkle.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeMetadataMessage,
  type ExtendedHandshake,
  type MetadataMessage,
} from '../wire/extended.ts';
import { encodeExtended } from '../wire/peer-messages.ts';
import { decodePex, encodePex, type PexMessage } from '../wire/pex.ts';

/** Our numbers for the messages we take. */
const OWN_ID = {
  /** BEP 11. */
  pex: 1,
  /** BEP 9. */
  metadata: 2,
  /** BEP 21. */
  uploadOnly: 3,
  /** BEP 54. */
  dontHave: 7,
  /** Four bytes, a piece: it is on its way to the sender, who can give its first part, and the others as they come. */
  coming: 8,
  /** Four bytes, a piece of which blocks follow, and the hashes of its parts: as many as it is to be cut into. */
  parts: 9,
} as const;
const ALWAYS_TAKEN = [
  ['ut_metadata', OWN_ID.metadata],
  ['upload_only', OWN_ID.uploadOnly],
  ['lt_donthave', OWN_ID.dontHave],
  ['tk_coming', OWN_ID.coming],
  ['tk_parts', OWN_ID.parts],
] as const;

export type ExtendedTaken =
  | { readonly kind: 'handshake'; readonly handshake: ExtendedHandshake }
  | { readonly kind: 'metadata'; readonly message: MetadataMessage }
  | { readonly kind: 'pex'; readonly message: PexMessage }
  | { readonly kind: 'dont-have'; readonly piece: number }
  | { readonly kind: 'coming'; readonly piece: number }
  | { readonly kind: 'parts'; readonly piece: number; readonly hashes: Uint8Array }
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed' };

export interface OwnExtendedFacts {
  readonly listenPort: number;
  readonly remote: Endpoint;
  readonly uploadOnly: boolean;
  /** Whether hearsay of peers is welcome: not of a private torrent (BEP 27). */
  readonly takesPex: boolean;
  readonly metadataBytes?: number;
}

export class Extensions {
  /** Both sides set the bit; ours always is. */
  supported = false;
  #remoteMetadataId = 0;
  #remotePexId = 0;
  #remoteUploadOnlyId = 0;
  #remoteDontHaveId = 0;
  #remoteComingId = 0;
  #remotePartsId = 0;
  #isUploadOnly = false;
  #offeredPex = false;
  #metadataBytes: number | undefined;
  #maxRequestBytes = BLOCK_BYTES;
  #requestQueue = DEFAULT_REQUEST_QUEUE;
  #client: string | undefined;
  #listenPort: number | undefined;
  #heard = false;

  /** The peer's handshake has come. */
  get heard(): boolean {
    return this.#heard;
  }

  get client(): string | undefined {
    return this.#client;
  }

  /** The port the peer listens on, when it said so. */
  get listenPort(): number | undefined {
    return this.#listenPort;
  }

  /** Size of the info dictionary that can be asked of the peer. */
  get metadataBytes(): number | undefined {
    return this.#remoteMetadataId === 0 ? undefined : this.#metadataBytes;
  }

  get takesPex(): boolean {
    return this.#remotePexId !== 0;
  }

  /** It takes pieces that are passed on before they are whole, and passes on such itself. */
  get passesOn(): boolean {
    return this.#remoteComingId !== 0 && this.#remotePartsId !== 0 && this.#remoteDontHaveId !== 0;
  }

  /** The peer wants nothing (BEP 21). */
  get isUploadOnly(): boolean {
    return this.#isUploadOnly;
  }

  /** How many requests the peer keeps for us, less than it says and than we want. */
  get requestQueue(): number {
    return Math.min(this.#requestQueue, MAX_OUTSTANDING_REQUESTS);
  }

  /** The longest block for both sides; both know it once the peer's handshake is here. */
  blockBytes(pieceBytes: number | undefined): number {
    return Math.max(BLOCK_BYTES, Math.min(MAX_LARGE_REQUEST_BYTES, this.#maxRequestBytes, pieceBytes ?? BLOCK_BYTES));
  }

  /** Our handshake as a whole message. */
  encodeOwn(facts: OwnExtendedFacts): Uint8Array {
    const yourIp = addressBytes(facts.remote.host);
    const payload = encodeExtendedHandshake({
      ids: this.#ownIds(facts.takesPex),
      client: CLIENT_NAME,
      requestQueue: MAX_QUEUED_REQUESTS,
      maxRequestBytes: MAX_LARGE_REQUEST_BYTES,
      uploadOnly: facts.uploadOnly,
      ...(facts.listenPort > 0 ? { listenPort: facts.listenPort } : {}),
      ...(facts.metadataBytes === undefined ? {} : { metadataBytes: facts.metadataBytes }),
      ...(yourIp === undefined ? {} : { yourIp }),
    });
    return encodeExtended(0, payload);
  }

  /** A ut_metadata message to the peer, or undefined when it takes none. */
  encodeMetadata(message: Exclude<MetadataMessage, { type: 'unknown' }>): Uint8Array | undefined {
    if (this.#remoteMetadataId === 0) return undefined;
    return encodeExtended(this.#remoteMetadataId, encodeMetadataMessage(message));
  }

  /** A ut_pex message to the peer, or undefined when it takes none. */
  encodePex(message: PexMessage): Uint8Array | undefined {
    return this.#remotePexId === 0 ? undefined : encodeExtended(this.#remotePexId, encodePex(message));
  }

  /** Says that from now on we want nothing, or something again; undefined when the peer takes no such message. */
  encodeUploadOnly(uploadOnly: boolean): Uint8Array | undefined {
    if (this.#remoteUploadOnlyId === 0) return undefined;
    return encodeExtended(this.#remoteUploadOnlyId, Uint8Array.of(Number(uploadOnly)));
  }

  /** Says that a piece is on its way to us; for a peer that `passesOn`. */
  encodeComing(piece: number): Uint8Array {
    return encodeExtended(this.#remoteComingId, indexBytes(piece));
  }

  /** Takes that back; for a peer that `passesOn`. */
  encodeDontHave(piece: number): Uint8Array {
    return encodeExtended(this.#remoteDontHaveId, indexBytes(piece));
  }

  /** The hashes of a piece's parts, before its blocks; for a peer that `passesOn`. */
  encodeParts(piece: number, hashes: Uint8Array): Uint8Array {
    return encodeExtended(this.#remotePartsId, concatBytes([indexBytes(piece), hashes]));
  }

  /** What was offered before it was known to be private is taken back. */
  #ownIds(takesPex: boolean): ReadonlyMap<string, number> {
    const ids = new Map<string, number>(ALWAYS_TAKEN);
    if (takesPex) ids.set('ut_pex', OWN_ID.pex);
    else if (this.#offeredPex) ids.set('ut_pex', 0);
    this.#offeredPex ||= takesPex;
    return ids;
  }

  /** Reads the payload of message 20: our number for it, and the rest. */
  take(payload: Uint8Array): ExtendedTaken {
    const body = payload.subarray(1);
    switch (payload[0]) {
      case 0:
        return this.#takeHandshake(body);
      case OWN_ID.metadata:
        return takeMetadata(body);
      case OWN_ID.pex:
        return takePex(body);
      case OWN_ID.uploadOnly:
        return this.#takeUploadOnly(body);
      case OWN_ID.dontHave:
        return body.length === 4 ? { kind: 'dont-have', piece: readU32(body, 0) } : { kind: 'malformed' };
      case OWN_ID.coming:
        return body.length === 4 ? { kind: 'coming', piece: readU32(body, 0) } : { kind: 'malformed' };
      case OWN_ID.parts:
        return takeParts(body);
      default:
        return { kind: 'other' };
    }
  }

  /** One byte, 0 or 1 (BEP 21). */
  #takeUploadOnly(body: Uint8Array): ExtendedTaken {
    if (body.length !== 1) return { kind: 'malformed' };
    this.#isUploadOnly = body[0] !== 0;
    return { kind: 'other' };
  }

  /** Later handshakes add to the first (BEP 10). */
  #takeHandshake(body: Uint8Array): ExtendedTaken {
    const parsed = decodeExtendedHandshake(body);
    if (!parsed.ok) return { kind: 'malformed' };
    const handshake = parsed.value;
    this.#heard = true;
    this.#remoteMetadataId = handshake.ids.get('ut_metadata') ?? this.#remoteMetadataId;
    this.#remotePexId = handshake.ids.get('ut_pex') ?? this.#remotePexId;
    this.#remoteUploadOnlyId = handshake.ids.get('upload_only') ?? this.#remoteUploadOnlyId;
    this.#remoteDontHaveId = handshake.ids.get('lt_donthave') ?? this.#remoteDontHaveId;
    this.#remoteComingId = handshake.ids.get('tk_coming') ?? this.#remoteComingId;
    this.#remotePartsId = handshake.ids.get('tk_parts') ?? this.#remotePartsId;
    this.#isUploadOnly = handshake.uploadOnly ?? this.#isUploadOnly;
    this.#maxRequestBytes = handshake.maxRequestBytes ?? this.#maxRequestBytes;
    this.#requestQueue = Math.max(1, handshake.requestQueue ?? this.#requestQueue);
    this.#client = handshake.client ?? this.#client;
    this.#listenPort = handshake.listenPort ?? this.#listenPort;
    const { metadataBytes } = handshake;
    if (metadataBytes !== undefined && metadataBytes > 0 && metadataBytes <= MAX_METADATA_BYTES) {
      this.#metadataBytes = metadataBytes;
    }
    return { kind: 'handshake', handshake };
  }
}

/** A view. Whether the hashes are those of the piece is for others to find out. */
function takeParts(body: Uint8Array): ExtendedTaken {
  const count = (body.length - 4) / DIGEST_BYTES;
  const isPowerOfTwo = Number.isInteger(count) && count >= 2 && (count & (count - 1)) === 0;
  if (!isPowerOfTwo || count > MAX_PARTS) return { kind: 'malformed' };
  return { kind: 'parts', piece: readU32(body, 0), hashes: body.subarray(4) };
}

function indexBytes(piece: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, piece);
  return bytes;
}

function takeMetadata(body: Uint8Array): ExtendedTaken {
  if (body.length >= MAX_METADATA_MESSAGE_BYTES) return { kind: 'malformed' };
  const message = decodeMetadataMessage(body);
  return message.ok ? { kind: 'metadata', message: message.value } : { kind: 'malformed' };
}

function takePex(body: Uint8Array): ExtendedTaken {
  const message = decodePex(body);
  return message.ok ? { kind: 'pex', message: message.value } : { kind: 'malformed' };
}
