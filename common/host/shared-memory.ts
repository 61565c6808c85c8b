import type { Lock, WordMemory } from '../base/memory-ports.ts';

/** Looks at the lock so often before it sleeps: who holds it mostly lets go within a microsecond or two. */
const SPINS = 200;
/** A thread that waited so often so long in vain takes the holder for dead. A process that is stopped loses one wait. */
const WAIT_MS = 500;
const MAX_WAITS = 10;

const FREE = 0;
const HELD = 1;
/** Held, and somebody may be asleep. */
const AWAITED = 2;

/** A mutex on a word of shared memory. */
class ThreadLock implements Lock {
  readonly #word: Int32Array<SharedArrayBuffer>;

  constructor(word: Int32Array<SharedArrayBuffer>) {
    this.#word = word;
  }

  /** Throws when whoever holds it seems to be dead, and what it guards half changed. */
  acquire(): void {
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.compareExchange(this.#word, 0, FREE, HELD) === FREE) return;
    let waits = 0;
    while (Atomics.exchange(this.#word, 0, AWAITED) !== FREE) {
      if (Atomics.wait(this.#word, 0, AWAITED, WAIT_MS) === 'timed-out' && ++waits === MAX_WAITS) {
        throw new Error('a thread died while it held the registry');
      }
    }
  }

  release(): void {
    if (Atomics.exchange(this.#word, 0, FREE) === AWAITED) Atomics.notify(this.#word, 0, 1);
  }
}

/**
 * Memory that several threads share. The first makes it, the others are given its buffers, which a message hands on
 * without copying them.
 */
export class SharedMemory implements WordMemory {
  readonly isNew: boolean;
  readonly lock: Lock;
  readonly #buffers: SharedArrayBuffer[];
  #taken = 0;

  constructor(options: {
    /** Of the thread that made it; undefined to make it. */
    readonly buffers: readonly SharedArrayBuffer[] | undefined;
  }) {
    this.isNew = options.buffers === undefined;
    this.#buffers = [...(options.buffers ?? [])];
    this.lock = new ThreadLock(this.words(1));
  }

  /** What another thread needs to share it. All words must have been taken. */
  get buffers(): readonly SharedArrayBuffer[] {
    return this.#buffers;
  }

  words(count: number): Int32Array<SharedArrayBuffer> {
    if (this.isNew) this.#buffers.push(new SharedArrayBuffer(4 * count));
    const words = new Int32Array(this.#buffers[this.#taken++]!);
    if (words.length !== count) throw new Error('shared memory is taken in another order than it was made');
    return words;
  }
}
