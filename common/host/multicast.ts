import type { RemoteInfo, Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { canonicalAddress, isIPv6 } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import type { Meter, MulticastBinder, MulticastPort } from '../base/ports.ts';
import { plainBytes } from './plain-bytes.ts';

/**
 * Joins multicast groups of the local network for someone who listens at `host`: on the interface of that address, or
 * on the system's choice for `0.0.0.0` and `::`, and only in families that reach it there.
 */
export class HostMulticast implements MulticastBinder {
  readonly #host: string;
  readonly #meter: Meter;

  constructor(options: { readonly host: string; readonly meter: Meter }) {
    this.#host = options.host;
    this.#meter = options.meter;
  }

  /** Rejects where there is no such network. */
  async join(group: Endpoint): Promise<MulticastPort> {
    const v6 = isIPv6(group.host);
    const here = this.#host === '::' || this.#host === '0.0.0.0' ? undefined : this.#host;
    if (this.#host !== '::' && isIPv6(this.#host) !== v6) throw new Error(`${this.#host} is of the other family`);
    // Others on this machine listen at the same port.
    const socket = createSocket({ type: v6 ? 'udp6' : 'udp4', reuseAddr: true });
    try {
      const bound = once(socket, 'listening');
      socket.bind(group.port);
      await bound;
      socket.addMembership(group.host, here);
      if (here !== undefined && !v6) socket.setMulticastInterface(here);
      socket.setMulticastTTL(1);
    } catch (error) {
      socket.close();
      throw error;
    }
    return new HostMulticastPort(socket, { host: group.host, port: socket.address().port }, this.#meter);
  }
}

class HostMulticastPort implements MulticastPort {
  readonly group: Endpoint;
  readonly #socket: Socket;
  readonly #meter: Meter;
  #receive: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(socket: Socket, group: Endpoint, meter: Meter) {
    this.#socket = socket;
    this.group = group;
    this.#meter = meter;
    socket.on('message', (bytes: Uint8Array, from: RemoteInfo) => {
      const host = canonicalAddress(from.address);
      if (host !== undefined) this.#receive?.(plainBytes(bytes), { host, port: from.port });
    });
    socket.on('error', () => this.#meter.count('multicast_failed'));
  }

  send(bytes: Uint8Array): void {
    if (this.#closed !== undefined) return;
    this.#socket.send(bytes.slice(), this.group.port, this.group.host, (error) => {
      if (error !== null) this.#meter.count('multicast_failed');
    });
  }

  onDatagram(receive: (bytes: Uint8Array, from: Endpoint) => void): void {
    this.#receive = receive;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#receive = undefined;
      this.#socket.close(() => resolve());
    });
    return this.#closed;
  }
}
