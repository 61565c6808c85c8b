import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { isIP } from 'node:net';
import { isIPv6 } from '../base/address.ts';
import { concatBytes } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import type { HttpAnswer, HttpClient, HttpFailure, HttpQuestion } from '../base/http-ports.ts';
import { MAX_HTTP_HEADER_BYTES } from '../base/limits.ts';
import { VERSION } from '../base/product.ts';
import { errnoOf } from './errno.ts';

const CANCELLED: HttpAnswer = { ok: false, failure: 'cancelled', text: 'cancelled' };

/** Small GETs, each on a connection of its own. */
export class HostHttpClient implements HttpClient {
  readonly #localHost: string | undefined;

  constructor(options: {
    /** Address to ask from; the other family is then out of reach. Undefined: any. */
    readonly localHost: string | undefined;
  }) {
    this.#localHost = options.localHost;
  }

  get(question: HttpQuestion, stop: AbortSignal): Promise<HttpAnswer> {
    const local = this.#localHost;
    if (stop.aborted) return Promise.resolve(CANCELLED);
    if (local !== undefined && isIPv6(local) !== isIPv6(question.address.host)) {
      const text = `${local} cannot reach ${question.address.host}`;
      return Promise.resolve({ ok: false, failure: 'unreachable', text });
    }
    let request: ClientRequest;
    try {
      // Loaded when it is needed, which it is in few runs: Node takes 2 ms for it.
      const { request: open } = process.getBuiltinModule(question.secure ? 'node:https' : 'node:http');
      request = open(optionsOf(question, local));
    } catch (error) {
      return Promise.resolve({ ok: false, failure: 'unfit', text: messageOf(error) });
    }
    return new Promise((resolve) => {
      const settle = (answer: HttpAnswer): void => {
        clearTimeout(timer);
        stop.removeEventListener('abort', cancel);
        request.destroy();
        resolve(answer);
      };
      const cancel = (): void => settle(CANCELLED);
      // It counts from the first step to the last byte, which no timeout of a socket does.
      const timer = setTimeout(() => settle(late(question)), question.timeoutMs);
      stop.addEventListener('abort', cancel);
      // For the life of the request: an error without a listener would end the process. A promise settles once.
      request.on('error', (error) => settle(failureOf(error)));
      request.on('response', (response) => collect(response, question.maxBytes, settle));
      request.end();
    });
  }
}

function optionsOf(question: HttpQuestion, localHost: string | undefined): RequestOptions & { servername?: string } {
  const { address, name, secure, target } = question;
  const isUsualPort = address.port === (secure ? 443 : 80);
  const host = isIPv6(name) ? `[${name}]` : name;
  return {
    host: address.host,
    port: address.port,
    path: target,
    agent: false,
    maxHeaderSize: MAX_HTTP_HEADER_BYTES,
    headers: {
      Host: isUsualPort ? host : `${host}:${address.port}`,
      'User-Agent': `Shoal/${VERSION}`,
      Accept: '*/*',
      'Accept-Encoding': 'gzip',
      Connection: 'close',
    },
    ...(localHost === undefined ? {} : { localAddress: localHost }),
    // RFC 6066: an IP address is no server name.
    ...(secure && isIP(name) === 0 ? { servername: name } : {}),
  };
}

/** The whole body, or nothing when it is too long. */
function collect(response: IncomingMessage, maxBytes: number, settle: (answer: HttpAnswer) => void): void {
  const parts: Uint8Array[] = [];
  let length = 0;
  const announced = Number(response.headers['content-length'] ?? 0);
  if (announced > maxBytes) {
    settle(tooLong(announced));
    return;
  }
  response.on('data', (bytes: Uint8Array) => {
    length += bytes.length;
    parts.push(bytes);
    if (length > maxBytes) settle(tooLong(length));
  });
  response.on('error', (error) => settle(failureOf(error)));
  response.on('end', () => {
    const { statusCode = 0, headers } = response;
    unpack(concatBytes(parts), headers['content-encoding'], maxBytes, (body) => {
      settle(
        typeof body === 'string' ? unfit(body) : { ok: true, status: statusCode, location: headers.location, body },
      );
    });
  });
}

const unfit = (text: string): HttpAnswer => ({ ok: false, failure: 'unfit', text });

/** The body as it was before it was packed, or why there is none. What it would grow to is bounded too. */
function unpack(
  body: Uint8Array,
  coding: string | undefined,
  maxBytes: number,
  settle: (body: Uint8Array | string) => void,
): void {
  const name = coding?.trim().toLowerCase() ?? 'identity';
  if (name === 'identity' || name === '' || body.length === 0) return settle(body);
  if (name !== 'gzip' && name !== 'x-gzip') return settle('its answer is encoded in a way that was not asked for');
  process.getBuiltinModule('node:zlib').gunzip(body, { maxOutputLength: maxBytes }, (error, unpacked) => {
    settle(error === null ? new Uint8Array(unpacked) : 'its answer is packed, and too long or not as it should be');
  });
}

const tooLong = (length: number): HttpAnswer => ({
  ok: false,
  failure: 'unfit',
  text: `its answer has ${length} bytes or more`,
});
const late = ({ timeoutMs }: HttpQuestion): HttpAnswer => ({
  ok: false,
  failure: 'silent',
  text: `no answer within ${timeoutMs / 1000} s`,
});

function failureOf(error: unknown): HttpAnswer {
  const errno = errnoOf(error);
  return { ok: false, failure: kindOf(errno), text: WORDS[errno] ?? messageOf(error) };
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused',
  ECONNRESET: 'the connection is cut',
  ETIMEDOUT: 'no answer',
};

function kindOf(errno: string): HttpFailure {
  switch (errno) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ETIMEDOUT':
    case 'EPIPE':
      return 'silent';
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EINVAL':
    case 'EACCES':
    case 'EPERM':
      return 'unreachable';
    default:
      return 'unfit';
  }
}
