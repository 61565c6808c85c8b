import { isIPv6 } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import type { Clock, Dialer } from '../base/ports.ts';
import type { LinkEnd, SimLink } from './link.ts';
import { Lane } from './link.ts';
import type { SimNetwork } from './network.ts';
import { isLoopback, PortTable } from './port-table.ts';
import type { SeededRandom } from './random.ts';
import { SimDialer } from './tcp-dialer.ts';
import type { SimListener } from './tcp-listener.ts';
import { SimListenerBinder } from './tcp-listener.ts';
import type { SimTcpStream, StreamOptions } from './tcp-stream.ts';
import type { SimUdpPort } from './udp.ts';
import { SimUdpBinder } from './udp.ts';

/** The way from one host to an address, and back. */
export interface Route {
  readonly source: string;
  readonly target: SimHost;
  readonly there: SimLink;
  readonly back: SimLink;
}

/** A machine of the simulated network and the ports of the one program that runs on it. */
export class SimHost implements LinkEnd {
  readonly addresses: readonly string[];
  /** Its lines out and in, shared by all connections: set `bytesPerSecond`. */
  readonly up = new Lane();
  readonly down = new Lane();
  /** Chance for its program; a stream of its own. */
  readonly random: SeededRandom;
  readonly listening: PortTable<SimListener>;
  readonly #network: SimNetwork;
  readonly #udpPorts: PortTable<SimUdpPort>;
  readonly #streams = new Set<SimTcpStream>();
  #life = { isAlive: true };
  #plugged = true;

  constructor(options: {
    readonly network: SimNetwork;
    readonly random: SeededRandom;
    readonly addresses: readonly string[];
  }) {
    this.#network = options.network;
    this.random = options.random;
    this.addresses = options.addresses;
    this.listening = new PortTable({ addresses: options.addresses });
    this.#udpPorts = new PortTable({ addresses: options.addresses });
  }

  /* ---- the program's ports; those of a program that was killed stay dead ---- */

  get clock(): Clock {
    const life = this.#life;
    const { clock } = this.#network;
    return {
      now: () => clock.now(),
      at: (when, wake) =>
        clock.at(when, () => {
          if (life.isAlive) wake();
        }),
    };
  }

  get udp(): SimUdpBinder {
    const life = this.#life;
    return new SimUdpBinder({
      ports: this.#udpPorts,
      send: (bytes, local, to) => {
        if (life.isAlive) this.#network.sendDatagram(this, bytes, local, to);
      },
    });
  }

  get listeners(): SimListenerBinder {
    return new SimListenerBinder({ ports: this.listening });
  }

  get dialer(): Dialer {
    return this.dialerFrom(undefined);
  }

  dialerFrom(localHost: string | undefined): Dialer {
    return new SimDialer({ clock: this.clock, random: this.#network.random, host: this, localHost });
  }

  /* ---- what can befall it ---- */

  get plugged(): boolean {
    return this.#plugged;
  }

  /** Takes it off the network: datagrams are lost, streams hang, dials are not answered. */
  unplug(): void {
    this.#plugged = false;
  }

  plug(): void {
    this.#plugged = true;
  }

  /** Its program dies at once, as by SIGKILL: no more calls to it. The kernel closes its connections. */
  kill(): void {
    this.#die({ vanished: false });
  }

  /** The machine loses its power: nobody is told. */
  vanish(): void {
    this.unplug();
    this.#die({ vanished: true });
  }

  /** Ready for a new program after `kill` or `vanish`, with new ports. */
  boot(): void {
    if (this.#life.isAlive) throw new Error('a program is still running on this host');
    this.#life = { isAlive: true };
    this.plug();
  }

  /** Cuts every connection with the other host in the middle. */
  resetStreamsWith(other: SimHost): void {
    for (const stream of [...this.#streams]) if (other.addresses.includes(stream.remote.host)) stream.reset();
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /* ---- what the network asks ---- */

  udpPortAt(to: Endpoint): SimUdpPort | undefined {
    return this.#udpPorts.find(to);
  }

  /** Undefined when no host has the address, or this one has none of its family, or not the one asked for. */
  routeTo(address: string, localHost: string | undefined): Route | undefined {
    const target = this.#network.hostAt(address, this);
    const source = this.#sourceFor(address, localHost);
    if (target === undefined || source === undefined) return undefined;
    return {
      source,
      target,
      there: this.#network.link(this, target),
      back: this.#network.link(target, this),
    };
  }

  newEnd(link: SimLink, local: Endpoint, remote: Endpoint): StreamOptions {
    return {
      clock: this.#network.clock,
      link,
      local,
      remote,
      onBorn: (stream) => this.#streams.add(stream),
      onGone: (stream) => this.#streams.delete(stream),
    };
  }

  #sourceFor(address: string, localHost: string | undefined): string | undefined {
    if (localHost !== undefined && localHost !== '0.0.0.0' && localHost !== '::') {
      const isOurs = isLoopback(localHost) || this.addresses.includes(localHost);
      return isOurs && isIPv6(localHost) === isIPv6(address) ? localHost : undefined;
    }
    if (localHost === '0.0.0.0' && isIPv6(address)) return undefined;
    if (isLoopback(address)) return isIPv6(address) ? '::1' : '127.0.0.1';
    return this.addresses.find((own) => isIPv6(own) === isIPv6(address));
  }

  #die(how: { readonly vanished: boolean }): void {
    this.#life.isAlive = false;
    this.#udpPorts.clear();
    this.listening.clear();
    for (const stream of [...this.#streams]) stream.kill(how);
  }
}
