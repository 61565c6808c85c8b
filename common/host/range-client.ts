import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { isIPv6 } from '../base/address.ts';
import { MAX_HTTP_HEADER_BYTES, MAX_WEB_GETS } from '../base/limits.ts';
import { VERSION } from '../base/product.ts';
import type { RangeCall, RangeClient, RangeEnd, RangeHandler, RangeHead, RangeQuestion } from '../base/web-ports.ts';
import { errnoOf } from './errno.ts';
import { plainBytes } from './plain-bytes.ts';

/**
 * Ranges of files over HTTP/1.1, on connections that are kept for the next question. No proxy is used, whatever the
 * environment says: the address was judged, and the question goes there.
 */
export class HostRangeClient implements RangeClient {
  readonly #localHost: string | undefined;
  /** Those that were needed by now: in most runs none is, and Node takes 2 ms to load what they are made of. */
  readonly #agents = new Map<Scheme, Agent>();

  constructor(options: {
    /** Address to ask from; the other family is then out of reach. Undefined: any. */
    readonly localHost: string | undefined;
  }) {
    this.#localHost = options.localHost;
  }

  get(question: RangeQuestion, handler: RangeHandler): RangeCall {
    const call = new HostRangeCall(handler);
    const local = this.#localHost;
    if (local !== undefined && isIPv6(local) !== isIPv6(question.address.host)) call.endSoon('unreachable');
    else call.start(() => this.#request(question));
    return call;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #request(question: RangeQuestion): ClientRequest {
    const options: RequestOptions = {
      ...optionsOf(question),
      ...(this.#localHost === undefined ? {} : { localAddress: this.#localHost }),
    };
    const scheme = question.secure ? 'node:https' : 'node:http';
    return process.getBuiltinModule(scheme).request({ ...options, agent: this.#agentOf(scheme) });
  }

  #agentOf(scheme: Scheme): Agent {
    const known = this.#agents.get(scheme);
    if (known !== undefined) return known;
    const agent = new (process.getBuiltinModule(scheme).Agent)({ keepAlive: true, maxFreeSockets: MAX_WEB_GETS });
    this.#agents.set(scheme, agent);
    return agent;
  }
}

type Scheme = 'node:http' | 'node:https';

function optionsOf(question: RangeQuestion): RequestOptions {
  const { address, name, secure, target, authorization, firstByte, lastByte, idleMs } = question;
  const isUsualPort = address.port === (secure ? 443 : 80);
  const host = isIPv6(name) ? `[${name}]` : name;
  return {
    host: address.host,
    port: address.port,
    path: target,
    maxHeaderSize: MAX_HTTP_HEADER_BYTES,
    // Of the socket, and so for connecting too, and for each silence.
    timeout: idleMs,
    headers: {
      Host: isUsualPort ? host : `${host}:${address.port}`,
      'User-Agent': `Shoal/${VERSION}`,
      Accept: '*/*',
      'Accept-Encoding': 'identity',
      Range: `bytes=${firstByte}-${lastByte}`,
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    },
    // RFC 6066: an IP address is no server name.
    ...(secure && isIP(name) === 0 ? { servername: name } : {}),
  };
}

class HostRangeCall implements RangeCall {
  readonly #handler: RangeHandler;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  #isPaused = false;
  #isOver = false;

  constructor(handler: RangeHandler) {
    this.#handler = handler;
  }

  start(make: () => ClientRequest, isLastTry = false): void {
    let request: ClientRequest;
    try {
      request = make();
    } catch {
      // A target that no request line can hold.
      return this.endSoon('unfit');
    }
    this.#request = request;
    // For the life of the request: an error without a listener would end the process.
    request.on('error', (error) => {
      // The server closed a kept connection just when it was to be used again: that says nothing of the question.
      if (request.reusedSocket && !isLastTry && !this.#isOver && request === this.#request) this.start(make, true);
      else this.#end(endOf(error));
    });
    request.on('timeout', () => this.#end('timeout'));
    request.on('response', (response) => this.#take(response));
    request.end();
  }

  /** Not before the caller has what it needs to hear of it. */
  endSoon(end: RangeEnd): void {
    queueMicrotask(() => this.#end(end));
  }

  pause(): void {
    this.#isPaused = true;
    this.#response?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#response?.resume();
  }

  cancel(): void {
    this.#isOver = true;
    this.#request?.destroy();
  }

  #take(response: IncomingMessage): void {
    // From here on it is no question of the connection any more.
    this.#request!.reusedSocket = false;
    response.on('error', () => this.#end('cut'));
    if (this.#isOver) return;
    this.#response = response;
    this.#handler.onHead(headOf(response));
    response.on('data', (bytes: Buffer) => {
      if (!this.#isOver) this.#handler.onBytes(plainBytes(bytes));
    });
    response.on('end', () => this.#end(response.complete ? 'whole' : 'cut'));
    response.on('close', () => this.#end('cut'));
    if (this.#isPaused) response.pause();
  }

  #end(end: RangeEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (end !== 'whole') this.#request?.destroy();
    this.#handler.onEnd(end);
  }
}

function headOf(response: IncomingMessage): RangeHead {
  const { statusCode = 0, headers } = response;
  const length = headers['content-length'];
  return {
    status: statusCode,
    contentRange: headers['content-range'],
    contentLength: length === undefined ? undefined : Number(length),
    contentEncoding: headers['content-encoding'],
    retryAfter: headers['retry-after'],
    date: headers.date,
    location: headers.location,
  };
}

function endOf(error: unknown): RangeEnd {
  switch (errnoOf(error)) {
    case 'ECONNREFUSED':
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EINVAL':
    case 'EACCES':
    case 'EPERM':
    case 'EMFILE':
    case 'ENFILE':
      return 'unreachable';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'cut';
    case 'ETIMEDOUT':
      return 'timeout';
    default:
      return 'unfit';
  }
}
