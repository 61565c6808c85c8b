/**
 * HalfSipHash (Aumasson, Bernstein) over whole 32-bit words, which says where things are kept in the tables here. Info
 * hashes and ports are chosen by those who announce; without the key nobody can choose them so that they all meet in
 * one spot. Results are shown to nobody, so one round a word and three at the end do, as in the tables of Linux.
 */
export class HalfSipHash {
  readonly #low: number;
  readonly #high: number;
  readonly #roundsPerWord: number;
  readonly #roundsAtEnd: number;

  constructor(options: {
    /** 8 bytes. */
    readonly key: Uint8Array;
    readonly roundsPerWord: number;
    readonly roundsAtEnd: number;
  }) {
    const key = new DataView(options.key.buffer, options.key.byteOffset, 8);
    this.#low = key.getInt32(0, true);
    this.#high = key.getInt32(4, true);
    this.#roundsPerWord = options.roundsPerWord;
    this.#roundsAtEnd = options.roundsAtEnd;
  }

  /** The first `count` words, each as its four bytes in little-endian order; a signed word. */
  of(words: Int32Array, count: number): number {
    let v0 = this.#low;
    let v1 = this.#high;
    let v2 = this.#low ^ 0x6c796765;
    let v3 = this.#high ^ 0x74656462;
    // After the words comes the length in bytes, and after that the finish.
    for (let at = 0; at <= count + 1; at++) {
      const word = at < count ? words[at]! : at === count ? count << 26 : 0;
      const rounds = at <= count ? this.#roundsPerWord : this.#roundsAtEnd;
      if (at > count) v2 ^= 0xff;
      v3 ^= word;
      for (let round = 0; round < rounds; round++) {
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
      }
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}
