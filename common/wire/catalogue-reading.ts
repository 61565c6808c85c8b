import { readU16, readU32, readU64, utf8, utf8Text, writeU16, writeU32, writeU64 } from '../base/bytes.ts';
import type { Decoded } from '../base/errors.ts';
import { decoded, malformed } from '../base/errors.ts';
import type { InfoHashV2, WireHash } from '../base/ids.ts';
import { MAX_CATALOGUE_QUERY_BYTES } from '../base/limits.ts';
import type { CatalogueEntry } from './catalogue-entry.ts';
import { entryBytes, readEntries, writeEntry } from './catalogue-entry.ts';
import type { ReceivedCatalogue } from './catalogue-errors.ts';
import { fault } from './catalogue-errors.ts';
import type { ConnectionId } from './tracker-header.ts';
import {
  ACTION_HELLO,
  ACTION_LIST,
  ACTION_LOOKUP,
  newRequest,
  newResponse,
  REQUEST_HEADER_BYTES,
  requestTransactionId,
} from './tracker-header.ts';

/** The catalogue's datagrams for those who look: hello, list and lookup, in both directions. */

/* ---- hello: nothing behind the header ---- */

export interface HelloRequest {
  readonly kind: 'hello';
  readonly transactionId: number;
}

/** The bit of each operation in a hello answer. */
export const ALL_OPERATIONS = 0b11_1111;

export interface HelloAnswer {
  readonly operations: number;
  readonly intervalS: number;
  readonly maxEntriesPerSource: number;
  readonly maxHeartbeatHashes: number;
}

export const encodeHelloRequest = (id: ConnectionId, transactionId: number): Uint8Array =>
  newRequest(REQUEST_HEADER_BYTES, id, ACTION_HELLO, transactionId);

export function encodeHelloResponse(transactionId: number, answer: HelloAnswer): Uint8Array {
  const bytes = newResponse(18, ACTION_HELLO, transactionId);
  writeU32(bytes, 8, answer.operations);
  writeU16(bytes, 12, answer.intervalS);
  writeU16(bytes, 14, answer.maxEntriesPerSource);
  writeU16(bytes, 16, answer.maxHeartbeatHashes);
  return bytes;
}

export function decodeHelloResponse(bytes: Uint8Array): Decoded<HelloAnswer, 'too short'> {
  if (bytes.length < 18) return malformed('too short');
  return decoded({
    operations: readU32(bytes, 8),
    intervalS: readU16(bytes, 12),
    maxEntriesPerSource: readU16(bytes, 14),
    maxHeartbeatHashes: readU16(bytes, 16),
  });
}

/* ---- list: 16 cursor u64 | 24 max u16 | 26 reserved | 27 query length u8 | 28 query ---- */

export interface ListRequest {
  readonly kind: 'list';
  readonly transactionId: number;
  /** 0 for the first page, else what the last answer gave. */
  readonly cursor: bigint;
  /** Entries at most; 0 for as many as fit. */
  readonly max: number;
  readonly query: string;
}

export interface List {
  readonly cursor: bigint;
  readonly max: number;
  /** At most 64 bytes of UTF-8. */
  readonly query: string;
}

export function encodeListRequest(id: ConnectionId, transactionId: number, list: List): Uint8Array {
  const query = utf8(list.query);
  const bytes = newRequest(28 + query.length, id, ACTION_LIST, transactionId);
  writeU64(bytes, 16, list.cursor);
  writeU16(bytes, 24, list.max);
  bytes[27] = query.length;
  bytes.set(query, 28);
  return bytes;
}

export function decodeList(bytes: Uint8Array): ReceivedCatalogue<ListRequest> {
  if (bytes.length < 28) return fault('malformed', 'list is too short');
  const length = bytes[27]!;
  if (length > MAX_CATALOGUE_QUERY_BYTES) {
    return fault('malformed', `a query has at most ${MAX_CATALOGUE_QUERY_BYTES} bytes`);
  }
  const query = 28 + length > bytes.length ? undefined : utf8Text(bytes.subarray(28, 28 + length));
  if (query === undefined) return fault('malformed', 'a query is UTF-8 and whole');
  const transactionId = requestTransactionId(bytes);
  const cursor = readU64(bytes, 16);
  return { ok: true, value: { kind: 'list', transactionId, cursor, max: readU16(bytes, 24), query } };
}

export interface ListAnswer {
  /** What to ask next; 0 at the end. */
  readonly nextCursor: bigint;
  /** Entries that match altogether, as far as the tracker looked. */
  readonly matches: number;
  readonly entries: readonly CatalogueEntry[];
}

/** What a list answer takes before its entries. */
export const LIST_ANSWER_BYTES = 22;

export function encodeListResponse(transactionId: number, answer: ListAnswer): Uint8Array {
  const sizeBytes = answer.entries.reduce((sum, entry) => sum + entryBytes(entry), LIST_ANSWER_BYTES);
  const bytes = newResponse(sizeBytes, ACTION_LIST, transactionId);
  writeU64(bytes, 8, answer.nextCursor);
  writeU32(bytes, 16, answer.matches);
  writeU16(bytes, 20, answer.entries.length);
  let at = LIST_ANSWER_BYTES;
  for (const entry of answer.entries) at = writeEntry(bytes, at, { ...entry, infoBytes: undefined });
  return bytes;
}

export function decodeListResponse(bytes: Uint8Array): Decoded<ListAnswer, 'too short' | 'bad entry'> {
  if (bytes.length < LIST_ANSWER_BYTES) return malformed('too short');
  const entries = readEntries(bytes, LIST_ANSWER_BYTES, readU16(bytes, 20), false);
  if (entries === undefined) return malformed('bad entry');
  return decoded({ nextCursor: readU64(bytes, 8), matches: readU32(bytes, 16), entries });
}

/* ---- lookup: 16 kind u8 | 17 length u8 | 18 value ---- */

export interface LookupRequest {
  readonly kind: 'lookup';
  readonly transactionId: number;
  readonly by: LookupKey;
}
export type LookupKey =
  | { readonly kind: 'swarm'; readonly hash: WireHash }
  | { readonly kind: 'v2'; readonly hash: InfoHashV2 }
  | { readonly kind: 'name'; readonly name: string };

const LOOKUP_KINDS = ['swarm', 'v2', 'name'] as const;

export function encodeLookupRequest(id: ConnectionId, transactionId: number, by: LookupKey): Uint8Array {
  const value = by.kind === 'name' ? utf8(by.name) : by.hash;
  const bytes = newRequest(18 + value.length, id, ACTION_LOOKUP, transactionId);
  bytes[16] = LOOKUP_KINDS.indexOf(by.kind);
  bytes[17] = value.length;
  bytes.set(value, 18);
  return bytes;
}

export function decodeLookup(bytes: Uint8Array): ReceivedCatalogue<LookupRequest> {
  if (bytes.length < 18) return fault('malformed', 'lookup is too short');
  const end = 18 + bytes[17]!;
  const by = end > bytes.length ? undefined : lookupKey(LOOKUP_KINDS[bytes[16]!], bytes.slice(18, end));
  if (by === undefined) return fault('malformed', 'lookup by a hash of 20 or 32 bytes, or by a name');
  return { ok: true, value: { kind: 'lookup', transactionId: requestTransactionId(bytes), by } };
}

function lookupKey(kind: LookupKey['kind'] | undefined, value: Uint8Array): LookupKey | undefined {
  if (kind === 'swarm' && value.length === 20) return { kind, hash: value as WireHash };
  if (kind === 'v2' && value.length === 32) return { kind, hash: value as InfoHashV2 };
  if (kind !== 'name' || value.length === 0) return undefined;
  const name = utf8Text(value);
  return name === undefined ? undefined : { kind, name };
}

/** What a lookup answer takes before its entries, and behind each. */
export const LOOKUP_ANSWER_BYTES = 10;
export const LOOKUP_ENTRY_EXTRA_BYTES = 4;

export function encodeLookupResponse(
  transactionId: number,
  entries: readonly (CatalogueEntry & { readonly infoBytes: number })[],
): Uint8Array {
  const sizeBytes = entries.reduce(
    (sum, entry) => sum + entryBytes(entry) + LOOKUP_ENTRY_EXTRA_BYTES,
    LOOKUP_ANSWER_BYTES,
  );
  const bytes = newResponse(sizeBytes, ACTION_LOOKUP, transactionId);
  writeU16(bytes, 8, entries.length);
  let at = LOOKUP_ANSWER_BYTES;
  for (const entry of entries) at = writeEntry(bytes, at, entry);
  return bytes;
}

export function decodeLookupResponse(bytes: Uint8Array): Decoded<readonly CatalogueEntry[], 'too short' | 'bad entry'> {
  if (bytes.length < LOOKUP_ANSWER_BYTES) return malformed('too short');
  const entries = readEntries(bytes, LOOKUP_ANSWER_BYTES, readU16(bytes, 8), true);
  return entries === undefined ? malformed('bad entry') : decoded(entries);
}
