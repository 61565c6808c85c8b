import * as timers from 'node:timers';

/** At most so many are asked for at once. */
const BATCH = 64;

/**
 * Pauses in which every promise that can go on goes on. Node does so after each callback of a turn of the event loop;
 * to ask for many callbacks of one turn costs a fraction of a turn for each.
 *
 * BOUNDED: by BATCH callbacks that may come to nothing.
 */
export class Pauses {
  #coming = 0;
  #resolve: (() => void) | undefined;

  /** One at a time. */
  next(): Promise<void> {
    if (this.#coming === 0) this.#ask();
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  #ask(): void {
    this.#coming = BATCH;
    for (let i = 0; i < BATCH; i++) {
      timers.setImmediate(() => {
        this.#coming--;
        const resolve = this.#resolve;
        this.#resolve = undefined;
        resolve?.();
      });
    }
  }
}
