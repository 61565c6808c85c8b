import type { Decoded } from '../base/errors.ts';
import type { WireHash } from '../base/ids.ts';
import type { CatalogueEntry } from '../wire/catalogue-entry.ts';
import type { Beat, BeatAnswer, Publish, PublishAnswer } from '../wire/catalogue-publishing.ts';
import {
  decodeBeatResponse,
  decodePublishResponse,
  encodeBeatRequest,
  encodePublishRequest,
} from '../wire/catalogue-publishing.ts';
import type { HelloAnswer, List, ListAnswer, LookupKey } from '../wire/catalogue-reading.ts';
import {
  decodeHelloResponse,
  decodeListResponse,
  decodeLookupResponse,
  encodeHelloRequest,
  encodeListRequest,
  encodeLookupRequest,
} from '../wire/catalogue-reading.ts';
import type { ConnectionId } from '../wire/tracker-header.ts';
import {
  ACTION_ANNOUNCE,
  ACTION_HEARTBEAT,
  ACTION_HELLO,
  ACTION_LIST,
  ACTION_LOOKUP,
  ACTION_PUBLISH,
  ACTION_SCRAPE,
  ACTION_WITHDRAW,
} from '../wire/tracker-header.ts';
import type { AddressBytes, Announce, AnnounceAnswer, SwarmCounts } from '../wire/tracker-packets.ts';
import {
  decodeAnnounceResponse,
  decodeScrapeResponse,
  encodeAnnounceRequest,
  encodeScrapeRequest,
} from '../wire/tracker-packets.ts';

/** A question to a tracker that has an answer of type `A`; the exchange carries it without knowing what it is. */
export interface TrackerCall<A> {
  /** Of the request and of the answer. */
  readonly action: number;
  encode(id: ConnectionId, transactionId: number): Uint8Array;
  /** `addressBytes`: the family in which the tracker answers. */
  decode(bytes: Uint8Array, addressBytes: AddressBytes): Decoded<A>;
}

export const announceCall = (announce: Announce): TrackerCall<AnnounceAnswer> => ({
  action: ACTION_ANNOUNCE,
  encode: (id, transactionId) => encodeAnnounceRequest(id, transactionId, announce),
  decode: decodeAnnounceResponse,
});

export const scrapeCall = (hashes: readonly WireHash[]): TrackerCall<readonly SwarmCounts[]> => ({
  action: ACTION_SCRAPE,
  encode: (id, transactionId) => encodeScrapeRequest(id, transactionId, hashes),
  decode: decodeScrapeResponse,
});

export const helloCall = (): TrackerCall<HelloAnswer> => ({
  action: ACTION_HELLO,
  encode: encodeHelloRequest,
  decode: decodeHelloResponse,
});

export const publishCall = (publish: Publish): TrackerCall<PublishAnswer> => ({
  action: ACTION_PUBLISH,
  encode: (id, transactionId) => encodePublishRequest(id, transactionId, publish),
  decode: decodePublishResponse,
});

export const listCall = (list: List): TrackerCall<ListAnswer> => ({
  action: ACTION_LIST,
  encode: (id, transactionId) => encodeListRequest(id, transactionId, list),
  decode: decodeListResponse,
});

export const lookupCall = (by: LookupKey): TrackerCall<readonly CatalogueEntry[]> => ({
  action: ACTION_LOOKUP,
  encode: (id, transactionId) => encodeLookupRequest(id, transactionId, by),
  decode: decodeLookupResponse,
});

export const beatCall = (beat: Beat): TrackerCall<BeatAnswer> => ({
  action: beat.kind === 'heartbeat' ? ACTION_HEARTBEAT : ACTION_WITHDRAW,
  encode: (id, transactionId) => encodeBeatRequest(id, transactionId, beat),
  decode: decodeBeatResponse,
});
