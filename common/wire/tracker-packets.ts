import { addressText } from '../base/address.ts';
import { equalBytes, looseText, readI32, readU16, readU32, utf8, writeU16, writeU32 } from '../base/bytes.ts';
import type { Decoded } from '../base/errors.ts';
import { decoded, malformed } from '../base/errors.ts';
import type { Endpoint, PeerId, WireHash } from '../base/ids.ts';
import { ANNOUNCE_REQUEST_BYTES, MAX_SCRAPE_HASHES, MIN_REQUEST_DATAGRAM_BYTES } from '../base/limits.ts';
import { decodeToolkitTtl, encodeAnnounceOptions } from './announce-options.ts';
import type { CatalogueRequest } from './catalogue-packets.ts';
import { decodeCatalogueRequest } from './catalogue-packets.ts';
import type { ConnectionId } from './tracker-header.ts';
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_ERROR,
  ACTION_SCRAPE,
  isToolkitAction,
  newRequest,
  newResponse,
  PROTOCOL_MAGIC,
  REQUEST_HEADER_BYTES,
  requestAction,
  requestTransactionId,
  RESPONSE_HEADER_BYTES,
} from './tracker-header.ts';

/**
 * The datagrams of a UDP tracker in both directions (BEP 15, 41, 7).
 *
 * Longer requests than expected are everyday: every client has its own tail. Longer answers than expected are
 * never sent: libtorrent reads whatever follows byte 20 of an announce answer as peers.
 */

/** In the order of the wire's numbers. `paused` is a partial seed: it wants nothing more, though something is left. */
export const EVENTS = ['none', 'completed', 'started', 'stopped', 'paused'] as const;
export type AnnounceEvent = (typeof EVENTS)[number];

export interface ConnectRequest {
  readonly kind: 'connect';
  readonly transactionId: number;
}

/** Byte fields are views of the datagram. */
export interface AnnounceRequest {
  readonly kind: 'announce';
  readonly transactionId: number;
  readonly infoHash: WireHash;
  readonly peerId: PeerId;
  readonly downloadedBytes: number;
  /** Exact up to 2^53, and 0 only when it is 0 on the wire. `Infinity` when sent: not known yet, 2^63 - 1. */
  readonly leftBytes: number;
  readonly uploadedBytes: number;
  readonly event: AnnounceEvent;
  readonly key: number;
  /** Peers asked for; negative leaves it to the tracker. */
  readonly wanted: number;
  /** 1 … 65535. */
  readonly port: number;
  /** Of a peer that beats as ours do: forget it this long after its last packet. Undefined: a foreign client. */
  readonly ttlS: number | undefined;
}

export interface ScrapeRequest {
  readonly kind: 'scrape';
  readonly transactionId: number;
  /** 1 … 74 hashes; views of the datagram. */
  readonly hashes: readonly WireHash[];
}

export type TrackerRequest = ConnectRequest | AnnounceRequest | ScrapeRequest | CatalogueRequest;

/**
 * What a datagram to a tracker is. Only an `answerable` fault may be answered, and only when its connection id is
 * good: answering anything else would serve whoever forges source addresses.
 */
export type ReceivedRequest = { readonly ok: true; readonly value: TrackerRequest } | RequestFault;
export type RequestFault = UnanswerableFault | AnswerableFault;
export interface UnanswerableFault {
  readonly ok: false;
  readonly answerable: false;
  readonly reason: 'short_packet' | 'wrong_magic' | 'unknown_action';
}
export interface AnswerableFault {
  readonly ok: false;
  readonly answerable: true;
  readonly reason: 'zero_port' | 'malformed_catalogue_request';
  readonly transactionId: number;
  /** The error's text for the client. */
  readonly text: string;
}

const SHORT: UnanswerableFault = { ok: false, answerable: false, reason: 'short_packet' };
const WRONG_MAGIC: UnanswerableFault = { ok: false, answerable: false, reason: 'wrong_magic' };
const UNKNOWN_ACTION: UnanswerableFault = { ok: false, answerable: false, reason: 'unknown_action' };

/** Reads one datagram as a tracker. Never throws; judges the length first. */
export function decodeRequest(bytes: Uint8Array): ReceivedRequest {
  if (bytes.length < MIN_REQUEST_DATAGRAM_BYTES) return SHORT;
  const action = requestAction(bytes);
  if (action === ACTION_ANNOUNCE) return decodeAnnounce(bytes);
  const transactionId = requestTransactionId(bytes);
  if (action === ACTION_CONNECT) {
    if (!equalBytes(bytes.subarray(0, 8), PROTOCOL_MAGIC)) return WRONG_MAGIC;
    return { ok: true, value: { kind: 'connect', transactionId } };
  }
  if (action === ACTION_SCRAPE) return decodeScrape(bytes, transactionId);
  if (!isToolkitAction(action)) return UNKNOWN_ACTION;
  const request = decodeCatalogueRequest(bytes);
  if (request.ok) return request;
  const reason = request.reason === 'zero-port' ? 'zero_port' : 'malformed_catalogue_request';
  return { ok: false, answerable: true, reason, transactionId, text: request.text };
}

/**
 * 16 info hash | 36 peer id | 56 downloaded u64 | 64 left u64 | 72 uploaded u64 | 80 event u32 | 84 IPv4 u32 |
 * 88 key u32 | 92 num_want i32 | 96 port u16 | 98 options. The IPv4 field is not read: whoever asks is who it is.
 */
function decodeAnnounce(bytes: Uint8Array): ReceivedRequest {
  if (bytes.length < ANNOUNCE_REQUEST_BYTES) return SHORT;
  const port = readU16(bytes, 96);
  const transactionId = requestTransactionId(bytes);
  if (port === 0) return { ok: false, answerable: true, reason: 'zero_port', transactionId, text: 'port 0' };
  return {
    ok: true,
    value: {
      kind: 'announce',
      transactionId,
      infoHash: bytes.subarray(16, 36) as WireHash,
      peerId: bytes.subarray(36, 56) as PeerId,
      downloadedBytes: readAmount(bytes, 56),
      leftBytes: readAmount(bytes, 64),
      uploadedBytes: readAmount(bytes, 72),
      event: EVENTS[readU32(bytes, 80)] ?? 'none',
      key: readU32(bytes, 88),
      wanted: readI32(bytes, 92),
      port,
      ttlS: decodeToolkitTtl(bytes, ANNOUNCE_REQUEST_BYTES),
    },
  };
}

/** A scrape may end raggedly; hashes past what one answer can hold are left out. */
function decodeScrape(bytes: Uint8Array, transactionId: number): ReceivedRequest {
  const count = Math.min(MAX_SCRAPE_HASHES, Math.floor((bytes.length - REQUEST_HEADER_BYTES) / 20));
  if (count === 0) return SHORT;
  const hashes = Array.from({ length: count }, (_, i) => bytes.subarray(16 + 20 * i, 36 + 20 * i) as WireHash);
  return { ok: true, value: { kind: 'scrape', transactionId, hashes } };
}

/* ---- requests: what a client sends ---- */

export const encodeConnectRequest = (transactionId: number): Uint8Array =>
  newRequest(REQUEST_HEADER_BYTES, PROTOCOL_MAGIC, ACTION_CONNECT, transactionId);

/** An announce as a client means it; the exchange adds the connection id and the transaction id. */
export interface Announce extends Omit<AnnounceRequest, 'kind' | 'transactionId'> {
  /** Path and query of the tracker's URL (BEP 41); empty for none. */
  readonly urlPath: string;
}

export function encodeAnnounceRequest(id: ConnectionId, transactionId: number, announce: Announce): Uint8Array {
  const options = encodeAnnounceOptions(announce.ttlS, announce.urlPath);
  const bytes = newRequest(ANNOUNCE_REQUEST_BYTES + options.length, id, ACTION_ANNOUNCE, transactionId);
  bytes.set(announce.infoHash, 16);
  bytes.set(announce.peerId, 36);
  writeAmount(bytes, 56, announce.downloadedBytes);
  writeAmount(bytes, 64, announce.leftBytes);
  writeAmount(bytes, 72, announce.uploadedBytes);
  writeU32(bytes, 80, EVENTS.indexOf(announce.event));
  writeU32(bytes, 88, announce.key);
  writeU32(bytes, 92, announce.wanted);
  writeU16(bytes, 96, announce.port);
  bytes.set(options, ANNOUNCE_REQUEST_BYTES);
  return bytes;
}

export function encodeScrapeRequest(id: ConnectionId, transactionId: number, hashes: readonly WireHash[]): Uint8Array {
  const bytes = newRequest(REQUEST_HEADER_BYTES + 20 * hashes.length, id, ACTION_SCRAPE, transactionId);
  for (const [i, hash] of hashes.entries()) bytes.set(hash, REQUEST_HEADER_BYTES + 20 * i);
  return bytes;
}

/* ---- responses ---- */

/** What stands in front of the peers. */
export const ANNOUNCE_RESPONSE_BYTES = 20;
export type AddressBytes = 4 | 16;

export function encodeConnectResponse(transactionId: number, id: Uint8Array): Uint8Array {
  const bytes = newResponse(16, ACTION_CONNECT, transactionId);
  bytes.set(id, 8);
  return bytes;
}

export interface AnnounceResponse {
  readonly intervalS: number;
  readonly leechers: number;
  readonly seeders: number;
  /** Compact peers: address and port of each, nothing between. */
  readonly peers: Uint8Array;
}

export function encodeAnnounceResponse(transactionId: number, answer: AnnounceResponse): Uint8Array {
  const bytes = new Uint8Array(ANNOUNCE_RESPONSE_BYTES + answer.peers.length);
  writeAnnounceHead(transactionId, answer, bytes);
  bytes.set(answer.peers, ANNOUNCE_RESPONSE_BYTES);
  return bytes;
}

/** Writes what stands in front of the peers, who are there already. */
export function writeAnnounceHead(
  transactionId: number,
  answer: Omit<AnnounceResponse, 'peers'>,
  into: Uint8Array,
): void {
  writeU32(into, 0, ACTION_ANNOUNCE);
  writeU32(into, 4, transactionId);
  writeU32(into, 8, answer.intervalS);
  writeU32(into, 12, answer.leechers);
  writeU32(into, 16, answer.seeders);
}

export interface SwarmCounts {
  readonly seeders: number;
  readonly completed: number;
  readonly leechers: number;
}

export function encodeScrapeResponse(transactionId: number, counts: readonly SwarmCounts[]): Uint8Array {
  const bytes = newResponse(RESPONSE_HEADER_BYTES + 12 * counts.length, ACTION_SCRAPE, transactionId);
  for (const [i, one] of counts.entries()) {
    writeU32(bytes, 8 + 12 * i, one.seeders);
    writeU32(bytes, 12 + 12 * i, one.completed);
    writeU32(bytes, 16 + 12 * i, one.leechers);
  }
  return bytes;
}

export function encodeErrorResponse(transactionId: number, text: string): Uint8Array {
  const words = utf8(text);
  const bytes = newResponse(RESPONSE_HEADER_BYTES + words.length, ACTION_ERROR, transactionId);
  bytes.set(words, RESPONSE_HEADER_BYTES);
  return bytes;
}

/* ---- responses: what a client reads; the caller has matched action and transaction id ---- */

export type ResponseReason = 'too short' | 'ragged length';

export function decodeConnectResponse(bytes: Uint8Array): Decoded<ConnectionId, ResponseReason> {
  return bytes.length < 16 ? malformed('too short') : decoded(bytes.slice(8, 16) as ConnectionId);
}

export interface AnnounceAnswer {
  readonly intervalS: number;
  readonly leechers: number;
  readonly seeders: number;
  readonly peers: readonly Endpoint[];
}

/** The family of the packet says how long a peer is (BEP 15). Port 0, which some trackers hand out, is left out. */
export function decodeAnnounceResponse(
  bytes: Uint8Array,
  addressBytes: AddressBytes,
): Decoded<AnnounceAnswer, ResponseReason> {
  if (bytes.length < ANNOUNCE_RESPONSE_BYTES) return malformed('too short');
  const stride = addressBytes + 2;
  if ((bytes.length - ANNOUNCE_RESPONSE_BYTES) % stride !== 0) return malformed('ragged length');
  const peers: Endpoint[] = [];
  for (let at = ANNOUNCE_RESPONSE_BYTES; at < bytes.length; at += stride) {
    const port = readU16(bytes, at + addressBytes);
    if (port !== 0) peers.push({ host: addressText(bytes.subarray(at, at + addressBytes)), port });
  }
  return decoded({ intervalS: readU32(bytes, 8), leechers: readU32(bytes, 12), seeders: readU32(bytes, 16), peers });
}

/** Counts in the order of the hashes asked for; fewer when the tracker answers fewer. */
export function decodeScrapeResponse(bytes: Uint8Array): Decoded<readonly SwarmCounts[], ResponseReason> {
  if (bytes.length < RESPONSE_HEADER_BYTES) return malformed('too short');
  if ((bytes.length - RESPONSE_HEADER_BYTES) % 12 !== 0) return malformed('ragged length');
  const counts: SwarmCounts[] = [];
  for (let at = RESPONSE_HEADER_BYTES; at < bytes.length; at += 12) {
    const [seeders, completed, leechers] = [readU32(bytes, at), readU32(bytes, at + 4), readU32(bytes, at + 8)];
    counts.push({ seeders, completed, leechers });
  }
  return decoded(counts);
}

export const decodeErrorText = (bytes: Uint8Array): string => looseText(bytes.subarray(RESPONSE_HEADER_BYTES));

/* ---- amounts ---- */

const UNKNOWN_AMOUNT_HIGH = 0x7fff_ffff;

/** Sums past 2^53 lose their last digits, never their size: 0 is 0 and 1 is not. */
export const readAmount = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at) * 2 ** 32 + readU32(bytes, at + 4);

function writeAmount(bytes: Uint8Array, at: number, amount: number): void {
  const known = amount < 2 ** 63;
  writeU32(bytes, at, known ? Math.floor(amount / 2 ** 32) : UNKNOWN_AMOUNT_HIGH);
  writeU32(bytes, at + 4, known ? amount % 2 ** 32 : 0xffff_ffff);
}
