import { readU16, readU32, readU64, utf8, utf8Text, writeU16, writeU32, writeU64 } from '../base/bytes.ts';
import type { Decoded } from '../base/errors.ts';
import { decoded, malformed } from '../base/errors.ts';
import type { InfoHashV1, InfoHashV2, PeerId, WireHash } from '../base/ids.ts';
import {
  MAX_CATALOGUE_NAME_BYTES,
  MAX_CONTENT_BYTES,
  MAX_HEARTBEAT_HASHES,
  MAX_METADATA_BYTES,
  MAX_PIECE_BYTES,
  MIN_PIECE_BYTES,
} from '../base/limits.ts';
import type { CatalogueItem } from './catalogue-entry.ts';
import { hasV1, hasV2, isMultiFile, isUnlisted, itemFlags } from './catalogue-entry.ts';
import type { ReceivedCatalogue } from './catalogue-errors.ts';
import { fault } from './catalogue-errors.ts';
import type { ConnectionId } from './tracker-header.ts';
import {
  ACTION_HEARTBEAT,
  ACTION_PUBLISH,
  ACTION_WITHDRAW,
  newRequest,
  newResponse,
  requestTransactionId,
} from './tracker-header.ts';

/** The catalogue's datagrams for those who share: publish, heartbeat and withdraw, in both directions. */

/* ---- publish ----
   16 peer id | 36 port u16 | 38 flags u8 | 39 log2 piece length u8 | 40 size u64 | 48 v2 hash 32 | 80 v1 hash 20 |
   100 info size u32 | 104 ttl u16 | 106 name length u16 | 108 name */

const PUBLISH_FIXED_BYTES = 108;
const MIN_PIECE_LOG2 = Math.log2(MIN_PIECE_BYTES);
const MAX_PIECE_LOG2 = Math.log2(MAX_PIECE_BYTES);

export interface PublishRequest {
  readonly kind: 'publish';
  readonly transactionId: number;
  readonly port: number;
  readonly ttlS: number;
  readonly item: CatalogueItem;
}

export interface Publish {
  readonly peerId: PeerId;
  readonly port: number;
  readonly ttlS: number;
  readonly item: CatalogueItem;
}

export function encodePublishRequest(id: ConnectionId, transactionId: number, publish: Publish): Uint8Array {
  const { item } = publish;
  const name = utf8(item.name);
  const bytes = newRequest(PUBLISH_FIXED_BYTES + name.length, id, ACTION_PUBLISH, transactionId);
  bytes.set(publish.peerId, 16);
  writeU16(bytes, 36, publish.port);
  bytes[38] = itemFlags(item);
  bytes[39] = Math.log2(item.pieceBytes);
  writeU64(bytes, 40, BigInt(item.sizeBytes));
  if (item.infoHashV2 !== undefined) bytes.set(item.infoHashV2, 48);
  if (item.infoHashV1 !== undefined) bytes.set(item.infoHashV1, 80);
  writeU32(bytes, 100, item.infoBytes);
  writeU16(bytes, 104, publish.ttlS);
  writeU16(bytes, 106, name.length);
  bytes.set(name, PUBLISH_FIXED_BYTES);
  return bytes;
}

export function decodePublish(bytes: Uint8Array): ReceivedCatalogue<PublishRequest> {
  if (bytes.length < PUBLISH_FIXED_BYTES) return fault('malformed', 'publish is too short');
  const port = readU16(bytes, 36);
  if (port === 0) return fault('zero-port', 'port 0');
  const flags = bytes[38]!;
  if (!hasV2(flags) && !hasV1(flags)) return fault('malformed', 'publish without an info hash');
  const pieceLog2 = bytes[39]!;
  const sizeBytes = readU64(bytes, 40);
  const infoBytes = readU32(bytes, 100);
  const plausible =
    pieceLog2 >= MIN_PIECE_LOG2 &&
    pieceLog2 <= MAX_PIECE_LOG2 &&
    sizeBytes <= BigInt(MAX_CONTENT_BYTES) &&
    infoBytes <= MAX_METADATA_BYTES;
  if (!plausible) return fault('malformed', 'publish with impossible sizes');
  const nameLength = readU16(bytes, 106);
  const nameEnd = PUBLISH_FIXED_BYTES + nameLength;
  if (nameLength < 1 || nameLength > MAX_CATALOGUE_NAME_BYTES || nameEnd > bytes.length) {
    return fault('bad-name', `a name has 1 to ${MAX_CATALOGUE_NAME_BYTES} bytes`);
  }
  const name = utf8Text(bytes.subarray(PUBLISH_FIXED_BYTES, nameEnd));
  if (name === undefined) return fault('bad-name', 'a name is UTF-8');
  const item: CatalogueItem = {
    infoHashV2: hasV2(flags) ? (bytes.slice(48, 80) as InfoHashV2) : undefined,
    infoHashV1: hasV1(flags) ? (bytes.slice(80, 100) as InfoHashV1) : undefined,
    multiFile: isMultiFile(flags),
    unlisted: isUnlisted(flags),
    pieceBytes: 2 ** pieceLog2,
    sizeBytes: Number(sizeBytes),
    infoBytes,
    name,
  };
  const ttlS = readU16(bytes, 104);
  return { ok: true, value: { kind: 'publish', transactionId: requestTransactionId(bytes), port, ttlS, item } };
}

export interface PublishAnswer {
  readonly ttlS: number;
  /** Of the entry, whoever published it first. */
  readonly sequence: bigint;
}

export function encodePublishResponse(transactionId: number, answer: PublishAnswer): Uint8Array {
  const bytes = newResponse(20, ACTION_PUBLISH, transactionId);
  writeU16(bytes, 8, answer.ttlS);
  writeU64(bytes, 12, answer.sequence);
  return bytes;
}

export function decodePublishResponse(bytes: Uint8Array): Decoded<PublishAnswer, 'too short'> {
  if (bytes.length < 20) return malformed('too short');
  return decoded({ ttlS: readU16(bytes, 8), sequence: readU64(bytes, 12) });
}

/* ---- heartbeat and withdraw: 16 peer id | 36 key u32 | 40 port u16 | 42 flags u8 | 43 0 | 44 n u16 | 46 hashes ---- */

/** Both are about rows of the asker's own address: `heartbeat` refreshes them, `withdraw` removes them. */
export interface BeatRequest {
  readonly kind: 'heartbeat' | 'withdraw';
  readonly transactionId: number;
  readonly port: number;
  /** Views of the datagram; at most 55. */
  readonly hashes: readonly WireHash[];
}

const BEAT_FIXED_BYTES = 46;
const beatAction = (kind: BeatRequest['kind']): number => (kind === 'heartbeat' ? ACTION_HEARTBEAT : ACTION_WITHDRAW);

export interface Beat {
  readonly kind: BeatRequest['kind'];
  readonly peerId: PeerId;
  readonly key: number;
  readonly port: number;
  /** At most 55. */
  readonly hashes: readonly WireHash[];
}

export function encodeBeatRequest(id: ConnectionId, transactionId: number, beat: Beat): Uint8Array {
  const { kind, hashes } = beat;
  const bytes = newRequest(BEAT_FIXED_BYTES + 20 * hashes.length, id, beatAction(kind), transactionId);
  bytes.set(beat.peerId, 16);
  writeU32(bytes, 36, beat.key);
  writeU16(bytes, 40, beat.port);
  writeU16(bytes, 44, hashes.length);
  for (const [i, hash] of hashes.entries()) bytes.set(hash, BEAT_FIXED_BYTES + 20 * i);
  return bytes;
}

export function decodeBeat(bytes: Uint8Array, kind: BeatRequest['kind']): ReceivedCatalogue<BeatRequest> {
  if (bytes.length < BEAT_FIXED_BYTES) return fault('malformed', `${kind} is too short`);
  const port = readU16(bytes, 40);
  if (port === 0) return fault('zero-port', 'port 0');
  const count = readU16(bytes, 44);
  if (count > MAX_HEARTBEAT_HASHES || BEAT_FIXED_BYTES + 20 * count > bytes.length) {
    return fault('malformed', `${kind} has 0 to ${MAX_HEARTBEAT_HASHES} whole hashes`);
  }
  const hashes = Array.from({ length: count }, (_, i) => bytes.subarray(46 + 20 * i, 66 + 20 * i) as WireHash);
  return { ok: true, value: { kind, transactionId: requestTransactionId(bytes), port, hashes } };
}

export interface BeatAnswer {
  readonly intervalS: number;
  /** For each hash asked about whether there was a row: refreshed or removed. False: announce, and publish, again. */
  readonly known: readonly boolean[];
}

/** The bitmap's first hash is the most significant bit. */
export function encodeBeatResponse(kind: BeatRequest['kind'], transactionId: number, answer: BeatAnswer): Uint8Array {
  const { known } = answer;
  const bytes = newResponse(14 + Math.ceil(known.length / 8), beatAction(kind), transactionId);
  writeU32(bytes, 8, answer.intervalS);
  writeU16(bytes, 12, known.length);
  for (const [i, one] of known.entries()) if (one) bytes[14 + (i >> 3)]! |= 0x80 >> (i & 7);
  return bytes;
}

export function decodeBeatResponse(bytes: Uint8Array): Decoded<BeatAnswer, 'too short'> {
  if (bytes.length < 14) return malformed('too short');
  const count = readU16(bytes, 12);
  if (bytes.length < 14 + Math.ceil(count / 8)) return malformed('too short');
  const known = Array.from({ length: count }, (_, i) => (bytes[14 + (i >> 3)]! & (0x80 >> (i & 7))) !== 0);
  return decoded({ intervalS: readU32(bytes, 8), known });
}
