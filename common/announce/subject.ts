import type { Endpoint, PeerId, WireHash } from '../base/ids.ts';
import type { CatalogueItem } from '../wire/catalogue-entry.ts';

/** What the tracker is to be told about the transfer, at the moment it is asked for. */
export interface AnnounceProgress {
  readonly downloadedBytes: number;
  readonly uploadedBytes: number;
  /** Undefined: not known yet. */
  readonly leftBytes: number | undefined;
  /** Wants nothing more although something is left (BEP 21). */
  readonly partialSeed: boolean;
}

/** What is announced: one peer in one swarm. Shared by all trackers it is announced to. */
export interface Subject {
  readonly peerId: PeerId;
  /** Where peers can dial us. */
  readonly port: number;
  readonly wireHash: WireHash;
  /** Tells a tracker that we are the same in both families (BEP 7). */
  readonly key: number;
  /** After which a tracker of ours forgets us. */
  readonly ttlS: number;
  /** What catalogues are to list. BOUNDED: by whoever publishes. */
  readonly items: readonly CatalogueItem[];
  /** Whether the download was completed while it was announced. */
  isCompleted(): boolean;
  progress(): AnnounceProgress;
  /** Peers that a tracker named. */
  onPeers(endpoints: readonly Endpoint[]): void;
}
