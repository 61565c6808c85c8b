import type { Bitfield } from '../base/bitfield.ts';
import { looseText } from '../base/bytes.ts';
import type { Endpoint, PieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES, MAX_ENDPOINTS_PER_PEER, MAX_OUTSTANDING_BYTES } from '../base/limits.ts';
import { printableText } from '../base/printable.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import type { MetadataExchange } from './metadata-exchange.ts';
import type { CloseReason, Peer } from './peer.ts';
import type { Session } from './session.ts';

export interface RemotePeerOptions {
  readonly id: number;
  readonly session: Session;
  readonly metadata: MetadataExchange;
  /** Where it was dialled; undefined when it called us. */
  readonly dialled: Endpoint | undefined;
  /** Its stream: where the other end is, and how much it may be asked for at a time. */
  readonly line: { readonly remote: Endpoint; readonly mostBytesInFlight?: number };
}

/** The other side of a connection, as a downloader sees and drives it. */
export class RemotePeer implements Peer {
  readonly id: number;
  readonly #session: Session;
  readonly #metadata: MetadataExchange;
  readonly #line: RemotePeerOptions['line'];
  /** Where it can be dialled. BOUNDED: by MAX_ENDPOINTS_PER_PEER. */
  readonly #endpoints: Endpoint[] = [];

  constructor(options: RemotePeerOptions) {
    this.id = options.id;
    this.#session = options.session;
    this.#metadata = options.metadata;
    this.#line = options.line;
    if (options.dialled !== undefined) this.#endpoints.push(options.dialled);
  }

  get endpoint(): Endpoint {
    return this.#endpoints[0] ?? this.#line.remote;
  }

  /** Where it can be dialled, as far as we know; a peer may have several addresses. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** It can be dialled there too; false when there is no room to remember it. */
  learnEndpoint(endpoint: Endpoint): boolean {
    if (this.isAt(endpoint)) return true;
    return this.#endpoints.length < MAX_ENDPOINTS_PER_PEER && this.#endpoints.push(endpoint) > 0;
  }

  isAt(endpoint: Endpoint): boolean {
    return this.#endpoints.some(({ host, port }) => port === endpoint.port && host === endpoint.host);
  }

  get client(): string {
    // A peer that names no client says it by its id: `-LT2080-` (BEP 20).
    const { extensions, remoteId } = this.#session;
    return printableText(extensions.client ?? (remoteId === undefined ? '' : looseText(remoteId.subarray(0, 8))));
  }

  get pieces(): Bitfield | undefined {
    return this.#session.pieces;
  }

  isComing(piece: PieceIndex): boolean {
    return this.#session.isComing(piece);
  }

  get passesOn(): boolean {
    return this.#session.isV2 && this.#session.extensions.passesOn;
  }

  get isChokingUs(): boolean {
    return this.#session.remoteIsChoking;
  }

  get isUploadOnly(): boolean {
    return this.#session.extensions.isUploadOnly;
  }

  get answersWhenChoked(): boolean {
    return this.#session.say.fast;
  }

  get blockBytes(): number {
    const agreed = this.#session.extensions.blockBytes(this.#session.torrent?.content?.geometry.pieceBytes);
    const most = this.#mostBytesInFlight;
    return agreed <= most ? agreed : Math.max(BLOCK_BYTES, most - (most % BLOCK_BYTES));
  }

  get roomForRequests(): number {
    const { extensions, ledger } = this.#session;
    if (ledger.bytes >= this.#mostBytesInFlight) return 0;
    return Math.max(0, extensions.requestQueue - ledger.count);
  }

  get roomForBytes(): number {
    return Math.max(0, MAX_OUTSTANDING_BYTES - this.#session.ledger.bytes);
  }

  get #mostBytesInFlight(): number {
    return this.#line.mostBytesInFlight ?? Infinity;
  }

  get takesHashRequests(): boolean {
    return this.#session.isV2;
  }

  get metadataBytes(): number | undefined {
    return this.#session.extensions.metadataBytes;
  }

  request(piece: PieceIndex, begin: number, length: number): void {
    this.#session.say.request({ piece, begin, length });
  }

  cancel(piece: PieceIndex, begin: number, length: number): void {
    this.#session.say.cancel({ piece, begin, length });
  }

  setInterested(interested: boolean): void {
    this.#session.say.interest(interested);
  }

  requestMetadata(block: number): void {
    this.#metadata.ask(block);
  }

  requestHashes(request: HashRequest): void {
    this.#session.say.requestHashes(request);
  }

  close(reason: CloseReason): void {
    this.#session.close(reason);
  }
}
