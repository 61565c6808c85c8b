/** What a leecher is: a node with a download, announced to trackers, that serves what it has verified. */
import type { Endpoint, PeerId, WireHash } from '../common/base/ids.ts';
import type { Dialer, Listener, Meter, Resolver } from '../common/base/ports.ts';
import type { RangeClient } from '../common/base/web-ports.ts';
import { CombinedPresence } from '../common/peer/combined-presence.ts';
import { Node } from '../common/peer/node.ts';
import type { Presence, PresenceFacts } from '../common/peer/presence.ts';
import { Swarm } from '../common/peer/swarm.ts';
import { Torrent } from '../common/peer/torrent.ts';
import { wireHashesOf, type WireNames } from '../common/peer/wire-names.ts';
import { Download } from './download.ts';
import type { DownloadOptions, DownloadResult } from './download-options.ts';
import { WebSeeds } from './web-seeds.ts';
import type { WebSource } from './web-url.ts';

export interface LeechOptions extends Omit<DownloadOptions, 'onHungry' | 'onBegun'> {
  readonly dialer: Dialer;
  readonly listener: Listener;
  readonly meter: Meter;
  readonly peerId: PeerId;
  /** What is known of its names; the rest comes with the info dictionary. */
  readonly names: WireNames;
  readonly uploadSlots: number;
  /** Peers that are known without a tracker: those of a magnet link. */
  readonly endpoints: readonly Endpoint[];
  /** Web servers that have the content (BEP 19). */
  readonly webSources: readonly WebSource[];
  readonly webClient: RangeClient;
  readonly resolver: Resolver;
  readonly presence: (facts: PresenceFacts) => Presence;
}

export class Leech {
  readonly #options: LeechOptions;
  readonly #node: Node;
  readonly #swarm: Swarm;
  readonly #presence: CombinedPresence;
  readonly #webSeeds: WebSeeds;
  readonly download: Download;

  constructor(options: LeechOptions) {
    this.#options = options;
    const { clock, hasher, log, meter, dialer, listener, peerId, names } = options;
    this.download = new Download({
      ...options,
      onHungry: () => {
        this.#presence.announceNow();
      },
      onBegun: (info) => {
        this.#webSeeds.start(info);
      },
    });
    this.#webSeeds = new WebSeeds({
      sources: options.webSources,
      clock,
      resolver: options.resolver,
      client: options.webClient,
      log,
      fetcher: this.download.fetcher,
      onBytes: (count) => {
        this.#swarm.downloaded(count);
      },
    });
    this.#node = new Node({ clock, dialer, listener, log, meter, peerId });
    this.#swarm = new Swarm({
      torrent: new Torrent(names),
      fetcher: this.download.fetcher,
      uploadSlots: options.uploadSlots,
      clock,
      hasher,
      log,
      meter,
      onStoreFailed: (error) => {
        // What cannot be read back can still be fetched; only serving it to others ends.
        log.warn('cannot read back what was written; it is not served to others', { reason: String(error) });
        this.#swarm.torrent.withdraw();
      },
      onNamed: (wireHashes) => {
        for (const wireHash of wireHashes) this.#presence.add(wireHash);
      },
      onDialsDue: () => {
        this.#node.dialDue();
      },
    });
    this.#presence = this.#makePresence();
  }

  #makePresence(): CombinedPresence {
    const { peerId, names, presence } = this.#options;
    const facts = {
      peerId,
      port: this.#node.listenPort,
      progress: () => ({
        uploadedBytes: this.#swarm.uploadedBytes,
        downloadedBytes: this.#swarm.downloadedBytes,
        leftBytes: this.#leftBytes,
        partialSeed: this.download.isPartial && this.download.isDone,
      }),
      onPeers: (endpoints: readonly Endpoint[]) => {
        this.#swarm.meet(endpoints);
      },
    };
    return new CombinedPresence({
      wireHashes: wireHashesOf(names),
      make: (wireHash) => presence({ ...facts, wireHash }),
    });
  }

  get uploadedBytes(): number {
    return this.#swarm.uploadedBytes;
  }

  get downloadedBytes(): number {
    return this.#swarm.downloadedBytes;
  }

  /** Downloads to the end; see `Download.run`. */
  async run(): Promise<DownloadResult> {
    const outcome = this.download.run(this.#swarm);
    this.#node.join(this.#swarm);
    void this.#presence.start();
    this.#swarm.meet(this.#options.endpoints);
    const result = await outcome;
    this.#swarm.sated();
    if (this.download.isPartial) this.#presence.announceNow();
    else if (!result.wasThere) this.#presence.completed();
    return result;
  }

  /** What may be spoken of to whoever is near: nothing of a private torrent (BEP 27). */
  get openNames(): readonly WireHash[] {
    const { torrent } = this.#swarm;
    return torrent.isPrivate ? [] : wireHashesOf(torrent.names);
  }

  /** Someone who is not named by a tracker; of a private torrent nobody is (BEP 27). */
  meet(endpoints: readonly Endpoint[]): void {
    if (this.download.info?.isPrivate !== true) this.#swarm.meet(endpoints);
  }

  /** Says goodbye to trackers and peers, and lets go of the place on the disk. */
  async stop(): Promise<void> {
    this.#webSeeds.stop();
    try {
      await Promise.all([this.#presence.stop(), this.#node.stop()]);
    } finally {
      await this.download.close();
    }
  }

  get #leftBytes(): number | undefined {
    const geometry = this.download.info?.geometry;
    return geometry === undefined ? undefined : geometry.totalBytes - this.download.verifiedBytes;
  }
}
