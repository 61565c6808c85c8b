/** How a node is known to others: whoever announces it. Declared by those who need it; trackers implement it. */
import type { Endpoint, PeerId, WireHash } from '../base/ids.ts';

export interface Presence {
  /** Resolves when it has said hello everywhere it could, or has tried. */
  start(): Promise<void>;
  /** More peers are wanted before the next beat. */
  announceNow(): void;
  /** The last piece has come (BEP 3: once, and not when it was complete from the start). */
  completed(): void;
  /** Says goodbye, within STOP_TIMEOUT_MS. */
  stop(): Promise<void>;
}

/** What there is to announce. */
export interface PresenceFacts {
  readonly peerId: PeerId;
  /** Where peers can dial us. */
  readonly port: number;
  readonly wireHash: WireHash;
  progress(): TransferProgress;
  onPeers(endpoints: readonly Endpoint[]): void;
  /** A tracker says how many have everything, ourselves among them. */
  onSeeders?(count: number): void;
}

export interface TransferProgress {
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  /** Bytes of the content that are not here; 2^63 - 1 … when the size is not known yet is for the announcer to say. */
  readonly leftBytes: number | undefined;
  /** Wants nothing more although it has not everything (BEP 21). */
  readonly partialSeed: boolean;
}
