import { canonicalAddress } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import type { UdpBinder, UdpPort } from '../base/ports.ts';
import type { PortTable } from './port-table.ts';

/** The longest that IPv4 carries. */
const MAX_SENT_BYTES = 65_507;

const STALE = 0xdb;

/** Hands a datagram that is its own to the network, from a socket bound to `local`. */
export type SendDatagram = (bytes: Uint8Array, local: Endpoint, to: Endpoint) => void;

/** The UDP sockets of a simulated host. */
export class SimUdpBinder implements UdpBinder {
  readonly #ports: PortTable<SimUdpPort>;
  readonly #send: SendDatagram;

  constructor(options: { readonly ports: PortTable<SimUdpPort>; readonly send: SendDatagram }) {
    this.#ports = options.ports;
    this.#send = options.send;
  }

  async bind(local: Endpoint): Promise<UdpPort> {
    return new SimUdpPort({ ports: this.#ports, send: this.#send, local });
  }
}

export class SimUdpPort implements UdpPort {
  readonly local: Endpoint;
  readonly #ports: PortTable<SimUdpPort>;
  readonly #send: SendDatagram;
  #receive: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  #closed = false;

  constructor(options: {
    readonly ports: PortTable<SimUdpPort>;
    readonly send: SendDatagram;
    readonly local: Endpoint;
  }) {
    this.#ports = options.ports;
    this.#send = options.send;
    this.local = options.ports.claim(options.local, this);
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    const host = canonicalAddress(to.host);
    if (this.#closed || host === undefined || bytes.length > MAX_SENT_BYTES) return;
    this.#send(bytes.slice(), this.local, { host, port: to.port });
  }

  onDatagram(receive: (bytes: Uint8Array, from: Endpoint) => void): void {
    this.#receive = receive;
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#ports.release(this.local);
    this.#closed = true;
    this.#receive = undefined;
  }

  /** What the network brings. The bytes become garbage afterwards, so whoever kept the view finds out. */
  deliver(bytes: Uint8Array, from: Endpoint): void {
    this.#receive?.(bytes, from);
    bytes.fill(STALE);
  }
}
