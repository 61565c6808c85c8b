import { toHex } from '../base/bytes.ts';
import type { Digest, PieceIndex } from '../base/ids.ts';
import type { Geometry } from './geometry.ts';
import { DIGEST_BYTES } from './merkle.ts';

/** Verified piece layers by root in hex: 32 bytes for each piece of the file (BEP 52). */
export type PieceLayers = ReadonlyMap<string, Uint8Array>;

/** What each piece must hash to: an entry of its file's piece layer or, of a file not larger than a piece, its root. */
export class PieceRoots {
  readonly #geometry: Geometry;
  /** By position of the file. BOUNDED: by the files. */
  readonly #layers: readonly Uint8Array[];

  /** Every file larger than a piece must have its layer. */
  constructor(geometry: Geometry, layers: PieceLayers) {
    this.#geometry = geometry;
    this.#layers = geometry.files.map((file) => {
      const root = file.root ?? new Uint8Array(0);
      if (file.lengthBytes <= geometry.pieceBytes) return root;
      const layer = layers.get(toHex(root));
      if (layer === undefined) throw new Error(`no piece layer for ${file.path.join('/')}`);
      return layer;
    });
  }

  rootOf(piece: PieceIndex): Digest {
    const file = this.#geometry.fileOfPiece(piece);
    const at = (piece - file.firstPiece) * DIGEST_BYTES;
    return this.#layers[file.index]!.subarray(at, at + DIGEST_BYTES) as Digest;
  }
}
