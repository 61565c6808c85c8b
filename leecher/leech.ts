/** What a leecher is: a node with a download, announced to trackers, that serves what it has verified. */
import { ShoalError } from '../common/base/errors.ts';
import type { Endpoint, PeerId, WireHash } from '../common/base/ids.ts';
import { DRAIN_TIMEOUT_MS } from '../common/base/limits.ts';
import type { Dialer, Listener, Meter, Resolver } from '../common/base/ports.ts';
import type { RangeClient } from '../common/base/web-ports.ts';
import type { ChokeTerms } from '../common/peer/choker.ts';
import { CombinedPresence } from '../common/peer/combined-presence.ts';
import { Node } from '../common/peer/node.ts';
import type { Presence, PresenceFacts } from '../common/peer/presence.ts';
import { Swarm } from '../common/peer/swarm.ts';
import { Torrent } from '../common/peer/torrent.ts';
import { wireHashesOf, type WireNames } from '../common/peer/wire-names.ts';
import { Download } from './download.ts';
import type { DownloadOptions, DownloadResult } from './download-options.ts';
import { type SeedBounds, type SeedEnd, SeedGoal } from './seed-goal.ts';
import { Seeding } from './seeding.ts';
import { WebSeeds } from './web-seeds.ts';
import type { WebSource } from './web-url.ts';

export interface LeechOptions extends Omit<DownloadOptions, 'onHungry' | 'onBegun'> {
  readonly dialer: Dialer;
  readonly listener: Listener;
  readonly meter: Meter;
  readonly peerId: PeerId;
  /** What is known of its names; the rest comes with the info dictionary. */
  readonly names: WireNames;
  readonly choking: ChokeTerms;
  readonly maxConnections: number;
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
  #seeding: Seeding | undefined;
  /** Of what was wanted, once it is here. */
  #sizeBytes = 0;
  #isStopped = false;
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
    this.#node = new Node({ clock, dialer, listener, log, meter, peerId, maxConnections: options.maxConnections });
    this.#swarm = new Swarm({
      torrent: new Torrent(names),
      fetcher: this.download.fetcher,
      choking: options.choking,
      clock,
      random: options.random,
      hasher,
      log,
      meter,
      onStoreFailed: (error) => {
        this.#withdraw(error);
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
    this.#sizeBytes = result.sizeBytes;
    this.#swarm.sated();
    if (this.download.isPartial) this.#presence.announceNow();
    else if (!result.wasThere) this.#presence.completed();
    return result;
  }

  /**
   * After `run`: goes on serving until a bound is met, which it resolves with. Rejects with a `StoreError` when the file
   * is no longer what it was, with INTERRUPTED when it is stopped before it has begun.
   */
  async seed(bounds: SeedBounds): Promise<SeedEnd> {
    const { clock, target } = this.#options;
    const store = await target.openFinished();
    if (this.#isStopped) throw new ShoalError('INTERRUPTED', 'the leecher was stopped');
    this.#swarm.serveFrom(store);
    // Of a file that was there from the start nothing was offered yet.
    this.#swarm.broadcastHaves(target.verifiedPieces);
    this.#swarm.serveOn();
    this.#seeding = new Seeding({
      clock,
      goal: new SeedGoal({ bounds, sizeBytes: this.#sizeBytes, now: clock.now() }),
      uploadedBytes: () => this.uploadedBytes,
      check: () => store.check(),
    });
    return this.#seeding.ended.catch((error: unknown) => {
      this.#swarm.torrent.withdraw();
      this.#swarm.closeAll('stopped');
      throw error;
    });
  }

  /** On the way out: what peers asked for and were promised is still sent, within a few seconds. */
  finishSending(): Promise<void> {
    return this.#swarm.drain(DRAIN_TIMEOUT_MS);
  }

  #withdraw(error: unknown): void {
    if (this.#seeding !== undefined) return this.#seeding.fail(error);
    // What cannot be read back can still be fetched; only serving it to others ends.
    const reason = String(error);
    this.#options.log.warn('cannot read back what was written; it is not served to others', { reason });
    this.#swarm.torrent.withdraw();
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
    this.#isStopped = true;
    this.#seeding?.stop();
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
