/**
 * A web server as a peer (BEP 19): it has every piece, chokes nobody and is asked by ranged GETs. Its bytes are
 * verified like those of any other peer.
 *
 * No back-pressure is needed beyond what is asked: every byte that is taken has its place in a piece's buffer.
 */
import { Bitfield } from '../common/base/bitfield.ts';
import type { Endpoint, PieceIndex } from '../common/base/ids.ts';
import {
  MAX_LARGE_REQUEST_BYTES,
  MAX_OUTSTANDING_BYTES,
  MAX_WEB_BLOCKS,
  MAX_WEB_GET_BYTES,
  MAX_WEB_GETS,
  MAX_WEB_SKIP_BYTES,
} from '../common/base/limits.ts';
import type { Clock } from '../common/base/ports.ts';
import type { ContentFile, Geometry } from '../common/content/geometry.ts';
import type { CloseReason, Fetcher, Peer } from '../common/peer/peer.ts';
import { failureOfEnd, type WebFailure } from './web-answer.ts';
import type { WebGet, WebGetOptions } from './web-get.ts';
import { endByteOf, firstByteOf, WebQueue, type WebBlock, type WebPart, type WebRun } from './web-queue.ts';

export interface WebSeedOptions {
  readonly id: number;
  /** Where it answered. */
  readonly endpoint: Endpoint;
  /** As people are shown it. */
  readonly url: string;
  readonly geometry: Geometry;
  readonly clock: Clock;
  readonly fetcher: Fetcher;
  /** A GET of bytes of a file, not started. */
  readonly get: (
    file: ContentFile,
    range: { readonly firstByte: number; readonly lastByte: number },
    how: Pick<WebGetOptions, 'onBody' | 'onBytes' | 'onEnd'>,
  ) => WebGet;
  /** Wanted bytes came. */
  readonly onBytes: (count: number) => void;
  /** A block came whole. */
  readonly onProved: () => void;
  /** It is closed; the failure, if that is why. */
  readonly onClosed: (reason: CloseReason, failure: WebFailure | undefined) => void;
}

/** A GET under way. */
interface Stream {
  run: WebRun;
  readonly get: WebGet;
  /** Of the next byte in the file. */
  position: number;
  /** Which part is being filled, and how far. */
  index: number;
  filledBytes: number;
  isWhole: boolean;
}

const ZEROS = new Uint8Array(16_384);

export class WebSeed implements Peer {
  readonly id: number;
  readonly endpoint: Endpoint;
  readonly url: string;
  readonly client = 'web seed';
  readonly pieces: Bitfield;
  readonly isChokingUs = false;
  readonly isUploadOnly = true;
  readonly blockBytes = MAX_LARGE_REQUEST_BYTES;
  readonly metadataBytes = undefined;
  readonly takesHashRequests = false;
  readonly passesOn = false;
  readonly isComing = (): boolean => false;
  readonly answersWhenChoked = false;
  readonly #options: WebSeedOptions;
  readonly #queue: WebQueue;
  /** By piece and begin. BOUNDED: by MAX_WEB_BLOCKS, which `roomForRequests` tells. */
  readonly #blocks = new Map<string, WebBlock>();
  #openBytes = 0;
  /** BOUNDED: by MAX_WEB_GETS. */
  readonly #streams = new Set<Stream>();
  /** The server sends whole files: one at a time is enough. */
  #knowsNoRanges = false;
  #isPumpDue = false;
  #isClosed = false;

  constructor(options: WebSeedOptions) {
    this.#options = options;
    this.id = options.id;
    this.endpoint = options.endpoint;
    this.url = options.url;
    this.pieces = Bitfield.full(options.geometry.pieceCount);
    this.#queue = new WebQueue(options.geometry);
  }

  get roomForRequests(): number {
    return this.#isClosed ? 0 : Math.max(0, MAX_WEB_BLOCKS - this.#blocks.size);
  }

  get roomForBytes(): number {
    return Math.max(0, MAX_OUTSTANDING_BYTES - this.#openBytes);
  }

  request(piece: PieceIndex, begin: number, length: number): void {
    if (this.#isClosed) return;
    this.#blocks.set(keyOf(piece, begin), this.#queue.add(piece, begin, length));
    this.#openBytes += length;
    this.#pumpSoon();
  }

  cancel(piece: PieceIndex, begin: number): void {
    const block = this.#blocks.get(keyOf(piece, begin));
    if (block === undefined) return;
    block.isCancelled = true;
    this.#forget(block);
    this.#queue.prune();
    for (const stream of this.#streams) {
      if (stream.run.parts.slice(stream.index).every((part) => part.block.isCancelled)) this.#drop(stream);
    }
    this.#pumpSoon();
  }

  close(reason: CloseReason): void {
    this.#close(reason, undefined);
  }

  /* ---- what a web server knows nothing of ---- */

  setInterested(): void {}
  requestMetadata(): void {}
  requestHashes(): void {}

  #close(reason: CloseReason, failure: WebFailure | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stream of this.#streams) this.#drop(stream);
    const { fetcher, clock, onClosed } = this.#options;
    fetcher.onGone(this, reason, clock.now());
    onClosed(reason, failure);
  }

  #forget(block: WebBlock): void {
    if (this.#blocks.delete(keyOf(block.piece, block.begin))) this.#openBytes -= block.length;
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream);
    stream.get.cancel();
  }

  /** Several blocks are asked for in a row: they are to be seen together. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    void Promise.resolve().then(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isClosed) return;
    for (const part of this.#queue.takePadding()) this.#pad(part);
    while (this.#mayStart) {
      const run = this.#queue.takeRun(MAX_WEB_GET_BYTES);
      if (run === undefined) return;
      this.#start(run);
    }
  }

  /** The next GET is on its way before the last has ended, but not so early that it is a short one. */
  get #mayStart(): boolean {
    const { size } = this.#streams;
    if (this.#knowsNoRanges) return size === 0;
    if (size >= MAX_WEB_GETS) return false;
    for (const { run, position } of this.#streams) {
      if (2 * position < firstByteOf(run) + endByteOf(run)) return false;
    }
    return true;
  }

  #start(run: WebRun): void {
    const range = { firstByte: firstByteOf(run), lastByte: endByteOf(run) - 1 };
    const get = this.#options.get(run.file, range, {
      onBody: ({ kind, at }) => this.#begin(stream, kind === 'whole', at),
      onBytes: (view) => this.#take(stream, view),
      onEnd: (failure) => this.#ended(stream, failure),
    });
    const stream: Stream = { run, get, position: range.firstByte, index: 0, filledBytes: 0, isWhole: false };
    this.#streams.add(stream);
    get.start();
  }

  #begin(stream: Stream, isWhole: boolean, at: number): void {
    stream.position = at;
    stream.isWhole = isWhole;
    this.#knowsNoRanges = isWhole;
    if (firstByteOf(stream.run) - at <= MAX_WEB_SKIP_BYTES) return;
    this.#close('bad-message', { kind: 'unfit', text: 'it sends a large file from the start, whatever is asked for' });
  }

  #take(stream: Stream, view: Uint8Array): void {
    let at = 0;
    while (at < view.length && this.#streams.has(stream)) {
      const part = stream.run.parts[stream.index]!;
      const offset = part.offsetInFile + stream.filledBytes;
      const restBytes = view.length - at;
      const isSkipped = stream.position < offset;
      const count = Math.min(restBytes, isSkipped ? offset - stream.position : part.lengthBytes - stream.filledBytes);
      stream.position += count;
      if (!isSkipped) {
        stream.filledBytes += count;
        this.#fill(part, stream.filledBytes - count, view.subarray(at, at + count));
        if (stream.filledBytes === part.lengthBytes) this.#next(stream);
      }
      at += count;
    }
    if (this.#mayStart) this.#pumpSoon();
  }

  /** A part is full: on with the next one, of this run or, from a server that sends it all, of what is wanted next. */
  #next(stream: Stream): void {
    stream.filledBytes = 0;
    stream.index++;
    if (stream.index < stream.run.parts.length) return;
    const ahead = stream.isWhole
      ? this.#queue.takeAhead(stream.run.file, stream.position, MAX_WEB_SKIP_BYTES)
      : undefined;
    if (ahead !== undefined) {
      stream.run = ahead;
      stream.index = 0;
      return;
    }
    this.#streams.delete(stream);
    // The end of a range is on its way, and the connection is good for the next one.
    if (stream.isWhole) stream.get.cancel();
    this.#pumpSoon();
  }

  #fill(part: WebPart, at: number, view: Uint8Array): void {
    const { block } = part;
    if (block.isCancelled) return;
    const { piece, begin, length } = block;
    const { fetcher, clock, onBytes, onProved } = this.#options;
    onBytes(view.length);
    fetcher.onBlockBytes(this, piece, begin, part.offsetInBlock + at, view, clock.now());
    block.restBytes -= view.length;
    if (block.restBytes > 0 || block.isCancelled) return;
    this.#forget(block);
    onProved();
    fetcher.onBlock(this, piece, begin, length, clock.now());
  }

  #pad(part: WebPart): void {
    for (let at = 0; at < part.lengthBytes; at += ZEROS.length) {
      this.#fill(part, at, ZEROS.subarray(0, Math.min(ZEROS.length, part.lengthBytes - at)));
    }
  }

  #ended(stream: Stream, failure: WebFailure | undefined): void {
    if (!this.#streams.delete(stream)) return;
    this.#close('reset', failure ?? failureOfEnd('whole'));
  }
}

const keyOf = (piece: PieceIndex, begin: number): string => `${piece}:${begin}`;
