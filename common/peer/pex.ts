/**
 * Peer exchange with one peer (BEP 11): what to tell it, how often, and what to believe of what it tells. Contacts are
 * hearsay: they cost us a dial each, so they are capped, and those that no peer can have are dropped.
 */
import { addressBytes } from '../base/address.ts';
import { after, type Endpoint, endpointText, type Instant } from '../base/ids.ts';
import { MAX_PEX_CONTACTS, MAX_PEX_TAKEN, PEX_INTERVAL_MS, PEX_LEAST_INTERVAL_MS } from '../base/limits.ts';
import type { PexContact, PexMessage } from '../wire/pex.ts';

/** One who may be told of others, and of whom others may be told. */
export interface PexParty {
  readonly takesPex: boolean;
  /** Undefined while nobody knows where it can be dialled. */
  readonly pexContact: PexContact | undefined;
  /** It was told of others a minute ago or more. */
  mayBeTold(now: Instant): boolean;
  tellPex(others: readonly PexContact[], now: Instant): void;
}

export class PexTalk {
  /** What the peer was told of and not that it is gone. BOUNDED: by the connections, which are what it is told of. */
  readonly #told = new Map<string, Endpoint>();
  #sayAt: Instant | undefined;
  #heardAt: Instant | undefined;

  /** At most one message a minute. */
  mayTalk(now: Instant): boolean {
    return this.#sayAt === undefined || now >= this.#sayAt;
  }

  /**
   * The next message, or undefined when it is too early or there is no news. `suits` says whether the peer may be told of
   * a contact; it is asked only of those that would be news.
   */
  next(contacts: readonly PexContact[], now: Instant, suits: (endpoint: Endpoint) => boolean): PexMessage | undefined {
    if (!this.mayTalk(now)) return undefined;
    const present = new Set<string>();
    const added = new Map<string, PexContact>();
    for (const contact of contacts) {
      const key = endpointText(contact.endpoint);
      present.add(key);
      if (added.size >= MAX_PEX_CONTACTS || this.#told.has(key) || added.has(key) || !suits(contact.endpoint)) continue;
      added.set(key, contact);
    }
    const dropped = [...this.#told].filter(([key]) => !present.has(key)).slice(0, MAX_PEX_CONTACTS);
    if (added.size === 0 && dropped.length === 0) return undefined;
    for (const [key, { endpoint }] of added) this.#told.set(key, endpoint);
    for (const [key] of dropped) this.#told.delete(key);
    this.#sayAt = after(now, PEX_INTERVAL_MS);
    return { added: [...added.values()], dropped: dropped.map(([, endpoint]) => endpoint) };
  }

  /**
   * Whom to take up of those that a peer at `from` names. Nobody when it talks more often than six times a minute, as
   * libtorrent allows.
   */
  take(
    message: PexMessage,
    facts: { readonly now: Instant; readonly from: string; readonly own: Endpoint },
  ): PexContact[] {
    const isTooSoon = this.#heardAt !== undefined && facts.now < after(this.#heardAt, PEX_LEAST_INTERVAL_MS);
    if (isTooSoon) return [];
    this.#heardAt = facts.now;
    const own = endpointText(facts.own);
    const taken = new Map<string, PexContact>();
    for (const contact of message.added.slice(0, MAX_PEX_TAKEN)) {
      const key = endpointText(contact.endpoint);
      if (key !== own && isPlausible(contact.endpoint, facts.from)) taken.set(key, contact);
    }
    return [...taken.values()];
  }
}

/** Whether a peer may be there, for someone at `from`: loopback addresses mean something on one machine only. */
export function isPlausible({ host, port }: Endpoint, from: string): boolean {
  const bytes = addressBytes(host);
  if (bytes === undefined || port === 0) return false;
  if (isLoopback(bytes)) return isLoopback(addressBytes(from));
  if (bytes.length === 4) return bytes[0] !== 0 && bytes[0]! < 224;
  // Multicast, and link-local addresses, which need the name of an interface.
  if (bytes[0] === 0xff || (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80)) return false;
  return bytes.some((byte) => byte !== 0);
}

const isLoopback = (bytes: Uint8Array | undefined): boolean =>
  bytes?.length === 4 ? bytes[0] === 127 : bytes?.every((byte, i) => byte === (i === 15 ? 1 : 0)) === true;
