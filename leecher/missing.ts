import { Bitfield } from '../common/base/bitfield.ts';
import type { PieceIndex } from '../common/base/ids.ts';
import type { Holder } from './availability.ts';

/** Pieces `first … last`, both included. */
export interface PieceRange {
  readonly first: PieceIndex;
  readonly last: PieceIndex;
}

/** The needed pieces that no holder has and that are not under way. BOUNDED: by half the pieces, rounded up. */
export function missingOf(
  needed: Bitfield,
  holders: Iterable<Holder>,
  isUnderWay: (piece: PieceIndex) => boolean,
): readonly PieceRange[] {
  const held = new Bitfield(needed.size);
  for (const { pieces } of holders) {
    for (let i = 0; i < held.bytes.length; i++) held.bytes[i]! |= pieces.bytes[i]!;
  }
  const ranges: { first: PieceIndex; last: PieceIndex }[] = [];
  for (const piece of needed) {
    if (held.has(piece) || isUnderWay(piece)) continue;
    const range = ranges.at(-1);
    if (range !== undefined && range.last === piece - 1) range.last = piece;
    else ranges.push({ first: piece, last: piece });
  }
  return ranges;
}
