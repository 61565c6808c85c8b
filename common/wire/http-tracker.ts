import { addressText, canonicalAddress } from '../base/address.ts';
import { looseText, readU16 } from '../base/bytes.ts';
import type { Decoded } from '../base/errors.ts';
import { decoded, malformed } from '../base/errors.ts';
import type { Endpoint, PeerId, WireHash } from '../base/ids.ts';
import {
  MAX_BENCODE_DEPTH,
  MAX_HTTP_TRACKER_ANSWER_BYTES,
  MAX_HTTP_TRACKER_ITEMS,
  MAX_HTTP_TRACKER_PEERS,
  MAX_TRACKER_ID_BYTES,
} from '../base/limits.ts';
import type { BencodeValue, BNode } from './bencode.ts';
import { asBytes, asInt, bencodeDict, decodeBencode, dictGet, encodeBencode, listItems } from './bencode.ts';
import { escapeBytes, queryParameters, unescapeBytes } from './http-query.ts';
import type { AnnounceEvent } from './tracker-packets.ts';

/**
 * Announces over HTTP in both directions: parameters of a query, and a bencoded dictionary for an answer (BEP 3), with
 * peers as bytes rather than dictionaries (BEP 23) and in two families (BEP 7).
 */

/* ---- the question ---- */

export interface HttpAnnounce {
  readonly infoHash: WireHash;
  readonly peerId: PeerId;
  readonly port: number;
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  /** `Infinity`: not known yet. */
  readonly leftBytes: number;
  readonly event: AnnounceEvent;
  readonly key: number;
  readonly wanted: number;
  /** What this tracker gave last time. */
  readonly trackerId: Uint8Array | undefined;
}

/** What a left that is not known looks like: 2^63 - 1, as in a UDP announce. */
const UNKNOWN_AMOUNT = '9223372036854775807';
const amountText = (amount: number): string => (amount < 2 ** 63 ? BigInt(amount).toString() : UNKNOWN_AMOUNT);

export function announceQuery(announce: HttpAnnounce): string {
  const { event, trackerId } = announce;
  return [
    `info_hash=${escapeBytes(announce.infoHash)}`,
    `peer_id=${escapeBytes(announce.peerId)}`,
    `port=${announce.port}`,
    `uploaded=${amountText(announce.uploadedBytes)}`,
    `downloaded=${amountText(announce.downloadedBytes)}`,
    `left=${amountText(announce.leftBytes)}`,
    `key=${announce.key.toString(16).padStart(8, '0')}`,
    ...(event === 'none' ? [] : [`event=${event}`]),
    `numwant=${announce.wanted}`,
    'compact=1',
    'no_peer_id=1',
    ...(trackerId === undefined ? [] : [`trackerid=${escapeBytes(trackerId)}`]),
  ].join('&');
}

/** An announce as a tracker reads it. The peer's address is the connection's: `ip`, `ipv4` and `ipv6` are not read. */
export interface HttpAnnounceRequest {
  readonly infoHash: WireHash;
  /** 1 … 65535. */
  readonly port: number;
  /** 0 only when it is; `Infinity` when it is not said, or makes no sense. */
  readonly leftBytes: number;
  readonly event: AnnounceEvent;
  /** Negative leaves it to the tracker. */
  readonly wanted: number;
  /** Peers as bytes; else as dictionaries. */
  readonly compact: boolean;
}

export type HttpAnnounceReason = 'info_hash is missing' | 'info_hash is not 20 bytes' | 'port is missing' | 'port 0';

const EVENTS: ReadonlySet<string> = new Set(['started', 'completed', 'stopped', 'paused']);

/** Of a name that comes twice the first counts. Never throws. */
export function parseAnnounceQuery(query: string): Decoded<HttpAnnounceRequest, HttpAnnounceReason> {
  const values = new Map<string, string>();
  for (const [name, value] of queryParameters(query)) if (!values.has(name)) values.set(name, value);
  const hashText = values.get('info_hash');
  if (hashText === undefined) return malformed('info_hash is missing');
  const infoHash = unescapeBytes(hashText);
  if (infoHash.length !== 20) return malformed('info_hash is not 20 bytes');
  const port = wholeNumber(values.get('port'));
  if (port === undefined || port > 0xffff) return malformed('port is missing');
  if (port === 0) return malformed('port 0');
  const event = values.get('event') ?? '';
  return decoded({
    infoHash: infoHash as WireHash,
    port,
    leftBytes: wholeNumber(values.get('left')) ?? Infinity,
    event: EVENTS.has(event) ? (event as AnnounceEvent) : 'none',
    wanted: wholeNumber(values.get('numwant')) ?? -1,
    compact: values.get('compact') !== '0',
  });
}

/** Past 2^53 rounded, but 0 only for 0. */
const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : undefined;

/* ---- the answer, as a client reads it ---- */

export interface HttpAnnounceAnswer {
  readonly intervalS: number | undefined;
  /** Not to be asked again before. */
  readonly minIntervalS: number | undefined;
  /** Undefined: the tracker does not say. */
  readonly seeders: number | undefined;
  readonly leechers: number | undefined;
  readonly peers: readonly Endpoint[];
  readonly trackerId: Uint8Array | undefined;
  readonly warning: string | undefined;
}

export type HttpAnswerReason = 'no bencode' | 'no dictionary' | 'peers that are none';

/** An answer, or what the tracker says is wrong. */
export type HttpTrackerAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refused: true; readonly reason: string }
  | { readonly ok: false; readonly refused: false; readonly reason: HttpAnswerReason };

/** Reads an announce's answer. Peers that cannot be (port 0, a name for an address) are left out. */
export function decodeAnnounceAnswer(bytes: Uint8Array): HttpTrackerAnswer<HttpAnnounceAnswer> {
  const root = decodeAnswer(bytes);
  if (!root.ok) return root;
  const dict = root.value;
  const peers = readPeers(dictGet(dict, 'peers'), 4);
  const peers6 = readPeers(dictGet(dict, 'peers6'), 16);
  if (peers === undefined || peers6 === undefined) {
    return { ok: false, refused: false, reason: 'peers that are none' };
  }
  const trackerId = asBytes(dictGet(dict, 'tracker id'));
  const warning = asBytes(dictGet(dict, 'warning message'));
  return decoded({
    intervalS: asInt(dictGet(dict, 'interval')),
    minIntervalS: asInt(dictGet(dict, 'min interval')),
    seeders: asInt(dictGet(dict, 'complete')),
    leechers: asInt(dictGet(dict, 'incomplete')),
    peers: [...peers, ...peers6].slice(0, MAX_HTTP_TRACKER_PEERS),
    trackerId: trackerId === undefined || trackerId.length > MAX_TRACKER_ID_BYTES ? undefined : trackerId.slice(),
    warning: warning === undefined ? undefined : looseText(warning),
  });
}

/** The dictionary of any answer, unless it is a failure. Trackers may end it with a newline, or not sort its keys. */
export function decodeAnswer(bytes: Uint8Array): HttpTrackerAnswer<BNode> {
  const root = decodeBencode(
    bytes,
    { depth: MAX_BENCODE_DEPTH, items: MAX_HTTP_TRACKER_ITEMS, bytes: MAX_HTTP_TRACKER_ANSWER_BYTES },
    { allowTrailing: true, anyKeyOrder: true },
  );
  if (!root.ok) return { ok: false, refused: false, reason: 'no bencode' };
  if (root.value.kind !== 'dict') return { ok: false, refused: false, reason: 'no dictionary' };
  const failure = asBytes(dictGet(root.value, 'failure reason'));
  if (failure !== undefined) return { ok: false, refused: true, reason: looseText(failure) };
  return root;
}

/** Undefined for what is neither; nothing for no peers. */
function readPeers(node: BNode | undefined, addressLength: 4 | 16): Endpoint[] | undefined {
  if (node === undefined) return [];
  const bytes = asBytes(node);
  if (bytes !== undefined) return compactPeers(bytes, addressLength);
  return node.kind === 'list' ? peersOfDicts(node) : undefined;
}

function compactPeers(bytes: Uint8Array, addressLength: 4 | 16): Endpoint[] | undefined {
  const stride = addressLength + 2;
  if (bytes.length % stride !== 0) return undefined;
  const peers: Endpoint[] = [];
  for (let at = 0; at < bytes.length && peers.length < MAX_HTTP_TRACKER_PEERS; at += stride) {
    const port = readU16(bytes, at + addressLength);
    if (port !== 0) peers.push({ host: addressText(bytes.subarray(at, at + addressLength)), port });
  }
  return peers;
}

/** BEP 3 allows a name for `ip`; nobody is looked up because a tracker says so. */
function peersOfDicts(list: BNode): Endpoint[] {
  const peers: Endpoint[] = [];
  for (const one of listItems(list)) {
    if (peers.length === MAX_HTTP_TRACKER_PEERS) break;
    const host = canonicalAddress(looseText(asBytes(dictGet(one, 'ip')) ?? new Uint8Array()));
    const port = asInt(dictGet(one, 'port'), 1, 0xffff);
    if (host !== undefined && port !== undefined) peers.push({ host, port });
  }
  return peers;
}

/* ---- the answer, as a tracker writes it ---- */

export interface AnnounceFacts {
  readonly intervalS: number;
  readonly minIntervalS: number;
  readonly seeders: number;
  readonly leechers: number;
  readonly completed: number;
  /** Compact peers, of the asker's family. */
  readonly peers: Uint8Array;
}

/** Peers of dictionaries have no peer id: a tracker that goes by addresses knows none (BEP 3: `no_peer_id`). */
export function encodeAnnounceAnswer(facts: AnnounceFacts, addressLength: number, compact: boolean): Uint8Array {
  const isV4 = addressLength === 4;
  const listed = (): BencodeValue => peerDicts(facts.peers, addressLength);
  return encodeBencode(
    bencodeDict([
      ['complete', facts.seeders],
      ['downloaded', facts.completed],
      ['incomplete', facts.leechers],
      ['interval', facts.intervalS],
      ['min interval', facts.minIntervalS],
      ['peers', compact ? (isV4 ? facts.peers : new Uint8Array()) : listed()],
      ['peers6', compact && !isV4 ? facts.peers : undefined],
    ]),
  );
}

function peerDicts(peers: Uint8Array, addressLength: number): BencodeValue {
  const list: BencodeValue[] = [];
  for (let at = 0; at < peers.length; at += addressLength + 2) {
    const ip = addressText(peers.subarray(at, at + addressLength));
    list.push(
      bencodeDict([
        ['ip', ip],
        ['port', readU16(peers, at + addressLength)],
      ]),
    );
  }
  return list;
}

export const encodeFailure = (reason: string): Uint8Array => encodeBencode(bencodeDict([['failure reason', reason]]));
