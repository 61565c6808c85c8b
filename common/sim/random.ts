import type { Random } from '../base/ports.ts';

const TWO_32 = 2 ** 32;

/**
 * Chance from a seed: xoshiro128** 1.1 of Blackman and Vigna, its state filled by splitmix32. Good enough for any
 * scenario, the same on every machine, and no secret.
 */
export class SeededRandom implements Random {
  readonly #state: Uint32Array;

  constructor(options: { readonly seed: number }) {
    this.#state = splitmix32(options.seed, 4);
  }

  /** With the generator's own state, which may not be all zero. */
  static ofState(state: readonly [number, number, number, number]): SeededRandom {
    const random = new SeededRandom({ seed: 0 });
    random.#state.set(state);
    return random;
  }

  /** A whole number in 0 … 2^32 - 1. */
  next(): number {
    const s = this.#state;
    const s1 = s[1]!;
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1] = s1 ^ s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= s1 << 9;
    s[3] = rotate(s[3]!, 11);
    return result;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.next() >>> 24;
    return bytes;
  }

  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_32) throw new Error(`no number is below ${bound}`);
    return Math.floor((this.next() / TWO_32) * bound);
  }

  /** A fraction in 0 … 1, 1 excluded. */
  fraction(): number {
    return this.next() / TWO_32;
  }

  /** True with this probability. Draws nothing for 0 or less, so that a trait that is off changes no other draw. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** Another stream of chance, so that one actor's draws do not change another's. */
  fork(): SeededRandom {
    return new SeededRandom({ seed: this.next() });
  }
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

function splitmix32(seed: number, count: number): Uint32Array {
  let state = seed;
  return Uint32Array.from({ length: count }, () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  });
}
