import type { Endpoint, WireHash } from '../base/ids.ts';
import type { Clock, Log, Meter, MulticastBinder, Random, UdpBinder } from '../base/ports.ts';
import { UtpRefuser } from '../peer/utp-refuser.ts';
import { LocalDiscovery } from './local-discovery.ts';

export interface NearbyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly udp: UdpBinder;
  /** Undefined: the local network is neither asked nor told. */
  readonly multicast: MulticastBinder | undefined;
  /** Where TCP is listened on. */
  readonly local: Endpoint;
  readonly log: Log;
  readonly meter: Meter;
  /** What is here now and may be spoken of: nothing while it is private (BEP 27). */
  readonly wireHashes: () => readonly WireHash[];
  readonly onPeers: (endpoints: readonly Endpoint[]) => void;
}

/** Whoever is met without a tracker's help: by a call on the peer port, and on the local network. */
export class Nearby {
  readonly #refuser: UtpRefuser | undefined;
  readonly #discovery: LocalDiscovery | undefined;

  private constructor(refuser: UtpRefuser | undefined, discovery: LocalDiscovery | undefined) {
    this.#refuser = refuser;
    this.#discovery = discovery;
  }

  /** Begins at once. What this machine does not have is done without. Never rejects. */
  static async open(options: NearbyOptions): Promise<Nearby> {
    const { multicast, onPeers, local } = options;
    const onCaller = (endpoint: Endpoint): void => onPeers([endpoint]);
    const refuser = await UtpRefuser.open({ ...options, onCaller });
    if (multicast === undefined) return new Nearby(refuser, undefined);
    const discovery = new LocalDiscovery({ ...options, multicast, port: local.port });
    await discovery.start();
    return new Nearby(refuser, discovery);
  }

  async close(): Promise<void> {
    await Promise.all([this.#refuser?.close(), this.#discovery?.stop()]);
  }
}
