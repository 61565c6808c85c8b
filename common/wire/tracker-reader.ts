import { readI32, readU16, readU32 } from '../base/bytes.ts';
import type { PeerId, WireHash } from '../base/ids.ts';
import { ANNOUNCE_REQUEST_BYTES } from '../base/limits.ts';
import { decodeToolkitTtl } from './announce-options.ts';
import { ACTION_ANNOUNCE, requestAction, requestTransactionId } from './tracker-header.ts';
import { type AnnounceRequest, decodeRequest, EVENTS, readAmount, type ReceivedRequest } from './tracker-packets.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads datagrams as `decodeRequest` does, for a tracker that gets a hundred thousand announces a second: each of them
 * is read into the same object, whose hash and peer id are its own bytes and no views of the datagram.
 */
export class RequestReader {
  readonly #announce: Mutable<AnnounceRequest> = {
    kind: 'announce',
    transactionId: 0,
    infoHash: new Uint8Array(20) as WireHash,
    peerId: new Uint8Array(20) as PeerId,
    downloadedBytes: 0,
    leftBytes: 0,
    uploadedBytes: 0,
    event: 'none',
    key: 0,
    wanted: 0,
    port: 0,
    ttlS: undefined,
  };
  readonly #received: ReceivedRequest = { ok: true, value: this.#announce };

  /** What it gives is valid until the next datagram is read. Never throws. */
  read(bytes: Uint8Array): ReceivedRequest {
    if (bytes.length < ANNOUNCE_REQUEST_BYTES || requestAction(bytes) !== ACTION_ANNOUNCE) return decodeRequest(bytes);
    const port = readU16(bytes, 96);
    if (port === 0) return decodeRequest(bytes);
    const one = this.#announce;
    one.transactionId = requestTransactionId(bytes);
    for (let i = 0; i < 20; i++) {
      one.infoHash[i] = bytes[16 + i]!;
      one.peerId[i] = bytes[36 + i]!;
    }
    one.downloadedBytes = readAmount(bytes, 56);
    one.leftBytes = readAmount(bytes, 64);
    one.uploadedBytes = readAmount(bytes, 72);
    one.event = EVENTS[readU32(bytes, 80)] ?? 'none';
    one.key = readU32(bytes, 88);
    one.wanted = readI32(bytes, 92);
    one.port = port;
    one.ttlS = decodeToolkitTtl(bytes, ANNOUNCE_REQUEST_BYTES);
    return this.#received;
  }
}
