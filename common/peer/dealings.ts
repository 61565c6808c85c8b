import { MERIT_WINDOW_MS } from '../base/limits.ts';
import { RecentBytes } from './recent-bytes.ts';

/** What went to and fro between us and one peer of late. */
export class Dealings {
  readonly received = new RecentBytes({ windowMs: MERIT_WINDOW_MS });
  readonly sent = new RecentBytes({ windowMs: MERIT_WINDOW_MS });
}
