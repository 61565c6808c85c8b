import { canonicalAddress } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import type { VirtualClock } from './clock.ts';
import { SimHost } from './host.ts';
import type { LinkTraits } from './link.ts';
import { SimLink } from './link.ts';
import { isLoopback } from './port-table.ts';
import type { SeededRandom } from './random.ts';

/**
 * Hosts and the links between them. All that is left to chance comes from the one seeded source; all that goes wrong
 * is asked for: traits for what happens by chance, methods of links and hosts for what happens now.
 */
export class SimNetwork {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly #traits: LinkTraits;
  readonly #hosts = new Map<string, SimHost>();
  readonly #links = new Map<SimHost, Map<SimHost, SimLink>>();
  /** Datagrams that were sent, that chance or a cut lost, and that chance doubled. */
  readonly datagrams = { sent: 0, lost: 0, doubled: 0 };

  constructor(options: {
    readonly clock: VirtualClock;
    readonly random: SeededRandom;
    /** Of every link until it is changed. */
    readonly traits: LinkTraits;
  }) {
    this.clock = options.clock;
    this.random = options.random;
    this.#traits = options.traits;
  }

  /** A new machine with these addresses. */
  addHost(...addresses: readonly string[]): SimHost {
    const own = addresses.map((address) => canonicalAddress(address) ?? address);
    const host = new SimHost({ network: this, random: this.random.fork(), addresses: own });
    for (const address of own) {
      if (this.#hosts.has(address)) throw new Error(`two hosts with the address ${address}`);
      this.#hosts.set(address, host);
    }
    return host;
  }

  /** Who has the address, as `asker` sees it. */
  hostAt(address: string, asker: SimHost): SimHost | undefined {
    return isLoopback(address) ? asker : this.#hosts.get(address);
  }

  /** The one direction from a host to another, or to itself. */
  link(from: SimHost, to: SimHost): SimLink {
    let links = this.#links.get(from);
    if (links === undefined) this.#links.set(from, (links = new Map<SimHost, SimLink>()));
    let link = links.get(to);
    if (link === undefined) {
      link = new SimLink({ clock: this.clock, random: this.random, traits: this.#traits, from, to });
      links.set(to, link);
    }
    return link;
  }

  /** Both directions at once. */
  change(a: SimHost, b: SimHost, traits: Partial<LinkTraits>): void {
    this.link(a, b).change(traits);
    this.link(b, a).change(traits);
  }

  /** Separates the hosts of one side from those of the other; among themselves they stay together. */
  cut(side: readonly SimHost[], other: readonly SimHost[]): void {
    for (const a of side) {
      for (const b of other) {
        this.link(a, b).cut();
        this.link(b, a).cut();
      }
    }
  }

  heal(side: readonly SimHost[], other: readonly SimHost[]): void {
    for (const a of side) {
      for (const b of other) {
        this.link(a, b).heal();
        this.link(b, a).heal();
      }
    }
  }

  /** For `SimUdpPort`: carries a datagram, or loses it. */
  sendDatagram(from: SimHost, bytes: Uint8Array, local: Endpoint, to: Endpoint): void {
    this.datagrams.sent++;
    const route = from.routeTo(to.host, local.host);
    if (route === undefined) {
      this.datagrams.lost++;
      return;
    }
    const { there, target } = route;
    const source = { host: route.source, port: local.port };
    const isDoubled = this.random.chance(there.traits.datagramDoubling);
    if (isDoubled) this.datagrams.doubled++;
    for (const copy of isDoubled ? [bytes, bytes.slice()] : [bytes]) {
      const isLost = this.random.chance(there.traits.datagramLoss);
      this.clock.at(after(this.clock.now(), there.transitMs()), () => {
        if (isLost || there.isCut) this.datagrams.lost++;
        else target.udpPortAt(to)?.deliver(copy, source);
      });
    }
  }
}
