import type { Endpoint } from '../base/ids.ts';
import type { Listener, ListenerBinder, TcpPort } from '../base/ports.ts';
import type { PortTable } from './port-table.ts';

/** The listening sockets of a simulated host. */
export class SimListenerBinder implements ListenerBinder {
  readonly #ports: PortTable<SimListener>;

  constructor(options: { readonly ports: PortTable<SimListener> }) {
    this.#ports = options.ports;
  }

  async listen(local: Endpoint): Promise<Listener> {
    return new SimListener({ ports: this.#ports, local });
  }
}

export class SimListener implements Listener {
  readonly local: Endpoint;
  readonly #ports: PortTable<SimListener>;
  #accept: ((stream: TcpPort) => void) | undefined;
  #closed = false;

  constructor(options: { readonly ports: PortTable<SimListener>; readonly local: Endpoint }) {
    this.#ports = options.ports;
    this.local = options.ports.claim(options.local, this);
  }

  onConnection(accept: (stream: TcpPort) => void): void {
    this.#accept = accept;
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#ports.release(this.local);
    this.#closed = true;
  }

  /** A new connection from the network. Without a receiver it is closed again. */
  deliver(stream: TcpPort): void {
    if (this.#accept === undefined) stream.destroy();
    else this.#accept(stream);
  }
}
