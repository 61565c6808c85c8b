import type { Socket } from 'node:net';
import { canonicalAddress } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import { END_TIMEOUT_MS, KIB, SEND_BUFFER_LOW_BYTES } from '../base/limits.ts';
import type { CloseCause, TcpHandler, TcpPort } from '../base/ports.ts';

/** Probe a silent peer's machine after this, so that one that vanished is noticed. */
const KEEP_ALIVE_PROBE_MS = 60_000;

/**
 * Less than this waits for the end of the turn of the event loop, for more to go with it: each system call costs time
 * on both sides.
 */
const SMALL_BYTES = 4 * KIB;

/**
 * A connected socket, paused when it comes here, as a `TcpPort`.
 *
 * The other side's end of stream closes ours too, once the queue is sent: BitTorrent has no use for half a connection.
 */
export class HostTcpStream implements TcpPort {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #socket: Socket;
  #handler: TcpHandler | undefined;
  #paused = false;
  /** Nothing more may be written; what still arrives is thrown away. */
  #closing = false;
  #closed = false;
  #cause: CloseCause | undefined;
  #wasAboveLowWater = false;
  #endTimer: NodeJS.Timeout | undefined;
  /** Who waits for each write under way, oldest first. BOUNDED: by the writer, who watches `queuedBytes`. */
  readonly #unflushed: (readonly (() => void)[])[] = [];
  /** Small writes of this turn of the event loop, and who waits for them. BOUNDED: by SMALL_BYTES. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #waiters: (() => void)[] = [];

  private constructor(socket: Socket, local: Endpoint, remote: Endpoint) {
    this.#socket = socket;
    this.local = local;
    this.remote = remote;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    socket.on('end', () => this.#onEnd());
    // Without a listener an ECONNRESET or EPIPE would end the process.
    socket.on('error', () => (this.#cause ??= 'reset'));
    socket.on('close', () => this.#onClose());
  }

  /** Undefined when the connection is gone already and has no addresses any more. */
  static of(socket: Socket): HostTcpStream | undefined {
    const local = endpointOf(socket.localAddress, socket.localPort);
    const remote = endpointOf(socket.remoteAddress, socket.remotePort);
    if (local === undefined || remote === undefined || socket.destroyed) return undefined;
    return new HostTcpStream(socket, local, remote);
  }

  get queuedBytes(): number {
    return this.#closed ? 0 : this.#socket.writableLength + this.#waitingBytes;
  }

  start(handler: TcpHandler): void {
    if (this.#handler !== undefined) throw new Error('a TCP stream was started twice');
    this.#handler = handler;
    if (this.#closed) setImmediate(() => handler.onClosed(this.#cause ?? 'reset'));
    else if (!this.#paused) this.#socket.resume();
  }

  /** What the socket has read; whoever wired the socket calls this. */
  receive(view: Uint8Array): void {
    if (!this.#closing) this.#handler?.onBytes(view);
  }

  write(parts: readonly Uint8Array[], flushed?: () => void): void {
    if (this.#closing || parts.length === 0) {
      if (flushed !== undefined) setImmediate(flushed);
      return;
    }
    const isFirst = this.#waiting.length === 0;
    if (flushed !== undefined) this.#waiters.push(flushed);
    for (const part of parts) {
      this.#waiting.push(part);
      this.#waitingBytes += part.length;
    }
    if (this.#waitingBytes >= SMALL_BYTES) this.#send();
    else if (isFirst) setImmediate(this.#send);
  }

  /** What was written since the last time, as one gathered write. */
  readonly #send = (): void => {
    if (this.#waiting.length === 0) return;
    const parts = this.#waitingBytes < SMALL_BYTES ? [joined(this.#waiting, this.#waitingBytes)] : this.#waiting;
    this.#unflushed.push(this.#waiters);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#waiters = [];
    if (this.#socket.destroyed) return;
    // A whole piece is one part, which needs no gathering.
    const last = parts.length - 1;
    if (last > 0) this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(parts[i]!);
    this.#socket.write(parts[last]!, this.#onFlushed);
    if (last > 0) this.#socket.uncork();
    if (this.#socket.writableLength > SEND_BUFFER_LOW_BYTES) this.#wasAboveLowWater = true;
  };

  pause(): void {
    this.#paused = true;
    if (!this.#closing) this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler !== undefined) this.#socket.resume();
  }

  end(): void {
    this.#cause ??= 'local';
    this.#linger();
  }

  destroy(): void {
    this.#cause ??= 'local';
    this.#closing = true;
    this.#socket.destroy();
  }

  #onEnd(): void {
    this.#cause ??= 'ended';
    this.#linger();
  }

  /**
   * Sends the queue and our end of stream. Goes on reading meanwhile: to close over unread bytes is to reset, and
   * that would take what we have just sent from the other side.
   */
  #linger(): void {
    if (this.#closing) return;
    this.#send();
    this.#closing = true;
    this.#socket.end();
    this.#socket.resume();
    this.#endTimer = setTimeout(() => this.#socket.destroy(), END_TIMEOUT_MS);
  }

  readonly #onFlushed = (): void => {
    for (const flushed of this.#unflushed.shift() ?? []) flushed();
    if (!this.#wasAboveLowWater || this.#closing || this.#socket.writableLength > SEND_BUFFER_LOW_BYTES) return;
    this.#wasAboveLowWater = false;
    this.#handler?.onDrain();
  };

  #onClose(): void {
    clearTimeout(this.#endTimer);
    this.#closing = true;
    this.#closed = true;
    const waiters = [...this.#unflushed.splice(0).flat(), ...this.#waiters.splice(0)];
    for (const flushed of waiters) flushed();
    this.#handler?.onClosed((this.#cause ??= 'reset'));
  }
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  const host = address === undefined ? undefined : canonicalAddress(address);
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** To write a part costs much more than to copy a small one. */
function joined(parts: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, sizeBytes);
}
