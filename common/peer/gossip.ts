import type { Endpoint, Instant } from '../base/ids.ts';
import { PEX_FLAG, type PexContact, type PexMessage } from '../wire/pex.ts';
import { isPlausible, PexTalk, type PexParty } from './pex.ts';
import type { RemotePeer } from './remote-peer.ts';
import type { Session } from './session.ts';

export interface GossipOptions {
  readonly session: Session;
  readonly peer: RemotePeer;
  /** We dialled it, so others can. */
  readonly isReachable: boolean;
  /** Its address, as we see it. */
  readonly remoteHost: string;
  /** Where we listen, at the address that the peer knows. */
  readonly own: Endpoint;
  readonly isReady: () => boolean;
}

/** What we and one peer tell each other of others, and what others are told of it (BEP 11). */
export class Gossip implements PexParty {
  readonly #options: GossipOptions;
  readonly #talk = new PexTalk();

  constructor(options: GossipOptions) {
    this.#options = options;
  }

  get takesPex(): boolean {
    return this.#options.isReady() && this.#options.session.extensions.takesPex;
  }

  /** Never where it called from: nobody listens there. */
  get pexContact(): PexContact | undefined {
    const { peer, isReachable, isReady } = this.#options;
    const endpoint = peer.endpoints[0];
    if (endpoint === undefined || !isReady()) return undefined;
    return { endpoint, flags: (isReachable ? PEX_FLAG.reachable : 0) | (this.wantsNothing ? PEX_FLAG.uploadOnly : 0) };
  }

  /** It has everything, or says that it wants nothing (BEP 21). */
  get wantsNothing(): boolean {
    const { extensions, remoteIsSeed } = this.#options.session;
    return extensions.isUploadOnly || remoteIsSeed;
  }

  mayBeTold(now: Instant): boolean {
    return this.#talk.mayTalk(now);
  }

  tellPex(others: readonly PexContact[], now: Instant): void {
    const { session, peer, remoteHost } = this.#options;
    const suits = (endpoint: Endpoint): boolean => isPlausible(endpoint, remoteHost) && !peer.isAt(endpoint);
    const message = this.#talk.next(others, now, suits);
    const bytes = message && session.extensions.encodePex(message);
    if (bytes !== undefined) session.say.message(bytes);
  }

  /** Whom to take up of those that the peer names. */
  take(message: PexMessage, now: Instant): PexContact[] {
    const { remoteHost, own } = this.#options;
    return this.#talk.take(message, { now, from: remoteHost, own });
  }
}
