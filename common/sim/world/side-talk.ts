import { equalBytes } from '../../base/bytes.ts';
import { BLOCK_BYTES, MAX_OUTSTANDING_HASH_REQUESTS, MAX_OUTSTANDING_METADATA_REQUESTS } from '../../base/limits.ts';
import { verifyHashes } from '../../content/hash-requests.ts';
import { decodeExtendedHandshake, decodeMetadataMessage } from '../../wire/extended.ts';
import { decodeHashRequest, HASH_REQUEST_BYTES, type HashRequest } from '../../wire/hash-request.ts';
import { MESSAGE } from '../../wire/peer-messages.ts';
import type { SimContent } from './content.ts';
import type { RelayWatch } from './relay-watch.ts';
import type { Verdict } from './verdict.ts';

export interface SideTalkOptions {
  readonly who: string;
  readonly verdict: Verdict;
  readonly content: SimContent;
  readonly isLiar: boolean;
  /** Any other extended message that the one who gets it gave a number. */
  readonly others: Pick<RelayWatch, 'heedTheirs' | 'heedOurs'>;
}

/** How many of each are waited for. */
class Tally {
  readonly #counts = new Map<string, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#total++;
  }

  /** False when none was there. */
  take(key: string): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count === 0) return false;
    this.#counts.set(key, count - 1);
    this.#total--;
    return true;
  }
}

const keyOf = (request: HashRequest): string =>
  [request.baseLayer, request.index, request.length, request.proofLayers, ...request.root].join();

/** What the number was given to; nothing without. */
const nameOf = (number: number, ids: ReadonlyMap<string, number>): string =>
  [...ids].find(([, given]) => given === number)?.[0] ?? '';

/** The part of a conversation that moves no pieces: the info dictionary (BEP 9, 10) and hashes (BEP 52). */
export class SideTalk {
  readonly #options: SideTalkOptions;
  /** What they asked for and have still to get. */
  readonly #hashesAsked = new Tally();
  readonly #metadataAsked = new Tally();
  /** What we asked for and have still to get. */
  readonly #hashesOpen = new Tally();
  readonly #metadataOpen = new Tally();
  /** The numbers that we gave to messages, by name, and those that they gave. */
  readonly #ourIds = new Map<string, number>();
  readonly #theirIds = new Map<string, number>();

  constructor(options: SideTalkOptions) {
    this.#options = options;
  }

  heedTheirs(id: number, payload: Uint8Array): void {
    if (id === MESSAGE.extended) return this.#heedTheirExtended(payload);
    if (payload.length < HASH_REQUEST_BYTES) return;
    const key = keyOf(decodeHashRequest(payload, 0));
    if (id === MESSAGE.hashRequest) this.#hashesAsked.add(key);
    if (id === MESSAGE.hashes || id === MESSAGE.hashReject) this.#hashesOpen.take(key);
  }

  heedOurs(id: number, payload: Uint8Array): void {
    if (id === MESSAGE.extended) this.#heedOurExtended(payload);
    if (id === MESSAGE.hashRequest) this.#askHashes(decodeHashRequest(payload, 0));
    if (id === MESSAGE.hashReject) this.#answerHashes(decodeHashRequest(payload, 0), undefined);
    if (id === MESSAGE.hashes) {
      this.#answerHashes(decodeHashRequest(payload, 0), payload.subarray(HASH_REQUEST_BYTES));
    }
  }

  #breach(what: string): void {
    this.#options.verdict.breach(this.#options.who, what);
  }

  /* ---- hashes ---- */

  #askHashes(request: HashRequest): void {
    this.#hashesOpen.add(keyOf(request));
    if (this.#hashesOpen.total > MAX_OUTSTANDING_HASH_REQUESTS) this.#breach('has too many hash requests open');
  }

  #answerHashes(request: HashRequest, hashes: Uint8Array | undefined): void {
    const { content, isLiar } = this.#options;
    if (!this.#hashesAsked.take(keyOf(request))) this.#breach('answers a hash request that waits for no answer');
    if (hashes === undefined || isLiar) return;
    const file = content.geometry.files[0]!;
    const verified = verifyHashes(request, hashes, file);
    if (!verified.ok) this.#breach(`sends hashes that are false: ${verified.reason}`);
  }

  /* ---- the info dictionary ---- */

  #heedTheirExtended(payload: Uint8Array): void {
    if (payload[0] === 0) {
      const handshake = decodeExtendedHandshake(payload.subarray(1));
      for (const [name, number] of handshake.ok ? handshake.value.ids : []) this.#theirIds.set(name, number);
    } else if (payload[0] === this.#ourIds.get('ut_metadata')) {
      const message = decodeMetadataMessage(payload.subarray(1));
      if (!message.ok || message.value.type === 'unknown') return;
      const key = `${message.value.block}`;
      if (message.value.type === 'request') this.#metadataAsked.add(key);
      else this.#metadataOpen.take(key);
    } else {
      this.#options.others.heedTheirs(nameOf(payload[0]!, this.#ourIds), payload.subarray(1));
    }
  }

  #heedOurExtended(payload: Uint8Array): void {
    if (payload[0] === 0) {
      const handshake = decodeExtendedHandshake(payload.subarray(1));
      if (!handshake.ok) this.#breach('an extended handshake that nobody can read');
      else for (const [name, number] of handshake.value.ids) this.#ourIds.set(name, number);
    } else if (payload[0] === this.#theirIds.get('ut_metadata')) {
      this.#heedOurMetadata(payload.subarray(1));
    } else if (nameOf(payload[0]!, this.#theirIds) === '') {
      this.#breach(`an extended message under number ${payload[0]}, which the other did not give`);
    } else {
      this.#options.others.heedOurs(nameOf(payload[0]!, this.#theirIds), payload.subarray(1));
    }
  }

  #heedOurMetadata(payload: Uint8Array): void {
    const decoded = decodeMetadataMessage(payload);
    if (!decoded.ok) return this.#breach(`metadata that is malformed: ${decoded.reason}`);
    const message = decoded.value;
    if (message.type === 'unknown') return;
    const key = `${message.block}`;
    if (message.type === 'request') {
      this.#metadataOpen.add(key);
      if (this.#metadataOpen.total > MAX_OUTSTANDING_METADATA_REQUESTS) this.#breach('asks for too much metadata');
      return;
    }
    if (!this.#metadataAsked.take(key)) this.#breach('answers a metadata request that waits for no answer');
    const { infoBytes } = this.#options.content.description.info;
    const begin = message.block * BLOCK_BYTES;
    const isTrue =
      message.type === 'reject' || equalBytes(message.data, infoBytes.subarray(begin, begin + BLOCK_BYTES));
    if (!isTrue) this.#breach('sends false metadata');
  }
}
