/**
 * Messages of the extension protocol: its handshake (BEP 10) and the exchange of the info dictionary, ut_metadata
 * (BEP 9). Both directions; payloads are what follows the extended id.
 */
import { concatBytes, looseText, utf8Text } from '../base/bytes.ts';
import { decoded, malformed, type Decoded } from '../base/errors.ts';
import {
  BLOCK_BYTES,
  MAX_CLIENT_NAME_CHARS,
  MAX_EXTENDED_DEPTH,
  MAX_EXTENDED_ITEMS,
  MAX_EXTENDED_MESSAGE_BYTES,
  MAX_METADATA_BYTES,
  MAX_METADATA_MESSAGE_BYTES,
  MAX_REQUEST_OFFER_BYTES,
} from '../base/limits.ts';
import {
  asBytes,
  asInt,
  bencodeDict,
  decodeBencode,
  dictEntries,
  dictGet,
  encodeBencode,
  type BNode,
} from './bencode.ts';
import type { BencodeReason } from './bencode-scan.ts';

/** What a peer says of itself. What is missing was not said, or not in a form that means anything. */
export interface ExtendedHandshake {
  /** The numbers the peer gave to the messages it takes, by their names; 0 takes one back. */
  readonly ids: ReadonlyMap<string, number>;
  readonly listenPort?: number;
  /** Text from outside, cut to a sane length, without control characters. */
  readonly client?: string;
  /** Requests it keeps for us (`reqq`). */
  readonly requestQueue?: number;
  /** Size of the info dictionary as claimed: not judged, not verified. */
  readonly metadataBytes?: number;
  /** It wants nothing (BEP 21). */
  readonly uploadOnly?: boolean;
  /** The longest block it asks for and serves (`tk_maxreq`): a power of two from 16 KiB to 1 MiB. */
  readonly maxRequestBytes?: number;
}

export type ExtendedReason = BencodeReason | 'it is no dictionary';

/** Payload of extended message 0. */
export function decodeExtendedHandshake(payload: Uint8Array): Decoded<ExtendedHandshake, ExtendedReason> {
  const limits = { depth: MAX_EXTENDED_DEPTH, items: MAX_EXTENDED_ITEMS, bytes: MAX_EXTENDED_MESSAGE_BYTES };
  const result = decodeBencode(payload, limits, { anyKeyOrder: true });
  if (!result.ok) return result;
  const root = result.value;
  if (root.kind !== 'dict') return malformed('it is no dictionary');
  const listenPort = asInt(dictGet(root, 'p'), 1, 65_535);
  const client = clientName(asBytes(dictGet(root, 'v')));
  const requestQueue = asInt(dictGet(root, 'reqq'));
  const metadataBytes = asInt(dictGet(root, 'metadata_size'));
  const uploadOnly = asInt(dictGet(root, 'upload_only'));
  const maxRequestBytes = blockOffer(asInt(dictGet(root, 'tk_maxreq')));
  return decoded({
    ids: messageIds(dictGet(root, 'm')),
    ...(listenPort === undefined ? {} : { listenPort }),
    ...(client === undefined ? {} : { client }),
    ...(requestQueue === undefined ? {} : { requestQueue }),
    ...(metadataBytes === undefined ? {} : { metadataBytes }),
    ...(uploadOnly === undefined ? {} : { uploadOnly: uploadOnly !== 0 }),
    ...(maxRequestBytes === undefined ? {} : { maxRequestBytes }),
  });
}

/** Payload of extended message 0. `yourIp` is the peer's address as we see it, 4 or 16 bytes. */
export function encodeExtendedHandshake(handshake: ExtendedHandshake & { readonly yourIp?: Uint8Array }): Uint8Array {
  const { uploadOnly } = handshake;
  return encodeBencode(
    bencodeDict([
      ['m', bencodeDict([...handshake.ids])],
      ['metadata_size', handshake.metadataBytes],
      ['p', handshake.listenPort],
      ['reqq', handshake.requestQueue],
      ['tk_maxreq', handshake.maxRequestBytes],
      ['upload_only', uploadOnly === undefined ? undefined : Number(uploadOnly)],
      ['v', handshake.client],
      ['yourip', handshake.yourIp],
    ]),
  );
}

/** A number that was given to two messages names neither: what is sent under it could be taken for the other. */
function messageIds(node: BNode | undefined): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  const nameOf = new Map<number, string>();
  for (const [key, value] of dictEntries(node)) {
    const name = utf8Text(key);
    const id = asInt(value, 0, 255);
    if (name === undefined || id === undefined) continue;
    const other = nameOf.get(id);
    if (id !== 0 && other !== undefined) {
      ids.delete(other);
    } else {
      ids.set(name, id);
      nameOf.set(id, name);
    }
  }
  return ids;
}

function clientName(bytes: Uint8Array | undefined): string | undefined {
  if (bytes !== undefined && isPlain(bytes)) return looseText(bytes);
  // A character takes at most four bytes.
  const text = bytes && looseText(bytes.subarray(0, 4 * MAX_CLIENT_NAME_CHARS)).replaceAll(/\p{C}/gu, '');
  return text === undefined || text === '' ? undefined : Array.from(text).slice(0, MAX_CLIENT_NAME_CHARS).join('');
}

/** A name of few printable ASCII characters, as most are: taken as it is. */
const isPlain = (bytes: Uint8Array): boolean =>
  bytes.length > 0 && bytes.length <= MAX_CLIENT_NAME_CHARS && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);

function blockOffer(bytes: number | undefined): number | undefined {
  if (bytes === undefined || bytes < BLOCK_BYTES || bytes > MAX_REQUEST_OFFER_BYTES) return undefined;
  return (bytes & (bytes - 1)) === 0 ? bytes : undefined;
}

/** Blocks are 16 KiB of the info dictionary, the last one short (BEP 9). */
export type MetadataMessage =
  | { readonly type: 'request'; readonly block: number }
  | { readonly type: 'data'; readonly block: number; readonly totalBytes: number; readonly data: Uint8Array }
  | { readonly type: 'reject'; readonly block: number }
  | { readonly type: 'unknown' /* to be ignored */ };

export type MetadataReason = ExtendedReason | 'it has no type' | 'it has no block number' | 'its size is impossible';

const METADATA_TYPES = { request: 0, data: 1, reject: 2 } as const;

/**
 * Payload of a ut_metadata message. `data` is a view, of the very length that the block has in a dictionary of
 * `totalBytes`, which is within the limit; whether that is the true size is for the reader to judge.
 */
export function decodeMetadataMessage(payload: Uint8Array): Decoded<MetadataMessage, MetadataReason> {
  const limits = { depth: MAX_EXTENDED_DEPTH, items: MAX_EXTENDED_ITEMS, bytes: MAX_METADATA_MESSAGE_BYTES };
  const result = decodeBencode(payload, limits, { allowTrailing: true, anyKeyOrder: true });
  if (!result.ok) return result;
  const root = result.value;
  if (root.kind !== 'dict') return malformed('it is no dictionary');
  const type = asInt(dictGet(root, 'msg_type'), Number.MIN_SAFE_INTEGER);
  if (type === undefined) return malformed('it has no type');
  if (type < METADATA_TYPES.request || type > METADATA_TYPES.reject) return decoded({ type: 'unknown' });
  const block = asInt(dictGet(root, 'piece'));
  if (block === undefined) return malformed('it has no block number');
  if (type === METADATA_TYPES.request) return decoded({ type: 'request', block });
  if (type === METADATA_TYPES.reject) return decoded({ type: 'reject', block });
  const data = payload.subarray(root.end);
  const totalBytes = asInt(dictGet(root, 'total_size'), 1, MAX_METADATA_BYTES);
  if (totalBytes === undefined || data.length === 0) return malformed('its size is impossible');
  const dueBytes = Math.min(BLOCK_BYTES, totalBytes - block * BLOCK_BYTES);
  if (data.length !== dueBytes) return malformed('its size is impossible');
  return decoded({ type: 'data', block, totalBytes, data });
}

/** Payload of a ut_metadata message. */
export function encodeMetadataMessage(message: Exclude<MetadataMessage, { readonly type: 'unknown' }>): Uint8Array {
  const dict = encodeBencode(
    bencodeDict([
      ['msg_type', METADATA_TYPES[message.type]],
      ['piece', message.block],
      ['total_size', message.type === 'data' ? message.totalBytes : undefined],
    ]),
  );
  return message.type === 'data' ? concatBytes([dict, message.data]) : dict;
}
