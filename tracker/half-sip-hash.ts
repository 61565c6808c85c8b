/**
 * HalfSipHash-2-4 (Aumasson, Bernstein) over whole 32-bit words: where things are kept in the tables here. Info hashes
 * and ports are chosen by those who announce; without the key nobody can choose them so that they all meet in one spot.
 */
export class HalfSipHash {
  readonly #low: number;
  readonly #high: number;

  constructor(options: {
    /** 8 bytes. */
    readonly key: Uint8Array;
  }) {
    const key = new DataView(options.key.buffer, options.key.byteOffset, 8);
    this.#low = key.getInt32(0, true);
    this.#high = key.getInt32(4, true);
  }

  /** The first `count` words, each as its four bytes in little-endian order; a signed word. */
  of(words: Int32Array, count: number): number {
    let v0 = this.#low;
    let v1 = this.#high;
    let v2 = this.#low ^ 0x6c796765;
    let v3 = this.#high ^ 0x74656462;
    const takenIn = 2 * (count + 1);
    for (let round = 0; round < takenIn + 4; round++) {
      const word = round >= takenIn ? 0 : round >= 2 * count ? count << 26 : words[round >> 1]!;
      if ((round & 1) === 0) v3 ^= word;
      if (round === takenIn) v2 ^= 0xff;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if ((round & 1) === 1) v0 ^= word;
    }
    return v1 ^ v3;
  }
}
