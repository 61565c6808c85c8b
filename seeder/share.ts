/**
 * What a seeder is: a node with a store of the pieces it holds, announced to trackers. It sends the file's own bytes or
 * nothing: when the store says that the file is not what it was, everything is withdrawn.
 */
import type { Bitfield } from '../common/base/bitfield.ts';
import { after, type Endpoint, type PeerId, type PieceIndex, type WireHash } from '../common/base/ids.ts';
import { SOURCE_CHECK_INTERVAL_MS } from '../common/base/limits.ts';
import type { Clock, Dialer, Hasher, Listener, Log, Meter, PieceStore, Random } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import type { ChokeTerms } from '../common/peer/choker.ts';
import { CombinedPresence } from '../common/peer/combined-presence.ts';
import { Node } from '../common/peer/node.ts';
import type { Presence, PresenceFacts } from '../common/peer/presence.ts';
import { Swarm } from '../common/peer/swarm.ts';
import { Torrent } from '../common/peer/torrent.ts';
import { wireHashesOf, wireNamesOf } from '../common/peer/wire-names.ts';

export interface ShareOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
  readonly log: Log;
  readonly meter: Meter;
  readonly dialer: Dialer;
  readonly listener: Listener;
  readonly peerId: PeerId;
  readonly info: Info;
  /** Verified. */
  readonly layers: PieceLayers;
  readonly store: PieceStore;
  /** The pieces that are offered and served: all of them, or the assigned range. */
  readonly held: Bitfield;
  readonly choking: ChokeTerms;
  /** Nothing says that someone else has the content, such as a web seed. */
  readonly isOnlySource: boolean;
  readonly maxConnections: number;
  /** Rejects when the file is no longer what it was; asked now and then, since nobody may be reading. */
  readonly check: () => Promise<void>;
  readonly presence: (facts: PresenceFacts) => Presence;
}

export class Share {
  readonly #options: ShareOptions;
  readonly #node: Node;
  readonly #swarm: Swarm;
  readonly #presence: Presence;
  #isStopped = false;
  #cancelWatch: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  /** Rejects with the store's error when the pieces can no longer be served. Never resolves. */
  readonly failed: Promise<never>;

  constructor(options: ShareOptions) {
    this.#options = options;
    const { clock, hasher, log, meter, dialer, listener, peerId, info, layers, store, held } = options;
    this.failed = new Promise<never>((_resolve, reject) => {
      this.#fail = reject;
    });
    // Whoever started the share may not look at it before it fails.
    this.failed.catch(() => undefined);
    const torrent = new Torrent(wireNamesOf(info));
    torrent.learn({ info: info.infoBytes, geometry: info.geometry, isPrivate: info.isPrivate }, held.copy());
    torrent.learnLayers(layers);
    this.#node = new Node({ clock, dialer, listener, log, meter, peerId, maxConnections: options.maxConnections });
    this.#swarm = new Swarm({
      torrent,
      choking: options.choking,
      clock,
      random: options.random,
      hasher,
      log,
      meter,
      onStoreFailed: (error) => {
        this.#withdraw(error);
      },
      onDialsDue: () => {
        this.#node.dialDue();
      },
    });
    this.#swarm.serveFrom(store);
    if (options.isOnlySource) this.#swarm.seedInitially();
    this.#node.join(this.#swarm);
    const facts = {
      peerId,
      port: this.#node.listenPort,
      progress: () => ({
        uploadedBytes: this.#swarm.uploadedBytes,
        downloadedBytes: 0,
        leftBytes: info.geometry.totalBytes - bytesOf(held, info),
        partialSeed: !held.isFull,
      }),
      onSeeders: (count: number) => {
        this.#swarm.initial?.learnSeeders(count);
      },
      // Stock clients that came before us wait minutes for their next announce: we dial them.
      onPeers: (endpoints: readonly Endpoint[]) => {
        this.#swarm.meet(endpoints);
      },
    };
    this.#presence = new CombinedPresence({
      wireHashes: wireHashesOf(torrent.names),
      make: (wireHash) => options.presence({ ...facts, wireHash }),
    });
  }

  get uploadedBytes(): number {
    return this.#swarm.uploadedBytes;
  }

  get peerCount(): number {
    return this.#swarm.connections.length;
  }

  start(): Promise<void> {
    this.#watch();
    return this.#presence.start();
  }

  /** What may be spoken of to whoever is near: nothing of a private torrent (BEP 27). */
  get openNames(): readonly WireHash[] {
    const { torrent } = this.#swarm;
    return torrent.isPrivate ? [] : wireHashesOf(torrent.names);
  }

  /** Someone who is not named by a tracker, and may want what is here; of a private torrent nobody is (BEP 27). */
  meet(endpoints: readonly Endpoint[]): void {
    if (!this.#options.info.isPrivate) this.#swarm.meet(endpoints);
  }

  /** Says goodbye to trackers and peers. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelWatch();
    try {
      await Promise.all([this.#presence.stop(), this.#node.stop()]);
    } finally {
      await this.#options.store.close();
    }
  }

  #watch(): void {
    const { clock, check } = this.#options;
    this.#cancelWatch = clock.at(after(clock.now(), SOURCE_CHECK_INTERVAL_MS), () => {
      check().then(
        () => {
          // It may have been stopped, or withdrawn, while the answer was on its way.
          if (!this.#isStopped) this.#watch();
        },
        (error: unknown) => {
          this.#withdraw(error);
        },
      );
    });
  }

  #withdraw(error: unknown): void {
    this.#isStopped = true;
    this.#cancelWatch();
    this.#swarm.torrent.withdraw();
    this.#swarm.closeAll('stopped');
    this.#fail(error);
  }
}

function bytesOf(held: Bitfield, info: Info): number {
  if (held.isFull) return info.geometry.totalBytes;
  let bytes = 0;
  for (const piece of held) bytes += info.geometry.pieceSize(piece satisfies PieceIndex);
  return bytes;
}
