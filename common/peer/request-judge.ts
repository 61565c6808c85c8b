import type { PieceIndex } from '../base/ids.ts';
import { BLOCK_BYTES } from '../base/limits.ts';
import type { BlockRef } from '../wire/peer-messages.ts';
import type { TorrentContent } from './torrent.ts';

/** `withdrawn`: it was offered while it came to us, and does not come any more. */
export type PieceOffer = 'offered' | 'withdrawn' | 'none';

export interface RequestFacts {
  readonly content: TorrentContent | undefined;
  /** Asked of pieces that there are. */
  readonly offerOf: (piece: PieceIndex) => PieceOffer;
  /** The longest block agreed on. */
  readonly blockBytes: number;
}

/**
 * Whether a peer may ask for this block of us.
 *
 * Up to 16 KiB may lie anywhere in a piece we offer, and may run past the end of the file as long as it stays within
 * the piece: libtorrent 2.0 asks so for the last block, and takes zeros there. A longer block must have been agreed on,
 * begin on a block, and be of whole blocks or end with the data.
 */
export function judgeRequest(
  ref: BlockRef,
  facts: RequestFacts,
): 'fine' | 'withdrawn' | 'not-offered' | 'out-of-range' {
  const geometry = facts.content?.geometry;
  if (geometry === undefined || ref.piece >= geometry.pieceCount || ref.length === 0) return 'out-of-range';
  const sizeBytes = geometry.pieceSize(ref.piece as PieceIndex);
  if (ref.begin >= sizeBytes || ref.length > Math.max(BLOCK_BYTES, facts.blockBytes)) return 'out-of-range';
  const end = ref.begin + ref.length;
  if (ref.length <= BLOCK_BYTES) {
    if (end > geometry.pieceBytes) return 'out-of-range';
  } else {
    if (end > sizeBytes || ref.begin % BLOCK_BYTES !== 0) return 'out-of-range';
    if (end < sizeBytes && ref.length % BLOCK_BYTES !== 0) return 'out-of-range';
  }
  const offer = facts.offerOf(ref.piece as PieceIndex);
  if (offer === 'offered') return 'fine';
  return offer === 'withdrawn' ? 'withdrawn' : 'not-offered';
}
