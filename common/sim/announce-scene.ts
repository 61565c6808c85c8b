import type { AnnouncerOptions } from '../announce/announcer.ts';
import { Announcer } from '../announce/announcer.ts';
import { CatalogueClient } from '../announce/catalogue-client.ts';
import { parseTrackerUrl } from '../announce/tracker-address.ts';
import type { PeerId, WireHash } from '../base/ids.ts';
import { endpointText, instant } from '../base/ids.ts';
import type { Log } from '../base/ports.ts';
import { VirtualClock } from './clock.ts';
import type { SimHost } from './host.ts';
import { SimHttp } from './http.ts';
import { CALM } from './link.ts';
import { SimNetwork } from './network.ts';
import { SeededRandom } from './random.ts';
import { SimResolver } from './resolver.ts';

/** A host that announces, and what came of it. */
export interface ScenePeer {
  readonly announcer: Announcer;
  readonly host: SimHost;
  /** Everybody it was told of, in order. */
  readonly told: string[];
  /** `message: reason` of every warning. */
  readonly warnings: string[];
  /** `status` of every report of a tracker. */
  readonly states: string[];
  /** Bytes that it lacks, as it tells the trackers. May be changed. */
  left: number | undefined;
  partialSeed: boolean;
}

/** A network on which peers announce. The trackers are the scenario's own. */
export class AnnounceScene {
  readonly clock = new VirtualClock({ startAt: instant(1_000_000) });
  readonly network: SimNetwork;
  readonly resolver: SimResolver;
  readonly http = new SimHttp({ clock: this.clock, delayMs: 5 });
  readonly #wireHash: WireHash;
  #hosts = 0;

  constructor(options: { readonly seed: number; readonly wireHash: WireHash }) {
    const random = new SeededRandom({ seed: options.seed });
    this.network = new SimNetwork({ clock: this.clock, random, traits: CALM });
    this.resolver = new SimResolver({ clock: this.clock, delayMs: 5 });
    this.#wireHash = options.wireHash;
  }

  /** A new host at the next free of 192.0.2.1, 192.0.2.2 …, or at the addresses given. */
  addHost(...addresses: readonly string[]): SimHost {
    return this.network.addHost(...(addresses.length > 0 ? addresses : [`192.0.2.${++this.#hosts}`]));
  }

  /** A peer that is not started yet. */
  addPeer(urls: readonly string[], left: number | undefined, over: Partial<AnnouncerOptions> = {}): ScenePeer {
    return this.addPeerAt(this.addHost(), urls, left, over);
  }

  addPeerAt(
    host: SimHost,
    urls: readonly string[],
    left: number | undefined,
    over: Partial<AnnouncerOptions> = {},
  ): ScenePeer {
    const told: string[] = [];
    const warnings: string[] = [];
    const states: string[] = [];
    const announcer = new Announcer({
      clock: host.clock,
      random: host.random,
      udp: host.udp,
      http: this.http.clientAt(host.addresses),
      resolver: this.resolver,
      log: warningsTo(warnings),
      trackers: urls.map((url) => parseTrackerUrl(url)!),
      peerId: new Uint8Array(20).fill(this.#hosts) as PeerId,
      port: 7000,
      wireHash: this.#wireHash,
      progress: () => ({ downloadedBytes: 0, uploadedBytes: 0, leftBytes: peer.left, partialSeed: peer.partialSeed }),
      onPeers: (endpoints) => told.push(...endpoints.map(endpointText)),
      onTracker: ({ status }) => states.push(status),
      ...over,
    });
    const peer: ScenePeer = { announcer, host, told, warnings, states, left, partialSeed: false };
    return peer;
  }

  /** A reader of the trackers' catalogues on a host of its own. */
  addReader(...urls: readonly string[]): CatalogueClient {
    const { clock, udp, random } = this.addHost();
    const trackers = urls.map((url) => parseTrackerUrl(url)!);
    return new CatalogueClient({ clock, udp, random, resolver: this.resolver, trackers });
  }

  start(peer: ScenePeer): Promise<void> {
    return this.clock.run(peer.announcer.start(), 60_000);
  }

  stop(peer: ScenePeer): Promise<void> {
    return this.clock.run(peer.announcer.stop(), 60_000);
  }
}

/** A log that keeps warnings and drops the rest. */
export function warningsTo(warnings: string[]): Log {
  const log: Log = {
    error: () => {},
    warn: (message, fields) => warnings.push(`${message}: ${String(fields?.['reason'])}`),
    info: () => {},
    debug: () => {},
    trace: () => {},
    traces: false,
    child: () => log,
  };
  return log;
}
