import { canonicalAddress, isIPv6 } from '../base/address.ts';
import { ShoalError } from '../base/errors.ts';
import type { Endpoint } from '../base/ids.ts';
import { endpointText } from '../base/ids.ts';

const FIRST_FREE_PORT = 49_152;

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** The machine's way to itself. */
export const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '::1';

/**
 * Which socket of a host has which port, for one protocol.
 *
 * BOUNDED: by 65,535 ports of each address.
 */
export class PortTable<Holder> {
  readonly #addresses: readonly string[];
  readonly #holders = new Map<string, { readonly local: Endpoint; readonly holder: Holder }>();
  #nextFree = FIRST_FREE_PORT;

  constructor(options: { readonly addresses: readonly string[] }) {
    this.#addresses = options.addresses;
  }

  /** Gives `holder` the endpoint, with a free port for port 0. Throws a `ShoalError` of code NETWORK. */
  claim(local: Endpoint, holder: Holder): Endpoint {
    const host = canonicalAddress(local.host);
    if (host === undefined || !(isWildcard(host) || isLoopback(host) || this.#addresses.includes(host))) {
      throw new ShoalError('NETWORK', `${local.host} is not an address of this host`);
    }
    if (!(local.port >= 0 && local.port <= 0xffff)) throw new ShoalError('NETWORK', `${local.port} is no port`);
    let taken = { host, port: local.port === 0 ? this.freePort() : local.port };
    while (local.port === 0 && this.#isTaken(taken)) taken = { host, port: this.freePort() };
    if (this.#isTaken(taken)) throw new ShoalError('NETWORK', `${endpointText(taken)} is taken`);
    this.#holders.set(endpointText(taken), { local: taken, holder });
    return taken;
  }

  /** A port nobody was given before. */
  freePort(): number {
    if (this.#nextFree > 0xffff) this.#nextFree = FIRST_FREE_PORT;
    return this.#nextFree++;
  }

  release(local: Endpoint): void {
    this.#holders.delete(endpointText(local));
  }

  /** Who gets what is sent to this endpoint. */
  find(to: Endpoint): Holder | undefined {
    for (const host of [to.host, ...(isIPv6(to.host) ? [] : ['0.0.0.0']), '::']) {
      const found = this.#holders.get(endpointText({ host, port: to.port }));
      if (found !== undefined) return found.holder;
    }
    return undefined;
  }

  clear(): void {
    this.#holders.clear();
  }

  #isTaken(wanted: Endpoint): boolean {
    for (const { local } of this.#holders.values()) {
      if (local.port === wanted.port && overlap(local.host, wanted.host)) return true;
    }
    return false;
  }
}

/** `::` takes IPv4 too. */
function overlap(a: string, b: string): boolean {
  if (a === b || a === '::' || b === '::') return true;
  return (a === '0.0.0.0' && !isIPv6(b)) || (b === '0.0.0.0' && !isIPv6(a));
}
