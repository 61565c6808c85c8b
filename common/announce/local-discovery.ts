/**
 * Finds peers of the same content on the local network without a tracker (BEP 14): says what is here, and hears what is
 * elsewhere. One wake-up, for the next announce.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { after, endpointText, type Endpoint, type Instant, type WireHash } from '../base/ids.ts';
import { LSD_INTERVAL_MS, LSD_LEAST_INTERVAL_MS } from '../base/limits.ts';
import type { Clock, Log, MulticastBinder, MulticastPort, Random } from '../base/ports.ts';
import { decodeLsd, encodeLsd, LSD_GROUPS } from '../wire/lsd.ts';

export interface LocalDiscoveryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly multicast: MulticastBinder;
  readonly log: Log;
  /** Where peers can dial us. */
  readonly port: number;
  /** What is here now; nothing of it while it is private (BEP 27). */
  readonly wireHashes: () => readonly WireHash[];
  readonly onPeers: (endpoints: readonly Endpoint[]) => void;
}

export class LocalDiscovery {
  readonly #options: LocalDiscoveryOptions;
  /** Our own datagrams come back to us. */
  readonly #cookie: string;
  /** BOUNDED: by the groups of BEP 14. */
  readonly #ports: MulticastPort[] = [];
  #cancelWake: () => void = () => undefined;
  #announcedAt: Instant | undefined;
  #isStopped = false;

  constructor(options: LocalDiscoveryOptions) {
    this.#options = options;
    this.#cookie = toHex(options.random.bytes(4));
  }

  /** Joins what groups it can and announces. A machine without multicast is no error. Never rejects. */
  async start(): Promise<void> {
    await Promise.all(LSD_GROUPS.map((group) => this.#join(group)));
    this.announce();
  }

  /** Every five minutes, and sooner when there is news, but at most once a minute. */
  announce(): void {
    if (this.#isStopped) return;
    const { clock, port, wireHashes } = this.#options;
    const now = clock.now();
    this.#cancelWake();
    const least = this.#announcedAt === undefined ? now : after(this.#announcedAt, LSD_LEAST_INTERVAL_MS);
    if (now < least) return this.#wakeAt(least);
    this.#announcedAt = now;
    for (const multicast of this.#ports) {
      for (const wireHash of wireHashes()) {
        multicast.send(encodeLsd(multicast.group, { port, wireHashes: [wireHash], cookie: this.#cookie }));
      }
    }
    this.#wakeAt(after(now, LSD_INTERVAL_MS));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelWake();
    await Promise.all(this.#ports.map((port) => port.close()));
  }

  #wakeAt(when: Instant): void {
    this.#cancelWake = this.#options.clock.at(when, () => {
      this.announce();
    });
  }

  async #join(group: Endpoint): Promise<void> {
    const { multicast, log } = this.#options;
    try {
      const port = await multicast.join(group);
      if (this.#isStopped) return await port.close();
      port.onDatagram((bytes, from) => {
        this.#take(bytes, from);
      });
      this.#ports.push(port);
    } catch (error) {
      log.debug('no local discovery in this group', { group: endpointText(group), reason: String(error) });
    }
  }

  /** The port of the datagram says nothing: who sent it listens for TCP at the one that it names. */
  #take(bytes: Uint8Array, from: Endpoint): void {
    const heard = decodeLsd(bytes);
    if (heard === undefined || heard.cookie === this.#cookie) return;
    const ours = this.#options.wireHashes();
    if (!heard.wireHashes.some((theirs) => ours.some((own) => equalBytes(own, theirs)))) return;
    this.#options.onPeers([{ host: from.host, port: heard.port }]);
  }
}
