/** HTTP as trackers and their clients use it: small questions, small answers, nothing streamed. */
import type { Endpoint } from './ids.ts';

/** One GET to one address. Redirects are answers like any other. */
export interface HttpQuestion {
  /** Over TLS, whose certificate must be that of `name`. */
  readonly secure: boolean;
  /** Where to connect to: canonical IP text and a port. */
  readonly address: Endpoint;
  /** The server's name or IP text without brackets, for the Host header and TLS. */
  readonly name: string;
  /** Path and query, escaped: printable ASCII without spaces. */
  readonly target: string;
  /** A longer answer is none. */
  readonly maxBytes: number;
  /** From the first step of connecting to the last byte. */
  readonly timeoutMs: number;
}

export type HttpFailure =
  | 'silent' /* refused, reset, or not in time */
  | 'unreachable' /* no way to the address from here */
  | 'unfit' /* too long, no HTTP, or not who it should be (TLS) */
  | 'cancelled';

export type HttpAnswer =
  | {
      readonly ok: true;
      readonly status: number;
      /** Of a redirect. */
      readonly location: string | undefined;
      readonly body: Uint8Array;
    }
  | { readonly ok: false; readonly failure: HttpFailure; readonly text: string };

export interface HttpClient {
  /** Never rejects. */
  get(question: HttpQuestion, stop: AbortSignal): Promise<HttpAnswer>;
}

/** A request as it came, its headers within bounds. */
export interface HttpRequest {
  readonly method: string;
  /** As it was sent: every character is a byte. */
  readonly target: string;
  /** The Host header. */
  readonly host: string | undefined;
  /** Canonical. */
  readonly from: Endpoint;
}

export interface HttpReply {
  readonly status: 200 | 400 | 403 | 404 | 405 | 414;
  readonly type: 'text/plain' | 'application/json';
  readonly body: Uint8Array;
}

/** A listening socket. Headers that are too long or too slow, and connections beyond the bounds, are the host's. */
export interface HttpListener {
  readonly local: Endpoint;
  /** The one who answers, at once. */
  onRequest(answer: (request: HttpRequest) => HttpReply): void;
  /** Cuts all connections. */
  close(): Promise<void>;
}

/** Opens listening HTTP sockets. Rejects with a `ShoalError` of code NETWORK. */
export interface HttpBinder {
  listen(local: Endpoint): Promise<HttpListener>;
}
