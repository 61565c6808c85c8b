import { Buffer } from 'node:buffer';
import type { RemoteInfo, Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { canonicalAddress, isIPv6 } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import { MAX_DATAGRAM_BYTES, UDP_BUFFER_BYTES } from '../base/limits.ts';
import type { Meter, UdpBinder, UdpPort } from '../base/ports.ts';
import { Prefixes } from '../base/prefixes.ts';
import { bindError } from './bind-error.ts';
import { plainBytes } from './plain-bytes.ts';

/** Opens UDP sockets of the machine. `::` takes both families; a peer's address is the same text on either. */
export class HostUdpBinder implements UdpBinder {
  readonly #meter: Meter;

  constructor(options: { readonly meter: Meter }) {
    this.#meter = options.meter;
  }

  /** Rejects with a `ShoalError` of code NETWORK. */
  async bind(local: Endpoint): Promise<HostUdpPort> {
    // dgram would take the port's low 16 bits.
    if (local.port > 0xffff) throw bindError('UDP', local, { code: 'ERR_SOCKET_BAD_PORT' });
    const v6 = isIPv6(local.host);
    const socket = newSocket(v6);
    try {
      // With that look-up the socket may be bound before `bind` returns.
      const bound = once(socket, 'listening');
      socket.bind(local.port, local.host);
      await bound;
    } catch (error) {
      socket.close();
      throw bindError('UDP', local, error);
    }
    return new HostUdpPort(socket, v6, this.#meter, false);
  }

  /**
   * The socket of another thread of this process, which has it too: each datagram goes to one of them. `shared-socket.ts`
   * tells its descriptor. Nobody closes it but the end of the process: once it is closed by one, the others have its
   * number for whatever is opened next.
   */
  async adopt(descriptor: number, v6: boolean): Promise<HostUdpPort> {
    const socket = newSocket(v6);
    const bound = once(socket, 'listening');
    socket.bind({ fd: descriptor });
    await bound;
    return new HostUdpPort(socket, v6, this.#meter, true);
  }
}

/** Every address here is an IP already; dgram would queue each datagram behind a look-up of it. */
const newSocket = (v6: boolean): Socket =>
  createSocket({
    type: v6 ? 'udp6' : 'udp4',
    lookup: (host, _options, found) => found(null, host, v6 ? 6 : 4),
  });

export class HostUdpPort implements UdpPort {
  readonly local: Endpoint;
  readonly #socket: Socket;
  /** Whether it is a socket of both families. */
  readonly v6: boolean;
  readonly #meter: Meter;
  #isShared: boolean;
  readonly #incoming = newPrefixes();
  #outgoing = newPrefixes();
  #receive: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(socket: Socket, v6: boolean, meter: Meter, isShared: boolean) {
    this.#socket = socket;
    this.v6 = v6;
    this.#meter = meter;
    this.#isShared = isShared;
    const bound = socket.address();
    this.local = { host: canonicalAddress(bound.address) ?? bound.address, port: bound.port };
    enlargeBuffers(socket);
    socket.on('message', (bytes, from) => this.#deliver(bytes, from));
    socket.on('error', () => this.#meter.count('udp_receive_failed'));
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#closed !== undefined) return;
    try {
      // Without being told of the end: it would cost a turn of the event loop's queue for each datagram.
      this.#socket.send(this.#copyOf(bytes), to.port, this.#wireHost(to.host));
    } catch {
      this.#meter.count('udp_send_failed');
    }
  }

  /**
   * The caller may use its bytes again, and while the kernel's queue is full a datagram waits. As long as none does,
   * all are sent from the same memory.
   */
  #copyOf(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.#outgoing.whole.length) return Buffer.from(bytes);
    if (this.#socket.getSendQueueCount() > 0) this.#outgoing = newPrefixes();
    this.#outgoing.whole.set(bytes);
    return this.#outgoing.of(bytes.length);
  }

  onDatagram(receive: (bytes: Uint8Array, from: Endpoint) => void): void {
    this.#receive = receive;
  }

  /** From now on other threads have it too, see `adopt`. */
  share(): void {
    this.#isShared = true;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#receive = undefined;
      if (this.#isShared) {
        this.#socket.unref();
        return resolve();
      }
      this.#socket.close(() => resolve());
    });
    return this.#closed;
  }

  /** A socket of both families knows IPv4 addresses only in their mapped form (RFC 4291, 2.5.5.2). */
  #wireHost(host: string): string {
    return this.v6 && !isIPv6(host) ? `::ffff:${host}` : host;
  }

  #deliver(bytes: Uint8Array, from: RemoteInfo): void {
    const host = this.v6 ? canonicalAddress(from.address) : from.address;
    if (host !== undefined) this.#receive?.(this.#arrived(bytes), { host, port: from.port });
  }

  /** Whoever receives may look at the bytes during the call only, so most datagrams are shown in the same memory. */
  #arrived(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.#incoming.whole.length) return plainBytes(bytes);
    this.#incoming.whole.set(bytes);
    return this.#incoming.of(bytes.length);
  }
}

const newPrefixes = (): Prefixes => new Prefixes(new Uint8Array(MAX_DATAGRAM_BYTES));

/** A burst of announces is lost where the kernel's buffer is small. It may refuse, or give less. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(UDP_BUFFER_BYTES);
    socket.setSendBufferSize(UDP_BUFFER_BYTES);
  } catch {
    // What the system gives by itself will do.
  }
}
