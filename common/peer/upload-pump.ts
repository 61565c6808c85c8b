/**
 * Moves what one peer asked for from the disk to its stream, as fast as the stream takes it: one read per stretch of a
 * piece, one gathered write of headers and slices, no copy.
 */
import type { PieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES } from '../base/limits.ts';
import type { TcpPort } from '../base/ports.ts';
import { encodeBlockHeader, type BlockRef } from '../wire/peer-messages.ts';
import type { Lease, PieceReads } from './piece-reads.ts';
import type { UploadTicket } from './upload-desk.ts';
import { Uploads } from './uploads.ts';
import type { Voice } from './voice.ts';

type Reads = Pick<PieceReads, 'lease' | 'leaseNow' | 'isReady' | 'readyBytes'>;

interface Next {
  readonly reads: Reads;
  readonly head: BlockRef;
}

export interface UploadPumpOptions {
  readonly stream: Pick<TcpPort, 'write' | 'queuedBytes'>;
  readonly say: Voice;
  readonly reads: () => Reads | undefined;
  /** Sends the messages said so far, so that blocks do not overtake them. */
  readonly flush: () => void;
  readonly ticket: Pick<UploadTicket, 'mayGo' | 'rest' | 'sent' | 'taken' | 'mostQueuedBytes'>;
  /** Called before bytes of a piece are sent, to say what is to be known before them. */
  readonly preface: (piece: PieceIndex, lease: Lease) => void;
  /** Bytes of a piece's blocks were handed to the stream. */
  readonly sent: (piece: PieceIndex, count: number) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Leases of one peer whose bytes its stream has not taken yet: enough to keep the stream busy, few enough that a peer
 * that asks here and there, and does not read, cannot hold all buffers.
 */
const MAX_LEASES = 3;

/** What libtorrent 2.0 gets past the end of a file; it asks for whole blocks there. */
const ZEROS = new Uint8Array(BLOCK_BYTES);

export class UploadPump {
  readonly #options: UploadPumpOptions;
  readonly #waiting = new Uploads();
  #reading = false;
  /** BOUNDED: by MAX_LEASES. */
  #leases = 0;
  #stopped = false;
  #isStarved = false;
  /** The one that was sent of last. */
  #piece = -1;

  constructor(options: UploadPumpOptions) {
    this.#options = options;
  }

  /** Takes a request that the session found valid. */
  take(ref: BlockRef): void {
    const admission = this.#waiting.admit(ref);
    if (admission === 'refused') this.#options.say.reject(ref);
    else if (admission === 'queued') this.pump();
  }

  /** With the fast extension a cancelled request still gets its one answer (BEP 6). */
  cancel(ref: BlockRef): void {
    if (!this.#waiting.cancel(ref)) return;
    this.#options.say.reject(ref);
    if (this.#waiting.count === 0) this.#options.ticket.rest();
  }

  /** Nothing is asked for, and all that was sent has left. */
  get isIdle(): boolean {
    return !this.#reading && this.#leases === 0 && this.#waiting.count === 0;
  }

  /** The piece does not come any more: what waits for the rest of it is rejected. */
  rejectPiece(piece: PieceIndex): void {
    for (const ref of this.#waiting.dropPiece(piece)) this.#options.say.reject(ref);
    if (this.#waiting.count === 0) this.#options.ticket.rest();
  }

  /** All that is asked for is still on its way to us. */
  get isStarved(): boolean {
    return this.#isStarved;
  }

  /** Goes on with the piece that it is at, since a part of one is of little use, and rejects the rest. */
  rejectOthers(): void {
    for (const ref of this.#waiting.dropOthers(this.#piece)) this.#options.say.reject(ref);
    if (this.#waiting.count === 0) this.#options.ticket.rest();
  }

  rejectAll(): void {
    for (const ref of this.#waiting.clear()) this.#options.say.reject(ref);
    this.#options.ticket.rest();
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
  }

  /** Goes on as far as it has its turn and the stream has room. One read is under way at a time; it runs while the stream drains. */
  pump(): void {
    if (this.#reading) return;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#reading = true;
      const isSent = this.#sendNow(next);
      if (!isSent) return void this.#serve(next);
      this.#reading = false;
    }
  }

  /** What is to be answered next, if it may be, and where it is to be read. */
  #next(): Next | undefined {
    if (this.#stopped || this.#leases >= MAX_LEASES) return undefined;
    const { stream, ticket } = this.#options;
    if (stream.queuedBytes >= ticket.mostQueuedBytes) return undefined;
    const reads = this.#options.reads();
    const head = this.#waiting.next((ref) => reads?.isReady(ref) !== false);
    this.#isStarved = head === undefined && this.#waiting.count > 0;
    if (head === undefined) {
      ticket.rest();
      return undefined;
    }
    if (reads === undefined) {
      this.rejectAll();
      return undefined;
    }
    const { piece } = head;
    return ticket.mayGo({ piece, pieceBytes: reads.readyBytes(piece as PieceIndex) }) ? { reads, head } : undefined;
  }

  /** False when the disk, or a buffer, must be waited for. */
  #sendNow({ reads, head }: Next): boolean {
    try {
      const lease = reads.leaseNow(head.piece as PieceIndex, head.begin, head.length);
      if (lease === undefined) return false;
      this.#send(head.piece, lease);
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  async #serve({ reads, head }: Next): Promise<void> {
    let lease: Lease | undefined;
    try {
      // With a lease of its own under way the peer is being served, and can wait until that is released.
      lease = await reads.lease(head.piece as PieceIndex, head.begin, head.length, this.#leases === 0);
      if (lease !== undefined) this.#send(head.piece, lease);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = false;
    }
    if (lease !== undefined || this.#leases === 0) this.pump();
  }

  /** The swarm may withdraw now; what is still waiting is answered with rejects. */
  #fail(error: unknown): void {
    this.rejectAll();
    this.#options.failed(error);
  }

  /** Answers all waiting requests at the head of the queue that the lease covers. */
  #send(piece: number, lease: Lease): void {
    const refs = this.#stopped
      ? []
      : this.#waiting.takeWithin(piece, lease.begin, lease.end, this.#options.ticket.mostQueuedBytes);
    if (refs.length === 0) return lease.release();
    let count = 0;
    for (const ref of refs) count += ref.length;
    const parts = partsOf(refs, lease);
    const { preface, flush, stream, ticket, sent } = this.#options;
    preface(piece as PieceIndex, lease);
    flush();
    this.#leases++;
    this.#piece = piece;
    ticket.sent(piece, count);
    stream.write(parts, () => {
      this.#leases--;
      lease.release();
      ticket.taken(piece, count);
      this.pump();
    });
    sent(piece as PieceIndex, count);
  }
}

/** The messages that answer these requests. */
function partsOf(refs: readonly BlockRef[], lease: Lease): Uint8Array[] {
  const [first] = refs;
  const isWhole = refs.length === 1 && first!.begin === lease.begin && first!.length === lease.bytes.length;
  // What our own peers ask for: a single buffer is the cheapest write.
  if (isWhole && lease.message !== undefined) return [lease.message];
  const parts: Uint8Array[] = [];
  for (const ref of refs) {
    const from = ref.begin - lease.begin;
    const data = lease.bytes.subarray(from, from + ref.length);
    parts.push(encodeBlockHeader(ref.piece, ref.begin, ref.length), data);
    if (data.length < ref.length) parts.push(ZEROS.subarray(0, ref.length - data.length));
  }
  return parts;
}
