import type { Endpoint } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import { END_TIMEOUT_MS, SEND_BUFFER_LOW_BYTES } from '../base/limits.ts';
import type { CloseCause, Clock, TcpHandler, TcpPort } from '../base/ports.ts';
import { SimChannel } from './channel.ts';
import type { SimLink } from './link.ts';
import { SendQueue } from './send-queue.ts';

/** What bytes become when they were valid only during a call: whoever kept the view finds out. */
const STALE = 0xdb;

export interface StreamOptions {
  readonly clock: Clock;
  /** From this end to the other. */
  readonly link: SimLink;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly onBorn: (stream: SimTcpStream) => void;
  /** Called once, when the stream is gone. */
  readonly onGone: (stream: SimTcpStream) => void;
}

/**
 * One end of a simulated connection. The sender's kernel takes bytes while the window has room, for good; the window
 * opens again when the other end has read them. It behaves as `HostTcpStream` does,
 * and the contract suite holds both to it.
 */
export class SimTcpStream implements TcpPort {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #clock: Clock;
  readonly #link: SimLink;
  readonly #channel: SimChannel;
  readonly #onGone: (stream: SimTcpStream) => void;
  readonly #outbox = new SendQueue();
  /** Arrived and unread. BOUNDED: by the window. */
  readonly #inbox: Uint8Array[] = [];
  #other!: SimTcpStream;
  #handler: TcpHandler | undefined;
  #paused = false;
  /** Nothing more may be written; what still arrives is thrown away. */
  #closing = false;
  #gone = false;
  /** `onClosed` was called, or should have been. */
  #finished = false;
  /** The program is dead: it hears nothing any more. */
  #silent = false;
  #cause: CloseCause | undefined;
  #endSent = false;
  #endArrived = false;
  #endRead = false;
  #onTheWayBytes = 0;
  #wasAboveLowWater = false;
  #cancelPump: (() => void) | undefined;
  #cancelEnd: (() => void) | undefined;

  private constructor(options: StreamOptions) {
    this.local = options.local;
    this.remote = options.remote;
    this.#clock = options.clock;
    this.#link = options.link;
    this.#channel = new SimChannel({
      clock: options.clock,
      link: options.link,
      onLost: () => this.#onReset(),
      onCut: () => (this.#gone ? this.#sendReset() : this.reset()),
    });
    this.#onGone = options.onGone;
    options.onBorn(this);
  }

  /** The two ends of a new connection. */
  static pair(one: StreamOptions, two: StreamOptions): readonly [SimTcpStream, SimTcpStream] {
    const ends = [new SimTcpStream(one), new SimTcpStream(two)] as const;
    ends[0].#other = ends[1];
    ends[1].#other = ends[0];
    return ends;
  }

  get isGone(): boolean {
    return this.#gone;
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  start(handler: TcpHandler): void {
    if (this.#handler !== undefined) throw new Error('a TCP stream was started twice');
    this.#handler = handler;
    const late = this.#finished;
    this.#soon(() => {
      if (!late) this.#read();
      else if (!this.#silent) handler.onClosed(this.#cause ?? 'reset');
    });
  }

  write(parts: readonly Uint8Array[], flushed?: () => void): void {
    if (this.#closing || this.#gone || parts.length === 0) {
      this.#soon(() => {
        if (!this.#silent) flushed?.();
      });
      return;
    }
    this.#outbox.add(parts, flushed);
    if (this.#outbox.queuedBytes > SEND_BUFFER_LOW_BYTES) this.#wasAboveLowWater = true;
    this.#pumpSoon();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#soon(() => this.#read());
  }

  end(): void {
    this.#cause ??= 'local';
    this.#linger();
  }

  destroy(): void {
    if (this.#gone) return;
    this.#cause ??= 'local';
    this.#leave();
  }

  /** Cut in the middle, for both ends. */
  reset(): void {
    if (this.#gone) return;
    this.#sendReset();
    this.#onReset();
  }

  /** Something else than data that the other end gets in its turn: the answer to a dial. */
  signal(arrive: () => void): void {
    this.#channel.signal(arrive);
  }

  /** The program died. Its kernel closes the connection; when the whole machine is gone, the other end hears nothing. */
  kill(options: { readonly vanished: boolean }): void {
    this.#silent = true;
    if (this.#gone) return;
    if (!options.vanished) {
      this.#leave();
      return;
    }
    this.#channel.clear();
    this.#close();
  }

  /* ---- sending ---- */

  #pumpSoon(): void {
    if (this.#gone) return;
    this.#cancelPump ??= this.#clock.at(this.#clock.now(), () => {
      this.#cancelPump = undefined;
      this.#pump();
    });
  }

  /** The other end has read so many bytes. */
  #windowOpens(sizeBytes: number): void {
    this.#onTheWayBytes -= sizeBytes;
    if (!this.#outbox.isEmpty || this.#closing || this.#wasAboveLowWater) this.#pumpSoon();
  }

  #pump(): void {
    const other = this.#other;
    const room = this.#room();
    if (room > 0) {
      const bytes = this.#outbox.take(room);
      this.#onTheWayBytes += bytes.length;
      this.#channel.send(bytes, (arrived) => other.#onArrival(arrived));
    }
    this.#outbox.flush();
    if (this.#gone) return;
    if (this.#closing) this.#sendEnd();
    else if (this.#wasAboveLowWater && this.#outbox.queuedBytes <= SEND_BUFFER_LOW_BYTES) {
      this.#wasAboveLowWater = false;
      this.#handler?.onDrain();
    }
  }

  #room(): number {
    return Math.min(this.#outbox.queuedBytes, this.#link.traits.windowBytes - this.#onTheWayBytes);
  }

  #sendEnd(): void {
    if (this.#endSent || !this.#outbox.isEmpty) return;
    this.#endSent = true;
    this.#channel.signal(() => this.#other.#onEndArrival());
    if (this.#endRead) this.#close();
  }

  #sendReset(): void {
    this.#channel.reset(() => this.#other.#onReset());
  }

  /* ---- receiving ---- */

  #onArrival(bytes: Uint8Array): void {
    if (!this.#gone) {
      this.#inbox.push(bytes);
      this.#read();
    } else this.#sendReset();
  }

  #onEndArrival(): void {
    this.#endArrived = true;
    this.#read();
  }

  #onReset(): void {
    this.#channel.drop();
    if (this.#gone) return;
    this.#cause ??= 'reset';
    this.#close();
  }

  #read(): void {
    while (this.#isReading() && this.#inbox.length > 0) {
      const bytes = this.#inbox.shift()!;
      this.#other.#windowOpens(bytes.length);
      if (!this.#closing) this.#handler?.onBytes(bytes);
      bytes.fill(STALE);
    }
    if (!this.#isReading() || !this.#endArrived || this.#endRead) return;
    this.#endRead = true;
    this.#cause ??= 'ended';
    this.#linger();
    if (this.#endSent) this.#close();
  }

  #isReading(): boolean {
    return !this.#gone && (this.#closing || (this.#handler !== undefined && !this.#paused));
  }

  /* ---- closing ---- */

  /** Sends the queue and our end of stream; what arrives meanwhile is thrown away. */
  #linger(): void {
    if (this.#closing || this.#gone) return;
    this.#closing = true;
    this.#pumpSoon();
    this.#soon(() => this.#read());
    this.#cancelEnd = this.#clock.at(after(this.#clock.now(), END_TIMEOUT_MS), () => this.#leave());
  }

  /** As a kernel does when a socket is closed: a reset when bytes are unread, else the end after what it has taken. */
  #leave(): void {
    if (this.#gone) return;
    if (this.#inbox.length > 0) this.#sendReset();
    else if (!this.#endSent) this.#channel.signal(() => this.#other.#onEndArrival());
    this.#close();
  }

  #close(): void {
    this.#gone = true;
    this.#cancelPump?.();
    this.#cancelEnd?.();
    this.#outbox.abandon();
    this.#inbox.length = 0;
    this.#onGone(this);
    this.#soon(() => {
      if (this.#silent) return;
      this.#outbox.flush();
      this.#finished = true;
      this.#handler?.onClosed((this.#cause ??= 'reset'));
    });
  }

  /** Nothing is called back while the caller is still calling. */
  #soon(run: () => void): void {
    this.#clock.at(this.#clock.now(), run);
  }
}
