/**
 * Passes pieces on to other leechers while they are still on their way to us: each part of a piece is checked as it comes,
 * by the hashes that its source gives before it (`tk_parts`), and given to the swarm to serve.
 *
 * To consider when changing anything here:
 *
 *  - It pays where a piece takes long, since many come at once over one line. What takes less than WORTH_MS is passed on
 *    whole: each part costs a hash more.
 *  - The hashes of the parts fold to the hash of the piece, which is known (BEP 52). So a part is proven by itself, and
 *    nothing unverified is passed on.
 *  - Whoever is promised a piece waits for it here. When the fetch ends without the piece, all that was said is taken
 *    back before anybody else is asked for it: so a promise never depends on itself.
 *
 * BOUNDED: by the fetches under way, and by the swarm's `Relay`.
 */
import { equalBytes } from '../common/base/bytes.ts';
import type { PieceIndex } from '../common/base/ids.ts';
import { BLOCK_BYTES } from '../common/base/limits.ts';
import type { PieceCheck } from '../common/base/piece-check.ts';
import { type Geometry, treeHeightOf } from '../common/content/geometry.ts';
import { DIGEST_BYTES, foldNodes, rootOfBytes } from '../common/content/merkle.ts';
import type { Peer } from '../common/peer/peer.ts';
import type { PassingOn } from '../common/peer/passing-on.ts';
import { type PartHashes, partBytesOf } from '../common/peer/relay.ts';
import type { Fetch } from './fetch.ts';

export interface RelayingOptions {
  readonly geometry: Geometry;
  /** What each piece must hash to. */
  readonly checks: { of(piece: PieceIndex): PieceCheck };
  readonly passingOn: Pick<PassingOn, 'relay' | 'isWanted' | 'advance' | 'end'>;
  /** Whether the piece may be served once it is here. */
  readonly isServed: (piece: PieceIndex) => boolean;
}

/** A piece that takes at least this long is passed on in parts. */
const WORTH_MS = 100;

/** One fetch whose parts are passed on. */
interface Passing {
  readonly fetch: Fetch;
  readonly peer: Peer;
  /** Known once the source has given them; 'false' once it has given false ones, or a part that is not what it should be. */
  parts: PartHashes | 'false' | undefined;
  /** Parts that are verified, from the beginning on. */
  verified: number;
}

export class Relaying {
  readonly #options: RelayingOptions;
  readonly #passings = new Map<PieceIndex, Passing>();

  constructor(options: RelayingOptions) {
    this.#options = options;
  }

  /** A piece is asked of a source that brings so many bytes per second; 0 while that is unknown. */
  begun(peer: Peer, fetch: Fetch, bytesPerSecond: number): void {
    const { geometry, passingOn, isServed } = this.#options;
    const { piece, sizeBytes } = fetch;
    const isSlow = (bytesPerSecond * WORTH_MS) / 1_000 < sizeBytes;
    if (!isSlow || !peer.passesOn || sizeBytes < geometry.pieceBytes || this.#passings.has(piece)) return;
    if (!isServed(piece) || !passingOn.isWanted(piece)) return;
    this.#passings.set(piece, { fetch, peer, parts: undefined, verified: 0 });
  }

  /** What a source says that the parts of a piece hash to; looked at if the piece is asked of it. */
  parts(peer: Peer, piece: PieceIndex, hashes: Uint8Array): void {
    const passing = this.#passings.get(piece);
    if (passing?.peer !== peer || passing.parts !== undefined) return;
    const { geometry, checks } = this.#options;
    const partBytes = geometry.pieceBytes / (hashes.length / DIGEST_BYTES);
    const { root } = checks.of(piece);
    // One long part would be hashed at a stretch.
    if (root === undefined || partBytes < BLOCK_BYTES || partBytes > partBytesOf(geometry.pieceBytes)) return;
    const height = treeHeightOf(partBytes);
    const isTrue = equalBytes(foldNodes(hashes, height, geometry.pieceLayerHeight), root);
    // Who gives false ones is not listened to again: each time costs us as many hashes.
    passing.parts = isTrue ? { height, hashes: hashes.slice() } : 'false';
    this.progressed(passing.fetch);
  }

  /** A block of the piece came whole. */
  progressed(fetch: Fetch): void {
    const passing = this.#passings.get(fetch.piece);
    if (passing?.fetch !== fetch || passing.parts === undefined || passing.parts === 'false') return;
    const { parts } = passing;
    const partBytes = BLOCK_BYTES * 2 ** parts.height;
    // The last part comes with the piece.
    const here = Math.min(Math.floor(fetch.leadBytes / partBytes), fetch.sizeBytes / partBytes - 1);
    const before = passing.verified;
    while (passing.verified < here && isRight(passing, parts, partBytes)) passing.verified++;
    // Whose fault it is comes out when the piece is whole. Nothing more of it is hashed until then, nor passed on.
    if (passing.verified < here) passing.parts = 'false';
    if (passing.verified > before) this.#passOn(passing, parts, partBytes);
  }

  #passOn({ fetch, verified }: Passing, parts: PartHashes, partBytes: number): void {
    const { passingOn } = this.#options;
    const { relay } = passingOn;
    if (!relay.has(fetch.piece) && !relay.open(fetch.piece, parts, fetch.bytes)) return;
    passingOn.advance(fetch.piece, verified * partBytes);
  }

  /** The fetch came to its end, with the piece or without; `onFree` when nobody reads its buffer any more. */
  ended(fetch: Fetch, onFree: () => void): void {
    if (this.#passings.get(fetch.piece)?.fetch !== fetch) return onFree();
    this.#passings.delete(fetch.piece);
    this.#options.passingOn.end(fetch.piece, onFree);
  }
}

function isRight({ fetch, verified }: Passing, { hashes }: PartHashes, partBytes: number): boolean {
  const part = fetch.bytes.subarray(verified * partBytes, (verified + 1) * partBytes);
  const expected = hashes.subarray(verified * DIGEST_BYTES, (verified + 1) * DIGEST_BYTES);
  return equalBytes(rootOfBytes(part, partBytes / BLOCK_BYTES), expected);
}
