import type { Bitfield } from '../common/base/bitfield.ts';

/**
 * Walks over two sets of pieces at once, a byte (eight pieces) at a step and four bytes where there is nothing.
 * All work on the half-open range `from … to`, which must lie inside both sets, and allocate nothing.
 * `-1` says that there is no such piece.
 */

/** The smallest piece that is in both sets. */
export const firstCommon = (a: Bitfield, b: Bitfield, from: number, to: number): number =>
  scanUp(a.bytes, b.bytes, 0, from, to);

/** The smallest piece that is in `a` but not in `b`. */
export const firstOnlyIn = (a: Bitfield, b: Bitfield, from: number, to: number): number =>
  b.isFull ? -1 : scanUp(a.bytes, b.bytes, 0xff, from, to);

/** The greatest piece that is in both sets. */
export const lastCommon = (a: Bitfield, b: Bitfield, from: number, to: number): number =>
  scanDown(a.bytes, b.bytes, 0, from, to);

/** The greatest piece that is in `a` but not in `b`. */
export const lastOnlyIn = (a: Bitfield, b: Bitfield, from: number, to: number): number =>
  b.isFull ? -1 : scanDown(a.bytes, b.bytes, 0xff, from, to);

/** How many members the set has in the range. */
export function countIn(set: Bitfield, from: number, to: number): number {
  if (from >= to) return 0;
  const last = (to - 1) >> 3;
  let count = 0;
  for (let i = from >> 3; i <= last; i++) count += POPCOUNT[masked(set.bytes[i]!, i, from, to)]!;
  return count;
}

/** The end of the shortest range from `from` that has `wanted` (at least 1) members; `to` when there are fewer. */
export function endOfFirst(set: Bitfield, from: number, to: number, wanted: number): number {
  if (from >= to) return to;
  const last = (to - 1) >> 3;
  let left = wanted;
  for (let i = from >> 3; i <= last; i++) {
    let bits = masked(set.bytes[i]!, i, from, to);
    if (POPCOUNT[bits]! < left) {
      left -= POPCOUNT[bits]!;
      continue;
    }
    for (; left > 1; left--) bits &= ~(0x80 >> highest(bits));
    return (i << 3) + highest(bits) + 1;
  }
  return to;
}

/** The start of the shortest range up to `to` that has `wanted` (at least 1) members; `from` when there are fewer. */
export function startOfLast(set: Bitfield, from: number, to: number, wanted: number): number {
  if (from >= to) return from;
  const first = from >> 3;
  let left = wanted;
  for (let i = (to - 1) >> 3; i >= first; i--) {
    let bits = masked(set.bytes[i]!, i, from, to);
    if (POPCOUNT[bits]! < left) {
      left -= POPCOUNT[bits]!;
      continue;
    }
    for (; left > 1; left--) bits &= bits - 1;
    return (i << 3) + lowest(bits);
  }
  return from;
}

/** `flip` is 0 to meet members of `b`, 0xff to meet what `b` lacks. */
function scanUp(a: Uint8Array, b: Uint8Array, flip: number, from: number, to: number): number {
  if (from >= to) return -1;
  const last = (to - 1) >> 3;
  for (let i = from >> 3; i <= last; i++) {
    while (i + 4 <= last && quiet(a, b, flip, i)) i += 4;
    const bits = masked(a[i]! & (b[i]! ^ flip), i, from, to);
    if (bits !== 0) return (i << 3) + highest(bits);
  }
  return -1;
}

function scanDown(a: Uint8Array, b: Uint8Array, flip: number, from: number, to: number): number {
  if (from >= to) return -1;
  const first = from >> 3;
  for (let i = (to - 1) >> 3; i >= first; i--) {
    while (i - 4 >= first && quiet(a, b, flip, i - 3)) i -= 4;
    const bits = masked(a[i]! & (b[i]! ^ flip), i, from, to);
    if (bits !== 0) return (i << 3) + lowest(bits);
  }
  return -1;
}

const quiet = (a: Uint8Array, b: Uint8Array, flip: number, i: number): boolean =>
  ((a[i]! & (b[i]! ^ flip)) |
    (a[i + 1]! & (b[i + 1]! ^ flip)) |
    (a[i + 2]! & (b[i + 2]! ^ flip)) |
    (a[i + 3]! & (b[i + 3]! ^ flip))) ===
  0;

/** The bits of byte `i` that lie inside the range: the most significant bit is the smallest piece (BEP 3). */
function masked(bits: number, i: number, from: number, to: number): number {
  const base = i << 3;
  if (base < from) bits &= 0xff >> (from - base);
  if (base + 8 > to) bits &= 0xff << (base + 8 - to);
  return bits;
}

const highest = (bits: number): number => Math.clz32(bits) - 24;
const lowest = (bits: number): number => highest(bits & -bits);

const POPCOUNT = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
});
