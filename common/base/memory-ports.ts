/** Memory that threads may share, as rules see it. `common/host` has what several threads share, `own-memory` the rest. */

/**
 * Where a rule keeps what it knows, in words. Who shares it takes the same arrays in the same order, so that each of
 * them has the same words under the same names.
 */
export interface WordMemory {
  /** Whether nobody has used it before: all words are 0, and whoever takes them first puts down how they begin. */
  readonly isNew: boolean;
  /** Held while what lies in it is looked at or changed; undefined where nobody shares it. */
  readonly lock: Lock | undefined;
  /** The next array. What is never written to costs addresses, but no memory. */
  words(count: number): Int32Array;
}

/** Mutual exclusion of the threads that share a memory. Not reentrant. */
export interface Lock {
  acquire(): void;
  release(): void;
}
