import type { PieceIndex } from './ids.ts';

/**
 * A set of piece indexes in the wire's layout: most significant bit first, spare bits zero (BEP 3).
 *
 * BOUNDED: by the piece count it was made with.
 */
export class Bitfield {
  readonly size: number;
  readonly bytes: Uint8Array;
  #count = 0;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(Math.ceil(size / 8));
  }

  /** Every index present. */
  static full(size: number): Bitfield {
    const field = new Bitfield(size);
    field.bytes.fill(0xff);
    const spare = field.bytes.length * 8 - size;
    if (spare > 0) field.bytes[field.bytes.length - 1] = (0xff << spare) & 0xff;
    field.#count = size;
    return field;
  }

  /** A copy of wire bytes; undefined when the length is not exactly right or a spare bit is set. */
  static fromWire(bytes: Uint8Array, size: number): Bitfield | undefined {
    if (bytes.length !== Math.ceil(size / 8)) return undefined;
    const spare = bytes.length * 8 - size;
    if (spare > 0 && (bytes[bytes.length - 1]! & ((1 << spare) - 1)) !== 0) return undefined;
    const field = new Bitfield(size);
    field.bytes.set(bytes);
    for (const byte of bytes) field.#count += POPCOUNT[byte]!;
    return field;
  }

  /** How many indexes are in the set. */
  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.size;
  }

  has(index: PieceIndex): boolean {
    return index < this.size && (this.bytes[index >> 3]! & (0x80 >> (index & 7))) !== 0;
  }

  /** Adds an index; false when it was there or is out of range. */
  add(index: PieceIndex): boolean {
    if (index < 0 || index >= this.size || this.has(index)) return false;
    this.bytes[index >> 3]! |= 0x80 >> (index & 7);
    this.#count++;
    return true;
  }

  /** Removes an index; false when it was not there. */
  remove(index: PieceIndex): boolean {
    if (!this.has(index)) return false;
    this.bytes[index >> 3]! &= ~(0x80 >> (index & 7));
    this.#count--;
    return true;
  }

  copy(): Bitfield {
    const field = new Bitfield(this.size);
    field.bytes.set(this.bytes);
    field.#count = this.#count;
    return field;
  }

  /** Takes the members of another set of the same size, and stays the same object. */
  become(other: Bitfield): void {
    this.bytes.set(other.bytes);
    this.#count = other.#count;
  }

  /** The smallest member that is at least `from`, or -1. Skips empty bytes, so a sparse set is cheap to walk. */
  next(from: number): number {
    for (let i = from; i < this.size; i++) {
      if ((i & 7) === 0) {
        while (i < this.size && this.bytes[i >> 3] === 0) i += 8;
        if (i >= this.size) return -1;
      }
      if ((this.bytes[i >> 3]! & (0x80 >> (i & 7))) !== 0) return i;
    }
    return -1;
  }

  *[Symbol.iterator](): Generator<PieceIndex> {
    for (let i = this.next(0); i >= 0; i = this.next(i + 1)) yield i as PieceIndex;
  }
}

const POPCOUNT = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
});
