/** What one peer gets of us over its connection: blocks while it is unchoked, and hashes. */
import type { Instant, PieceIndex } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import type { Clock, TcpPort } from '../base/ports.ts';
import type { HashRequest } from '../wire/hash-request.ts';
import type { BlockRef } from '../wire/peer-messages.ts';
import type { Dealings } from './dealings.ts';
import { HashService } from './hash-service.ts';
import type { Outbox } from './outbox.ts';
import type { RelayParty } from './passing-on.ts';
import { RelayTalk } from './relay-talk.ts';
import type { Session } from './session.ts';
import type { Swarm } from './swarm.ts';
import { TAKER_MERIT } from './turns.ts';
import type { UploadDesk, UploadTicket } from './upload-desk.ts';
import { UploadPump } from './upload-pump.ts';

export interface ServiceOptions {
  readonly id: number;
  readonly stream: TcpPort;
  readonly session: Session;
  readonly outbox: Outbox;
  readonly dealings: Dealings;
  readonly clock: Clock;
  readonly desk: UploadDesk;
  /** Known once the torrent is. */
  readonly swarm: () => Swarm | undefined;
}

/** What one may have got of us lately without giving anything, before it counts as one that only takes. */
const TAKER_BYTES = 1 * MIB;

export class Service implements RelayParty {
  readonly relayTalk: RelayTalk;
  readonly #options: ServiceOptions;
  readonly #uploads: UploadPump;
  readonly #ticket: UploadTicket;
  readonly #hashes: HashService;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#ticket = options.desk.join(options.id, {
      merit: (now) => this.#merit(now),
      go: () => {
        this.#uploads.pump();
      },
    });
    this.#uploads = this.#makeUploads();
    this.relayTalk = new RelayTalk({
      session: options.session,
      isComing: (piece) => options.swarm()?.passingOn.relay.has(piece) === true,
      reject: (piece) => {
        this.#uploads.rejectPiece(piece);
      },
    });
    this.#hashes = this.#makeHashes();
  }

  #makeUploads(): UploadPump {
    const { id, stream, session, outbox, dealings, swarm } = this.#options;
    return new UploadPump({
      stream,
      say: session.say,
      reads: () => swarm()?.reads,
      preface: (piece, lease) => {
        if (!this.#ticket.isFast) swarm()?.passingOn.explain(this, piece, lease);
      },
      flush: () => {
        outbox.flush();
      },
      ticket: this.#ticket,
      sent: (piece, count) => {
        session.noteSent(this.#now());
        dealings.sent.add(count, this.#now());
        swarm()?.uploaded(count);
        swarm()?.initial?.sent(id, piece, count);
      },
      failed: (error) => {
        swarm()?.storeFailed(error);
      },
    });
  }

  #makeHashes(): HashService {
    const { session, outbox, swarm } = this.#options;
    return new HashService({
      say: session.say,
      torrent: () => session.torrent,
      answer: (request) => swarm()!.answerHashes(request),
      mayServe: (cost) => !outbox.isFull && session.mayServeHashes(cost, this.#now()),
      offend: () => session.offend(),
      isClosed: () => session.isClosed,
    });
  }

  /** A request that the session found valid. */
  take(ref: BlockRef): void {
    this.#uploads.take(ref);
  }

  cancel(ref: BlockRef): void {
    this.#uploads.cancel(ref);
  }

  hashes(request: HashRequest): void {
    void this.#hashes.serve(request);
  }

  /**
   * What it gave us beyond what we gave it: while we only serve, who had least comes first. At first a seeder's own
   * measure: who keeps what it got to itself comes last.
   */
  #merit(now: Instant): number {
    const { id, dealings, swarm } = this.#options;
    const { received, sent } = dealings;
    const unspread = swarm()?.initial?.unspread(id);
    if (unspread !== undefined) return -unspread;
    const isTaker = swarm()?.isUploadOnly === false && received.sum(now) === 0 && sent.sum(now) >= TAKER_BYTES;
    if (isTaker) return TAKER_MERIT;
    return received.sum(now) - sent.sum(now);
  }

  /** The peer says that it has the piece. */
  arrived(piece: PieceIndex): void {
    this.#ticket.arrived(piece);
  }

  /** More of a piece that is on its way to us can be sent. */
  moreIsReady(): void {
    if (this.#uploads.isStarved) this.#uploads.pump();
  }

  /** The stream has room again. */
  pump(): void {
    this.#uploads.pump();
  }

  /**
   * Takes no more requests, and rejects those that wait but for the piece that it is at. Without the fast extension the
   * choke is the answer to all of them (BEP 3).
   */
  choke(): void {
    const { say } = this.#options.session;
    say.choke(this.#now());
    if (say.fast) this.#uploads.rejectOthers();
    else this.#uploads.rejectAll();
  }

  /** Stops serving the peer; what it waits for is answered with a reject. */
  cutOff(): void {
    this.#options.session.say.choke(this.#now());
    this.#uploads.rejectAll();
  }

  unchoke(): void {
    this.#options.session.say.unchoke();
  }

  /**
   * Takes no more requests, and goes on with those that were taken. A choke is the answer to all that are open for a
   * peer without the fast extension (BEP 3), for the others each has its own (BEP 6).
   */
  windDown(): void {
    const { say } = this.#options.session;
    say.choke(this.#now());
    if (!say.fast) this.#uploads.rejectAll();
  }

  /** Nothing that the peer asked for waits to be sent. */
  get isDrained(): boolean {
    return this.#options.session.isClosed || this.#uploads.isIdle;
  }

  stop(): void {
    this.#uploads.stop();
    this.#ticket.leave();
  }

  #now(): Instant {
    return this.#options.clock.now();
  }
}
