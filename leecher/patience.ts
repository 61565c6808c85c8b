/** When to go on waiting and when to give up: for enough sources at the start, for any progress later. */
import { after, type Instant } from '../common/base/ids.ts';
import { BLOCK_BYTES } from '../common/base/limits.ts';

export type Impatience = 'too-few' /* sources at the start */ | 'no-progress';

export interface PatienceOptions {
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly now: Instant;
}

export class Patience {
  readonly #options: PatienceOptions;
  #waitingSince: Instant;
  #progressAt: Instant;
  #hasStarted = false;
  #unheardBytes = 0;

  constructor(options: PatienceOptions) {
    this.#options = options;
    this.#waitingSince = options.now;
    this.#progressAt = options.now;
  }

  /** The wait for sources begins again: until now there was other work to do. */
  waitsAnew(now: Instant): void {
    this.#waitingSince = now;
  }

  /** There were sources enough; from now on only progress counts. */
  started(now: Instant): void {
    this.#hasStarted = true;
    this.#progressAt = now;
  }

  /** Something got done: a piece, the metadata, a check of what is on the disk. */
  progressed(now: Instant): void {
    this.#progressAt = now;
    this.#unheardBytes = 0;
  }

  /** Block bytes came. A block's worth is progress; a byte now and then is not. */
  heard(bytes: number, now: Instant): void {
    this.#unheardBytes += bytes;
    if (this.#unheardBytes >= BLOCK_BYTES) this.progressed(now);
  }

  get nextDue(): Instant {
    const { waitMs, timeoutMs } = this.#options;
    return this.#hasStarted ? after(this.#progressAt, timeoutMs) : after(this.#waitingSince, waitMs);
  }

  verdict(now: Instant): Impatience | undefined {
    if (now < this.nextDue) return undefined;
    return this.#hasStarted ? 'no-progress' : 'too-few';
  }
}
