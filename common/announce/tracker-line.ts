import type { Endpoint } from '../base/ids.ts';
import type { AnnounceAnswer, AnnounceEvent } from '../wire/tracker-packets.ts';
import type { CallResult } from './exchange.ts';

/** What a tracker answers to a beat, over UDP or HTTP. */
export interface BeatAnswer extends AnnounceAnswer {
  /** Not to be asked again before, in seconds; a UDP tracker has no way to say it. */
  readonly minIntervalS?: number | undefined;
}

/** What became of one beat. */
export type BeatResult = CallResult<BeatAnswer>;

/** How one tracker is talked to in one address family. A link decides when, a line knows how. */
export interface TrackerLine {
  /** To be asked before an announce: whether the tracker has lost us. */
  isForgotten(tracker: Endpoint): Promise<boolean>;
  /** Never rejects. `tries` counts the first one. */
  announce(tracker: Endpoint, event: AnnounceEvent, tries: number): Promise<BeatResult>;
  /** To be called behind an announce that was answered. */
  afterAnnounce(tracker: Endpoint): Promise<void>;
  /** Whether an announce that is under way may have arrived: a tracker that never answered anything knows nobody. */
  mayHaveHeard(tracker: Endpoint): boolean;
  /** The tracker may be another one now. */
  reset(): void;
}
