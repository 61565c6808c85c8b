/**
 * SipHash-2-4 (Aumasson, Bernstein), a MAC made for messages of a few bytes: what `node:crypto` needs for its call
 * alone is several times the work. In 32-bit halves, since numbers here have no 64 bits, and without allocation.
 */
export class SipHash {
  readonly #key: Int32Array;
  /** The last result: the first and the second four bytes, each as a little-endian word. */
  low = 0;
  high = 0;

  constructor(options: {
    /** 16 bytes. */
    readonly key: Uint8Array;
  }) {
    const key = new DataView(options.key.buffer, options.key.byteOffset, 16);
    this.#key = Int32Array.from([0, 4, 8, 12], (at) => key.getInt32(at, true));
  }

  /** Hashes the first `count` words, each as its four bytes in little-endian order, into `low` and `high`. */
  hash(words: Int32Array, count: number): void {
    const key = this.#key;
    // Lower case for the low halves, upper case for the high ones.
    let [a, A, b, B] = [key[0]! ^ 0x70736575, key[1]! ^ 0x736f6d65, key[2]! ^ 0x6e646f6d, key[3]! ^ 0x646f7261];
    let [c, C, d, D] = [key[0]! ^ 0x6e657261, key[1]! ^ 0x6c796765, key[2]! ^ 0x79746573, key[3]! ^ 0x74656462];
    // Blocks of two words; the last one ends with the length in bytes. After them comes the finish.
    const blocks = (count >> 1) + 1;
    for (let block = 0; block <= blocks; block++) {
      const at = 2 * block;
      const low = at < count ? words[at]! : 0;
      const high = at + 1 < count ? words[at + 1]! : block === blocks - 1 ? count << 26 : 0;
      const rounds = block === blocks ? 4 : 2;
      if (block === blocks) c ^= 0xff;
      d ^= low;
      D ^= high;
      for (let round = 0; round < rounds; round++) {
        const aNext = (a + b) | 0;
        const ANext = (A + B + carry(a, b, aNext)) | 0;
        const bNext = ((b << 13) | (B >>> 19)) ^ aNext;
        B = ((B << 13) | (b >>> 19)) ^ ANext;
        const cNext = (c + d) | 0;
        C = (C + D + carry(c, d, cNext)) | 0;
        const dNext = ((d << 16) | (D >>> 16)) ^ cNext;
        D = ((D << 16) | (d >>> 16)) ^ C;
        // The halves of `a` have changed places, a turn by 32 bits.
        a = (ANext + dNext) | 0;
        A = (aNext + D + carry(ANext, dNext, a)) | 0;
        d = ((dNext << 21) | (D >>> 11)) ^ a;
        D = ((D << 21) | (dNext >>> 11)) ^ A;
        const sum = (cNext + bNext) | 0;
        const SUM = (C + B + carry(cNext, bNext, sum)) | 0;
        b = ((bNext << 17) | (B >>> 15)) ^ sum;
        B = ((B << 17) | (bNext >>> 15)) ^ SUM;
        // As have those of `c`.
        c = SUM;
        C = sum;
      }
      a ^= low;
      A ^= high;
    }
    this.low = a ^ b ^ c ^ d;
    this.high = A ^ B ^ C ^ D;
  }
}

/** Of the sum of two words, without a branch: a processor would foresee every other one wrongly. */
const carry = (a: number, b: number, sum: number): number => ((a & b) | ((a | b) & ~sum)) >>> 31;
