import { BufferPool } from '../../base/buffers.ts';
import { MAX_FETCH_BUFFER_BYTES, MAX_UPLOAD_BUFFER_BYTES } from '../../base/limits.ts';
import type { Verdict } from './verdict.ts';

/** A pool for so few buffers may be larger than the bound: a piece can be fetched while another is checked. */
const FEWEST_BUFFERS = 4;

/**
 * Watches every pool of piece buffers that is used while it is on: drivers make them deep inside, so this goes by the
 * class. Pools keep to their capacity by themselves; what is watched is that nobody makes one too large, and that
 * whoever is gone has given all back.
 */
export class PoolWatch {
  readonly #verdict: Verdict;
  /** Gives the class back what it does by itself. */
  #cancel: () => void = () => {};
  /** BOUNDED: by the programs of the scenario. */
  readonly #pools = new Set<BufferPool>();

  constructor(options: { readonly verdict: Verdict }) {
    this.#verdict = options.verdict;
  }

  on(): void {
    const own = Object.getOwnPropertyDescriptor(BufferPool.prototype, 'take')!;
    const take = own.value as (this: BufferPool) => Uint8Array | undefined;
    const see = (pool: BufferPool): void => this.#see(pool);
    const value = function (this: BufferPool): Uint8Array | undefined {
      see(this);
      return take.call(this);
    };
    Object.defineProperty(BufferPool.prototype, 'take', { ...own, value });
    this.#cancel = () => void Object.defineProperty(BufferPool.prototype, 'take', own);
  }

  /** The class is again as it was. */
  off(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  /** To be asked when every program has been stopped and none was killed. */
  judgeLeaks(): void {
    for (const pool of this.#pools) {
      // Pools for uploads keep what they have read.
      const isForFetching = pool.capacity * pool.sizeBytes > MAX_UPLOAD_BUFFER_BYTES;
      if (isForFetching && pool.taken > 0) this.#verdict.breach('buffers', `${pool.taken} were never given back`);
    }
  }

  #see(pool: BufferPool): void {
    if (this.#pools.has(pool)) return;
    this.#pools.add(pool);
    const bound = Math.max(MAX_FETCH_BUFFER_BYTES, MAX_UPLOAD_BUFFER_BYTES);
    const isSmall = pool.capacity <= FEWEST_BUFFERS || pool.capacity * pool.sizeBytes <= bound;
    if (!isSmall) this.#verdict.breach('buffers', `a pool of ${pool.capacity} × ${pool.sizeBytes} bytes`);
  }
}
