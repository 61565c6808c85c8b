import type { ReceivedCatalogue } from './catalogue-errors.ts';
import { fault } from './catalogue-errors.ts';
import type { BeatRequest, PublishRequest } from './catalogue-publishing.ts';
import { decodeBeat, decodePublish } from './catalogue-publishing.ts';
import type { HelloRequest, ListRequest, LookupRequest } from './catalogue-reading.ts';
import { decodeList, decodeLookup } from './catalogue-reading.ts';
import {
  ACTION_HEARTBEAT,
  ACTION_HELLO,
  ACTION_LIST,
  ACTION_LOOKUP,
  ACTION_PUBLISH,
  ACTION_WITHDRAW,
  requestAction,
  requestTransactionId,
} from './tracker-header.ts';

/**
 * What can be had, asked of our own tracker on its UDP port, behind the connection id of BEP 15. Standard trackers
 * drop these actions, so silence means "no catalogue here". Reserved fields are 0 and not read; trailing bytes are
 * for fields to come and not read either.
 */
export type CatalogueRequest = HelloRequest | PublishRequest | ListRequest | LookupRequest | BeatRequest;

/** Reads a request of at least 16 bytes. */
export function decodeCatalogueRequest(bytes: Uint8Array): ReceivedCatalogue<CatalogueRequest> {
  switch (requestAction(bytes)) {
    case ACTION_HELLO:
      return { ok: true, value: { kind: 'hello', transactionId: requestTransactionId(bytes) } };
    case ACTION_PUBLISH:
      return decodePublish(bytes);
    case ACTION_LIST:
      return decodeList(bytes);
    case ACTION_LOOKUP:
      return decodeLookup(bytes);
    case ACTION_HEARTBEAT:
      return decodeBeat(bytes, 'heartbeat');
    case ACTION_WITHDRAW:
      return decodeBeat(bytes, 'withdraw');
    default:
      return fault('unknown-operation', 'not known to this version');
  }
}
