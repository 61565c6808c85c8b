/** Peers that the user names on the command line. */
import type { Endpoint } from '../common/base/ids.ts';
import type { Resolver } from '../common/base/ports.ts';

/** `HOST:PORT` or `[V6]:PORT` of the command line; the host may be a name. Undefined for anything else. */
export function parsePeer(text: string): Endpoint | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

export const PEER_HINT = 'an address such as 10.0.0.7:7000 or [fd00::7]:7000';

/** All addresses of all of them, of texts that `parsePeer` takes. Rejects with NAME_UNRESOLVED. */
export async function typedPeers(texts: readonly string[], resolver: Resolver): Promise<Endpoint[]> {
  const found = await Promise.all(
    texts
      .flatMap((text) => parsePeer(text) ?? [])
      .map(async ({ host, port }) => {
        const addresses = await resolver.resolve(host);
        return addresses.map((address) => ({ host: address, port }));
      }),
  );
  return found.flat();
}
