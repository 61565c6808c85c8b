import { MERIT_WINDOW_MS } from '../base/limits.ts';
import type { PieceIndex } from '../base/ids.ts';
import { RecentBytes } from './recent-bytes.ts';

/** What went to and fro between us and one peer of late. */
export class Dealings {
  readonly received = new RecentBytes({ windowMs: MERIT_WINDOW_MS });
  readonly sent = new RecentBytes({ windowMs: MERIT_WINDOW_MS });
  /** Pieces of which it gave us blocks, and of which we have not said since that we have them. BOUNDED: by the pieces. */
  readonly given = new Set<PieceIndex>();
}
