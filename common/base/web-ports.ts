/** HTTP as a source of content: a range of a file, streamed as it comes (BEP 19). */
import type { Endpoint } from './ids.ts';

/** One GET of a range from one address. Redirects are answers like any other. */
export interface RangeQuestion {
  /** Over TLS, whose certificate must be that of `name`. */
  readonly secure: boolean;
  /** Where to connect to: canonical IP text and a port. */
  readonly address: Endpoint;
  /** The server's name or IP text without brackets, for the Host header and TLS. */
  readonly name: string;
  /** Path and query, escaped: printable ASCII without spaces. */
  readonly target: string;
  /** Of a URL with a user in it. */
  readonly authorization: string | undefined;
  /** Both included. */
  readonly firstByte: number;
  readonly lastByte: number;
  /** For connecting, and for each silence after that. */
  readonly idleMs: number;
}

export interface RangeHead {
  readonly status: number;
  readonly contentRange: string | undefined;
  /** Bytes of the body, where the server says so. */
  readonly contentLength: number | undefined;
  readonly contentEncoding: string | undefined;
  readonly retryAfter: string | undefined;
  /** The server's clock. */
  readonly date: string | undefined;
  readonly location: string | undefined;
}

export type RangeEnd =
  | 'whole' /* the body as long as it was to be */
  | 'unreachable' /* refused, or no way there */
  | 'cut' /* reset, or closed before its end */
  | 'timeout'
  | 'unfit'; /* no HTTP, or not who it should be (TLS) */

export interface RangeHandler {
  /** Once, before any bytes. */
  onHead(head: RangeHead): void;
  /** `view` is valid only during the call: whoever takes it has made room for all that was asked for. */
  onBytes(view: Uint8Array): void;
  /** Exactly once, last; not after `cancel`. */
  onEnd(end: RangeEnd): void;
}

export interface RangeCall {
  /** Reads no more of the body for now, so that the server meets back-pressure. */
  pause(): void;
  resume(): void;
  /** Nothing more is wanted; nothing more is told. */
  cancel(): void;
}

export interface RangeClient {
  /** Tells nothing before it has returned. */
  get(question: RangeQuestion, handler: RangeHandler): RangeCall;
  /** Closes what is kept open for the next question. */
  close(): void;
}
