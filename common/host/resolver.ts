import { canonicalAddress } from '../base/address.ts';
import { ShoalError } from '../base/errors.ts';
import type { Resolver } from '../base/ports.ts';
import { errnoOf } from './errno.ts';

/** The system's own resolver, `/etc/hosts` included. */
export class HostResolver implements Resolver {
  async resolve(host: string): Promise<readonly string[]> {
    const literal = canonicalAddress(host);
    if (literal !== undefined) return [literal];
    let found: readonly { readonly address: string }[];
    try {
      // Loaded when it is needed: most trackers and peers are told by their addresses.
      found = await process.getBuiltinModule('node:dns/promises').lookup(host, { all: true, verbatim: true });
    } catch (error) {
      throw unresolved(host, error);
    }
    const addresses = new Set<string>();
    for (const { address } of found) {
      const canonical = canonicalAddress(address);
      if (canonical !== undefined) addresses.add(canonical);
    }
    if (addresses.size === 0) throw unresolved(host, undefined);
    return [...addresses];
  }
}

function unresolved(host: string, cause: unknown): ShoalError {
  const text =
    errnoOf(cause) === 'EAI_AGAIN'
      ? `the name ${host} could not be looked up, DNS did not answer: try again, or give an IP address`
      : `the name ${host} does not resolve: check its spelling, or give an IP address`;
  return new ShoalError('NAME_UNRESOLVED', text, { cause });
}
