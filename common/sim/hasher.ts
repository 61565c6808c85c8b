import type { Digest } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import type { Clock, Hasher } from '../base/ports.ts';
import { leavesOf, rootOfBytes } from '../content/merkle.ts';
import { sha1Of } from './piece-hash.ts';

/**
 * Hashes on the spot and answers after a while of virtual time. The bytes are looked at when the answer is due: who
 * changes them meanwhile gets the wrong hash, as on the real machine.
 */
export class SimHasher implements Hasher {
  readonly #clock: Clock;
  /** Time for one answer. May be changed. */
  delayMs: number;

  constructor(options: { readonly clock: Clock; readonly delayMs: number }) {
    this.#clock = options.clock;
    this.delayMs = options.delayMs;
  }

  pieceRoot(bytes: Uint8Array, leafSlots: number): Promise<Digest> {
    return this.#later(() => rootOfBytes(bytes, leafSlots));
  }

  leaves(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#later(() => leavesOf(bytes));
  }

  sha1(bytes: Uint8Array, zeroBytes: number): Promise<Uint8Array> {
    return this.#later(() => sha1Of(bytes, zeroBytes));
  }

  #later<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#clock.at(after(this.#clock.now(), this.delayMs), () => resolve(work()));
    });
  }
}
