import type { WordMemory } from './memory-ports.ts';

/** Memory of one thread only. */
export class OwnMemory implements WordMemory {
  readonly isNew = true;
  readonly lock = undefined;

  words(count: number): Int32Array {
    return new Int32Array(count);
  }
}
