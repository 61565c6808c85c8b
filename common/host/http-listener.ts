import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { canonicalAddress } from '../base/address.ts';
import type { HttpBinder, HttpListener, HttpReply, HttpRequest } from '../base/http-ports.ts';
import type { Endpoint } from '../base/ids.ts';
import {
  ACCEPT_PAUSE_MS,
  HTTP_HEADERS_TIMEOUT_MS,
  HTTP_IDLE_TIMEOUT_MS,
  MAX_HTTP_CONNECTIONS,
  MAX_HTTP_CONNECTIONS_PER_IP,
  MAX_HTTP_HEADER_BYTES,
  MAX_HTTP_REQUESTS_PER_CONNECTION,
} from '../base/limits.ts';
import { bindError } from './bind-error.ts';

/** How often connections are looked at for headers that take too long. */
const CHECK_INTERVAL_MS = 1_000;

/** Opens listening HTTP sockets of the machine. `::` takes both families. */
export class HostHttpBinder implements HttpBinder {
  async listen(local: Endpoint): Promise<HttpListener> {
    const server = createServer({
      maxHeaderSize: MAX_HTTP_HEADER_BYTES,
      headersTimeout: HTTP_HEADERS_TIMEOUT_MS,
      // A GET has no body to wait for.
      requestTimeout: HTTP_HEADERS_TIMEOUT_MS,
      keepAliveTimeout: HTTP_HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    });
    try {
      server.listen({ port: local.port, host: local.host });
      await once(server, 'listening');
    } catch (error) {
      throw bindError('TCP', local, error);
    }
    return new HostHttpListener(server);
  }
}

class HostHttpListener implements HttpListener {
  readonly local: Endpoint;
  readonly #server: Server;
  /** BOUNDED: by MAX_HTTP_CONNECTIONS. */
  readonly #perHost = new Map<string, number>();
  #answer: ((request: HttpRequest) => HttpReply) | undefined;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(server: Server) {
    this.#server = server;
    const bound = server.address() as AddressInfo;
    this.local = { host: canonicalAddress(bound.address) ?? bound.address, port: bound.port };
    server.maxConnections = MAX_HTTP_CONNECTIONS;
    server.maxRequestsPerSocket = MAX_HTTP_REQUESTS_PER_CONNECTION;
    // Also for those who do not read what they asked for. The socket is destroyed.
    server.setTimeout(HTTP_IDLE_TIMEOUT_MS);
    server.on('connection', (socket) => this.#count(socket));
    server.on('request', (request, response) => this.#serve(request, response));
    server.on('clientError', (error, socket) => refuse(error, socket));
    // EMFILE, ENFILE, ENOBUFS: out of descriptors or memory, and each try would fail again at once.
    server.on('error', () => this.#pauseAccepting());
  }

  onRequest(answer: (request: HttpRequest) => HttpReply): void {
    this.#answer = answer;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #count(socket: Socket): void {
    const host = socket.remoteAddress ?? '';
    const count = (this.#perHost.get(host) ?? 0) + 1;
    this.#perHost.set(host, count);
    socket.once('close', () => {
      const rest = this.#perHost.get(host)! - 1;
      if (rest === 0) this.#perHost.delete(host);
      else this.#perHost.set(host, rest);
    });
    if (count > MAX_HTTP_CONNECTIONS_PER_IP) socket.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket, headers } = request;
    const host = canonicalAddress(socket.remoteAddress ?? '');
    // Without an address the connection is gone already.
    if (host === undefined || this.#answer === undefined) {
      socket.destroy();
      return;
    }
    const { method = '', url: target = '' } = request;
    const from: Endpoint = { host, port: socket.remotePort ?? 0 };
    // Whoever leaves in the middle of an answer is no error of ours.
    response.on('error', () => {});
    const { status, type, body } = this.#answer({ method, target, host: headers.host, from });
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    response.writeHead(status, {
      'Content-Type': type,
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...(status === 405 ? { Allow: 'GET' } : {}),
      // What nobody wants to read is not waited for.
      ...(status !== 200 || hasBody ? { Connection: 'close' } : {}),
    });
    response.end(method === 'HEAD' ? undefined : body);
  }

  /** Connections that are there go on. */
  #pauseAccepting(): void {
    if (this.#server.listening) this.#server.close();
    clearTimeout(this.#pause);
    if (this.#closed) return;
    const { host, port } = this.local;
    this.#pause = setTimeout(() => this.#server.listen({ host, port }), ACCEPT_PAUSE_MS);
  }
}

const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What is no HTTP, too long or too slow gets a line, if it still listens, and the door. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  socket.on('error', () => {});
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ''] ?? 400;
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status]!}`;
  socket.end(`${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
