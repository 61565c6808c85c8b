import { randomFillSync, randomInt } from 'node:crypto';
import type { Random } from '../base/ports.ts';

/** Chance from the system's secure source. */
export class HostRandom implements Random {
  bytes(count: number): Uint8Array {
    return randomFillSync(new Uint8Array(count));
  }

  below(bound: number): number {
    return randomInt(bound);
  }
}
