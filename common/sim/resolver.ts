import { canonicalAddress } from '../base/address.ts';
import { ShoalError } from '../base/errors.ts';
import { after } from '../base/ids.ts';
import type { Clock, Resolver } from '../base/ports.ts';

/** Names of the simulated world. */
export class SimResolver implements Resolver {
  readonly #clock: Clock;
  /** What each name means now. BOUNDED: by the scenario. */
  readonly names = new Map<string, readonly string[]>();
  /** Time for one answer. May be changed. */
  delayMs: number;

  constructor(options: { readonly clock: Clock; readonly delayMs: number }) {
    this.#clock = options.clock;
    this.delayMs = options.delayMs;
  }

  resolve(host: string): Promise<readonly string[]> {
    const literal = canonicalAddress(host);
    if (literal !== undefined) return Promise.resolve([literal]);
    return new Promise((resolve, reject) => {
      this.#clock.at(after(this.#clock.now(), this.delayMs), () => {
        const found = this.names.get(host);
        if (found !== undefined) resolve(found);
        else reject(new ShoalError('NAME_UNRESOLVED', `the name ${host} does not resolve`));
      });
    });
  }
}
