import type { PieceIndex } from '../common/base/ids.ts';
import type { Info } from '../common/content/info.ts';
import type { CloseReason, Peer } from '../common/peer/peer.ts';
import type { SourceFailure } from './source-book.ts';

/** Where a download stands; each stage is entered once, in this order, and some may be passed over. */
export type Stage =
  | 'learning' /* asking peers for the info dictionary and the piece layers */
  | 'checking' /* verifying what is on the disk */
  | 'waiting' /* for enough sources */
  | 'fetching'
  | 'finishing' /* flushing and naming the file */
  | 'over';

/** What a download tells, for people and programs. */
export interface DownloadEvents {
  stage(stage: Stage): void;
  /** The info dictionary is here. */
  content(info: Info): void;
  /** Nobody gave the piece layers of this hybrid: its chunks are checked by SHA-1, its files by SHA-256 at their end. */
  sha1First(info: Info): void;
  /** Sources with needed chunks that are connected, while it waits for more. */
  waiting(found: number, wanted: number): void;
  source(peer: Peer, change: 'joined' | 'left', reason?: CloseReason): void;
  chunk(piece: PieceIndex, peer: Peer, sizeBytes: number): void;
  retry(piece: PieceIndex, peer: Peer, failure: SourceFailure): void;
  /** A source was found out and will not be asked again. */
  banned(peer: Peer): void;
  /** Needed chunks that no connected source has, first and last of each run; told when it changes. */
  missing(ranges: readonly { readonly first: number; readonly last: number }[], sources: number): void;
}
