/**
 * The world as rules and drivers see it. Implemented by `common/host` on the real machine and by `common/sim`
 * on a virtual one; both pass the same contract suites.
 */
import type { Digest, Endpoint, Instant, PieceIndex } from './ids.ts';
import type { PieceCheck } from './piece-check.ts';

/** Monotonic time: it never jumps with the wall clock. */
export interface Clock {
  now(): Instant;
  /** Calls `wake` once, at or soon after `when`; the result cancels it. A moment in the past wakes soon. */
  at(when: Instant, wake: () => void): () => void;
}

export interface Random {
  /** Unpredictable bytes: keys, peer ids, transaction ids. */
  bytes(count: number): Uint8Array;
  /** A whole number in 0 … bound - 1; `bound` is at most 2^32. */
  below(bound: number): number;
}

export interface UdpPort {
  readonly local: Endpoint;
  /** Hands one datagram to the network; it may be lost. Errors of the network are swallowed and metered by the host. */
  send(bytes: Uint8Array, to: Endpoint): void;
  /** The one receiver. `bytes` is valid only during the call. */
  onDatagram(receive: (bytes: Uint8Array, from: Endpoint) => void): void;
  close(): Promise<void>;
}

/** Opens UDP sockets. `host` `0.0.0.0` or `::` for any address, port 0 for any free port. */
export interface UdpBinder {
  bind(local: Endpoint): Promise<UdpPort>;
}

/** Datagrams to and from everyone of a multicast group on the local network, oneself among them. */
export interface MulticastPort {
  readonly group: Endpoint;
  send(bytes: Uint8Array): void;
  /** The one receiver. `bytes` is valid only during the call. */
  onDatagram(receive: (bytes: Uint8Array, from: Endpoint) => void): void;
  close(): Promise<void>;
}

export interface MulticastBinder {
  /** Rejects where there is no such network. */
  join(group: Endpoint): Promise<MulticastPort>;
}

/** Names to addresses, all families, in the system's order of preference. IP text resolves to itself. */
export interface Resolver {
  /** Rejects with a `ShoalError` of code NAME_UNRESOLVED. */
  resolve(host: string): Promise<readonly string[]>;
}

export type CloseCause =
  | 'ended' /* the other side closed in good order */
  | 'reset' /* cut in the middle: RST, EPIPE, network lost */
  | 'local'; /* we closed it */

/** One connected byte stream. */
export interface TcpPort {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Bytes given to `write` that the kernel has not taken yet. */
  readonly queuedBytes: number;
  /** More than this should not be asked of the other side at a time; absent where there is no limit. */
  readonly mostBytesInFlight?: number;
  /** Begins reading. Called once; nothing is delivered before. */
  start(handler: TcpHandler): void;
  /**
   * Queues the parts, in order, as one gathered write. The parts must not change until `flushed` is called,
   * which happens exactly once: when the kernel has taken them, or when the stream is gone.
   */
  write(parts: readonly Uint8Array[], flushed?: () => void): void;
  /** Stops reading, so that the other side meets back-pressure. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes; cut off after a short limit. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

export interface TcpHandler {
  /** `view` is valid only during the call. */
  onBytes(view: Uint8Array): void;
  /** `queuedBytes` has come down to the low-water mark after having been above it. */
  onDrain(): void;
  /** Exactly once, last. */
  onClosed(cause: CloseCause): void;
}

export interface Listener {
  readonly local: Endpoint;
  /** The one receiver of accepted streams. */
  onConnection(accept: (stream: TcpPort) => void): void;
  close(): Promise<void>;
}

/** Opens listening TCP sockets. Rejects with a `ShoalError` of code NETWORK. */
export interface ListenerBinder {
  listen(local: Endpoint): Promise<Listener>;
}

export type DialFailure = 'refused' | 'timeout' | 'unreachable';

export type DialResult =
  { readonly ok: true; readonly stream: TcpPort } | { readonly ok: false; readonly failure: DialFailure };

export interface Dialer {
  /** Never rejects: a peer that is not there is an everyday answer. */
  dial(to: Endpoint, timeoutMs: number): Promise<DialResult>;
}

export type StoreFailure =
  | 'full' /* ENOSPC, EDQUOT */
  | 'changed' /* not the size or modification time it was hashed with, a short read, gone */
  | 'failed'; /* EIO, EROFS, EACCES, ESTALE … */

export class StoreError extends Error {
  readonly failure: StoreFailure;

  constructor(failure: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.failure = failure;
  }
}

/** The pieces of one torrent on a disk. */
export interface PieceStore {
  /** Fills `into` with the piece's bytes from `begin`. Rejects with a `StoreError`; never resolves half filled. */
  read(piece: PieceIndex, begin: number, into: Uint8Array): Promise<void>;
  /**
   * Fills `into` before it returns, where that most likely takes no longer than a copy; false when it might keep the
   * event loop waiting, and then `read` is to be used. Throws a `StoreError`. Absent where all reads take their time.
   */
  readNow?(piece: PieceIndex, begin: number, into: Uint8Array): boolean;
  /** Writes a whole verified piece. Rejects with a `StoreError`. */
  write(piece: PieceIndex, bytes: Uint8Array): Promise<void>;
  /**
   * Absent where the store cannot: writes the piece if it is what it should be, in one go and away from the event loop;
   * false when it is not, and nothing was written. `bytes` are in shared memory and must not change until the answer;
   * of the check all but `takesRoot` counts. Rejects with a `StoreError`.
   */
  readonly keep?: ((piece: PieceIndex, bytes: Uint8Array, check: PieceCheck) => Promise<boolean>) | undefined;
  /** Resolves when all that was written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** SHA-256, and the SHA-1 of v1 torrents, off the event loop. */
export interface Hasher {
  /**
   * The merkle root over the 16 KiB leaves of `bytes`, padded with zero leaves to `leafSlots`, a power of two
   * (BEP 52). `bytes` should be in shared memory; it must not change until the answer.
   */
  pieceRoot(bytes: Uint8Array, leafSlots: number): Promise<Digest>;
  /** The leaf hashes of `bytes`, 32 bytes each, without padding. */
  leaves(bytes: Uint8Array): Promise<Uint8Array>;
  /** SHA-1 of `bytes` and so many zeros after them: how v1 checks a piece (BEP 3), with the padding of BEP 47. 20 bytes. */
  sha1(bytes: Uint8Array, zeroBytes: number): Promise<Uint8Array>;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Words for people and machines, on standard error or a file. `component` is set by `child`. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** -v: what a user who wonders wants to know. */
  debug(message: string, fields?: LogFields): void;
  /** -vv: every message. Guard costly text with `traces`. */
  trace(message: string, fields?: LogFields): void;
  readonly traces: boolean;
  child(component: string): Log;
}

/** Counters by fixed name; no label comes from the wire. */
export interface Meter {
  count(name: string, by?: number): void;
}
