import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { canonicalAddress } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import { ACCEPT_PAUSE_MS } from '../base/limits.ts';
import type { Listener, ListenerBinder, TcpPort } from '../base/ports.ts';
import { bindError } from './bind-error.ts';
import { plainBytes } from './plain-bytes.ts';
import { HostTcpStream } from './tcp-stream.ts';

/** Opens listening TCP sockets of the machine. `::` takes both families. */
export class HostListenerBinder implements ListenerBinder {
  async listen(local: Endpoint): Promise<Listener> {
    const server = await openServer(local).catch((error: unknown) => {
      throw bindError('TCP', local, error);
    });
    return new HostListener(server);
  }
}

class HostListener implements Listener {
  readonly local: Endpoint;
  #server: Server | undefined;
  #accept: ((stream: TcpPort) => void) | undefined;
  #reopenTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(server: Server) {
    const bound = server.address() as AddressInfo;
    this.local = { host: canonicalAddress(bound.address) ?? bound.address, port: bound.port };
    this.#serve(server);
  }

  onConnection(accept: (stream: TcpPort) => void): void {
    this.#accept = accept;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reopenTimer);
    this.#server?.close();
    this.#server = undefined;
    // The kernel has the port back by now; `close` of the server would wait for every stream it accepted.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #serve(server: Server): void {
    this.#server = server;
    server.on('connection', (socket) => this.#onSocket(socket));
    // EMFILE, ENFILE, ENOBUFS: out of descriptors or memory, and each try would fail again at once.
    server.on('error', () => this.#pauseAccepting());
  }

  #onSocket(socket: Socket): void {
    const stream = HostTcpStream.of(socket);
    if (stream === undefined || this.#accept === undefined) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    socket.on('data', (bytes) => stream.receive(plainBytes(bytes)));
    this.#accept(stream);
  }

  /** Closes the listening socket alone: the streams it accepted go on. */
  #pauseAccepting(): void {
    this.#server?.close();
    this.#server = undefined;
    if (!this.#closed) this.#reopenTimer = setTimeout(() => void this.#reopen(), ACCEPT_PAUSE_MS);
  }

  async #reopen(): Promise<void> {
    const server = await openServer(this.local).catch(() => undefined);
    if (server === undefined) this.#pauseAccepting();
    else if (this.#closed) server.close();
    else this.#serve(server);
  }
}

/** Rejects with the system's error. */
async function openServer(local: Endpoint): Promise<Server> {
  const server = createServer({ pauseOnConnect: true });
  server.listen({ port: local.port, host: local.host });
  await once(server, 'listening');
  return server;
}
