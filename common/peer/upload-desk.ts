/** The turns of a node's uploads, with the clock: one wake-up for what must have arrived. */
import type { Instant } from '../base/ids.ts';
import { NEVER } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { Turns, type Upcoming } from './turns.ts';

/** One connection's place in the queue. */
export interface UploadTicket {
  /** Whether something of this piece may be sent now; if not, `go` is called when it may. */
  mayGo(upcoming: Upcoming): boolean;
  /** What may be queued on its stream: whatever is said next comes after it. */
  readonly mostQueuedBytes: number;
  /** Pieces leave so fast that nobody need care how long one takes. */
  readonly isFast: boolean;
  /** There is nothing to send. */
  rest(): void;
  sent(piece: number, bytes: number): void;
  /** The kernel took them. */
  taken(piece: number, bytes: number): void;
  /** The peer says that it has the piece. */
  arrived(piece: number): void;
  leave(): void;
}

export interface UploadParty {
  /** What it has deserved; the highest is served first. */
  readonly merit: (now: Instant) => number;
  /** Its turn has come. */
  readonly go: () => void;
}

export class UploadDesk {
  readonly #clock: Clock;
  readonly #turns = new Turns();
  /** BOUNDED: by the connections. */
  readonly #parties = new Map<number, UploadParty>();
  #isCalling = false;
  #wakeAt: Instant = NEVER;
  #cancelWake: () => void = () => undefined;

  constructor(options: { readonly clock: Clock }) {
    this.#clock = options.clock;
  }

  /** Bytes per second that the uplink can do; 0 while that is unknown. */
  get uplinkBytesPerSecond(): number {
    return this.#turns.uplink(this.#clock.now());
  }

  join(id: number, party: UploadParty): UploadTicket {
    const turns = this.#turns;
    const now = (): Instant => this.#clock.now();
    turns.join(id, party.merit);
    this.#parties.set(id, party);
    return {
      get isFast() {
        return turns.isFast(now());
      },
      get mostQueuedBytes() {
        return turns.mostQueued(now());
      },
      mayGo: (upcoming) => {
        if (turns.mayGo(id, upcoming, now())) return true;
        // If its turn comes at once, `go` has done it all, or will have when those before it are done.
        this.#call();
        return false;
      },
      rest: () => {
        turns.rest(id);
        this.#call();
      },
      sent: (piece, bytes) => {
        turns.sent(id, piece, bytes, now());
      },
      taken: (piece, bytes) => {
        this.#wakeBy(turns.taken(id, piece, bytes, now()));
      },
      arrived: (piece) => {
        // Most of what it says it has did not come from here.
        if (turns.arrived(id, piece, now())) this.#call();
      },
      leave: () => {
        turns.leave(id, now());
        this.#parties.delete(id);
        this.#call();
      },
    };
  }

  /** Whoever is called sends at once, and may end its turn by that: then the loop that called it goes on. */
  #call(): void {
    if (this.#isCalling) return;
    this.#isCalling = true;
    try {
      for (let id = this.#turns.next(this.#clock.now()); id !== undefined; id = this.#turns.next(this.#clock.now())) {
        this.#parties.get(id)!.go();
      }
    } finally {
      this.#isCalling = false;
    }
    // Of those that do not wait, what is on its way was thought of when the kernel took it.
    if (this.#turns.isAwaited) this.#wakeBy(this.#turns.nextDue(this.#clock.now()));
  }

  #wakeBy(due: Instant): void {
    // A wake-up that comes too early does no harm, and is one less to be set.
    if (due >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = due;
    this.#cancelWake = this.#clock.at(due, () => {
      this.#wakeAt = NEVER;
      const now = this.#clock.now();
      this.#turns.tick(now);
      this.#call();
      this.#wakeBy(this.#turns.nextDue(now));
    });
  }
}
