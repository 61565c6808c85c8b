/** Drives `Showing` for one swarm: who opens, has, asks and gets what; haves in bounded numbers; one wake-up. */
import type { Bitfield } from '../base/bitfield.ts';
import { NEVER, type PieceIndex } from '../base/ids.ts';
import { MAX_SHOWN_AT_ONCE, MAX_SHOWN_PIECES } from '../base/limits.ts';
import type { Clock, Log, Meter } from '../base/ports.ts';
import type { Connection } from './connection.ts';
import { Showing } from './showing.ts';
import type { Torrent } from './torrent.ts';

export interface InitialSeedingOptions {
  readonly torrent: Torrent;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly connectionOf: (id: number) => Connection | undefined;
  /** Another open connection of the same peer. */
  readonly twinOf: (connection: Connection) => number | undefined;
}

export class InitialSeeding {
  readonly #options: InitialSeedingOptions;
  readonly #showing: Showing | undefined;
  #wasOn = true;
  /** Nothing is held back, or still to be shown: until the last viewer leaves, what they ask for and get says nothing. */
  #isOver = false;
  #cancelWake: () => void = () => undefined;

  constructor(options: InitialSeedingOptions) {
    this.#options = options;
    const { torrent, connectionOf } = options;
    const { geometry } = torrent.content!;
    if (!torrent.offered.isFull || geometry.pieceCount > MAX_SHOWN_PIECES) return;
    this.#showing = new Showing({
      pieceCount: geometry.pieceCount,
      sizeOf: (piece) => geometry.pieceSize(piece),
      show: (id, piece) => {
        connectionOf(id)?.show(piece);
        options.meter.count('pieces_shown');
      },
      isHeldBack: (id) => {
        const connection = connectionOf(id);
        return connection !== undefined && connection.isChoked && connection.wantsSlot;
      },
    });
  }

  /** What it may see and ask for; undefined when that is everything. Asked first when the handshakes are done. */
  viewOf(connection: Connection): Bitfield | undefined {
    const showing = this.#showing;
    if (showing?.knows(connection.id) === false) {
      showing.open(connection.id, this.#options.twinOf(connection), this.#options.clock.now());
      this.#look();
    }
    return showing?.viewOf(connection.id);
  }

  /** What the peer has is known, or changed in bulk. */
  met(connection: Connection): void {
    const { pieces } = connection.peer;
    if (pieces !== undefined) this.#showing?.met(connection.id, pieces, this.#options.clock.now());
    this.#look();
  }

  has(connection: Connection, piece: PieceIndex): void {
    if (this.#isOver) return;
    this.#showing?.has(connection.id, piece, this.#options.clock.now());
    this.#look();
  }

  asked(connection: Connection, piece: PieceIndex): void {
    if (this.#isOver) return;
    this.#showing?.asked(connection.id, piece, this.#options.clock.now());
  }

  sent(id: number, piece: PieceIndex, bytes: number): void {
    if (this.#isOver) return;
    this.#showing?.sent(id, piece, bytes, this.#options.clock.now());
    this.#look();
  }

  left(connection: Connection): void {
    this.#showing?.left(connection.id, this.#options.clock.now());
    this.#look();
  }

  /** So many are known to have everything, ourselves among them. */
  learnSeeders(count: number): void {
    this.#showing?.setCompany(count > 1);
    this.#look();
  }

  /** How many pieces it got of us and did not pass on; undefined when that is of no interest. */
  unspread(id: number): number | undefined {
    return this.#showing?.isOn === true ? this.#showing.unspread(id) : undefined;
  }

  stop(): void {
    this.#cancelWake();
  }

  /** Shows what is to be shown, and wakes for what is late. */
  #look(): void {
    const showing = this.#showing;
    if (showing === undefined) return;
    const { clock, log, meter } = this.#options;
    if (this.#wasOn && !showing.isOn) {
      log.debug('others have every piece, or will: all is offered');
      meter.count('initial_seedings_ended');
    }
    this.#wasOn = showing.isOn;
    this.#cancelWake();
    const hasMore = showing.reveal(MAX_SHOWN_AT_ONCE);
    this.#isOver = !showing.isOn && !hasMore;
    const due = hasMore ? clock.now() : showing.nextDue;
    if (due === NEVER) return;
    this.#cancelWake = clock.at(due, () => {
      showing.tick(clock.now());
      this.#look();
    });
  }
}
