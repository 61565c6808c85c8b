/**
 * The extension protocol of one connection (BEP 10): what we offer, what the peer offers, and the numbers each side
 * gave to the messages it takes. No number is ever used that the peer did not announce: real clients disconnect.
 */
import { addressBytes } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import {
  BLOCK_BYTES,
  DEFAULT_REQUEST_QUEUE,
  MAX_LARGE_REQUEST_BYTES,
  MAX_METADATA_BYTES,
  MAX_METADATA_MESSAGE_BYTES,
  MAX_OUTSTANDING_REQUESTS,
  MAX_QUEUED_REQUESTS,
} from '../base/limits.ts';
import { CLIENT_NAME } from '../base/product.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeMetadataMessage,
  type ExtendedHandshake,
  type MetadataMessage,
} from '../wire/extended.ts';
import { encodeExtended } from '../wire/peer-messages.ts';

/** Our number for ut_metadata (BEP 9). */
const OWN_METADATA_ID = 2;
const OWN_IDS: ReadonlyMap<string, number> = new Map([['ut_metadata', OWN_METADATA_ID]]);

export type ExtendedTaken =
  | { readonly kind: 'handshake'; readonly handshake: ExtendedHandshake }
  | { readonly kind: 'metadata'; readonly message: MetadataMessage }
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed' };

export interface OwnExtendedFacts {
  readonly listenPort: number;
  readonly remote: Endpoint;
  readonly uploadOnly: boolean;
  readonly metadataBytes?: number;
}

export class Extensions {
  /** Both sides set the bit; ours always is. */
  supported = false;
  #remoteMetadataId = 0;
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
      ids: OWN_IDS,
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

  /** Reads the payload of message 20: our number for it, and the rest. */
  take(payload: Uint8Array): ExtendedTaken {
    const body = payload.subarray(1);
    if (payload[0] === 0) return this.#takeHandshake(body);
    if (payload[0] !== OWN_METADATA_ID) return { kind: 'other' };
    if (payload.length > MAX_METADATA_MESSAGE_BYTES) return { kind: 'malformed' };
    const message = decodeMetadataMessage(body);
    return message.ok ? { kind: 'metadata', message: message.value } : { kind: 'malformed' };
  }

  /** Later handshakes add to the first (BEP 10). */
  #takeHandshake(body: Uint8Array): ExtendedTaken {
    const parsed = decodeExtendedHandshake(body);
    if (!parsed.ok) return { kind: 'malformed' };
    const handshake = parsed.value;
    this.#heard = true;
    this.#remoteMetadataId = handshake.ids.get('ut_metadata') ?? this.#remoteMetadataId;
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
