import type { ShoalError } from '../common/base/errors.ts';
import type { Clock, Hasher, Log, Random } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import type { DownloadEvents } from './download-events.ts';
import type { Target } from './target.ts';

export interface DownloadOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
  readonly log: Log;
  readonly target: Target;
  /** See `Learning`. */
  readonly recognise: (info: Uint8Array) => Info | undefined;
  readonly known?: { readonly info: Info; readonly layers: PieceLayers };
  /** Patterns of the files that are wanted; all without it. */
  readonly fileGlobs?: readonly string[];
  readonly minSeeders: number;
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly events: DownloadEvents;
  /** More peers would help: ask the trackers again, soon. */
  readonly onHungry: () => void;
  /** The content is known and its place is taken: sources that need not be learned from may come. */
  readonly onBegun: (info: Info) => void;
  /** When nobody described the content: what the trackers have to say about that, if anything. */
  readonly nobody: () => ShoalError | undefined;
}

export interface DownloadResult {
  readonly path: string;
  readonly sizeBytes: number;
  /** The file was there already, whole and right. */
  readonly wasThere: boolean;
}
