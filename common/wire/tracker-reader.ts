import { readI32, readU16, readU32 } from '../base/bytes.ts';
import type { WireHash } from '../base/ids.ts';
import { ANNOUNCE_REQUEST_BYTES } from '../base/limits.ts';
import { decodeToolkitTtl } from './announce-options.ts';
import { ACTION_ANNOUNCE, requestAction, requestTransactionId } from './tracker-header.ts';
import {
  type AnnounceRequest,
  decodeRequest,
  EVENTS,
  readAmount,
  type RequestFault,
  type TrackerRequest,
} from './tracker-packets.ts';

/** What a tracker wants to know of an announce. */
export type TrackerAnnounce = Omit<AnnounceRequest, 'peerId' | 'downloadedBytes' | 'uploadedBytes' | 'key'>;
export type ReadRequest = Exclude<TrackerRequest, AnnounceRequest> | TrackerAnnounce;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads datagrams as `decodeRequest` does, for a tracker that gets a hundred thousand announces a second: each of them
 * is read into the same object, whose hash is its own bytes and no view of the datagram.
 */
export class RequestReader {
  readonly #announce: Mutable<TrackerAnnounce> = {
    kind: 'announce',
    transactionId: 0,
    infoHash: new Uint8Array(20) as WireHash,
    leftBytes: 0,
    event: 'none',
    wanted: 0,
    port: 0,
    ttlS: undefined,
  };
  readonly #received = { ok: true as const, value: this.#announce };

  /** What it gives is valid until the next datagram is read. Never throws. */
  read(bytes: Uint8Array): { readonly ok: true; readonly value: ReadRequest } | RequestFault {
    if (bytes.length < ANNOUNCE_REQUEST_BYTES || requestAction(bytes) !== ACTION_ANNOUNCE) return decodeRequest(bytes);
    const port = readU16(bytes, 96);
    if (port === 0) return decodeRequest(bytes);
    const one = this.#announce;
    one.transactionId = requestTransactionId(bytes);
    for (let i = 0; i < 20; i++) one.infoHash[i] = bytes[16 + i]!;
    one.leftBytes = readAmount(bytes, 64);
    one.event = EVENTS[readU32(bytes, 80)] ?? 'none';
    one.wanted = readI32(bytes, 92);
    one.port = port;
    one.ttlS = decodeToolkitTtl(bytes, ANNOUNCE_REQUEST_BYTES);
    return this.#received;
  }
}
