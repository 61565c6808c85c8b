/** How long a leecher that is complete goes on serving: whichever of its bounds is met first; for ever without any. */
import { after, type Instant, NEVER } from '../common/base/ids.ts';

/** Both undefined: until it is stopped. */
export interface SeedBounds {
  /** Bytes sent over bytes of what was wanted. */
  readonly ratio?: number | undefined;
  readonly timeMs?: number | undefined;
}

/** The bound that was met. */
export type SeedEnd = 'ratio' | 'time';

/** How often it is looked whether enough was sent. */
const LOOK_MS = 1_000;

export class SeedGoal {
  readonly #wantedBytes: number;
  readonly #until: Instant;

  constructor(options: { readonly bounds: SeedBounds; readonly sizeBytes: number; readonly now: Instant }) {
    const { bounds, sizeBytes, now } = options;
    this.#wantedBytes = bounds.ratio === undefined ? Infinity : bounds.ratio * sizeBytes;
    this.#until = bounds.timeMs === undefined ? NEVER : after(now, bounds.timeMs);
  }

  reached(uploadedBytes: number, now: Instant): SeedEnd | undefined {
    if (uploadedBytes >= this.#wantedBytes) return 'ratio';
    return now >= this.#until ? 'time' : undefined;
  }

  /** When to ask again. */
  nextLook(now: Instant): Instant {
    return this.#wantedBytes === Infinity ? this.#until : (Math.min(this.#until, after(now, LOOK_MS)) as Instant);
  }
}
