/**
 * What proves the pieces of a download right. Where all piece layers are known, each piece proves itself. Of a hybrid
 * whose layers nobody gives, a piece is taken by its SHA-1 and its merkle root is kept; when all roots of a file are
 * there they must fold to the root that the info dictionary has of it, and then they are its layer (BEP 52: whoever
 * knows both hashes must check both).
 *
 * One root is kept of each piece, the first that came with the right SHA-1; other bytes with the same SHA-1 are refused.
 * So the roots that fold are of the very bytes that were written.
 *
 * BOUNDED: by 32 bytes for each piece.
 */
import { Bitfield } from '../common/base/bitfield.ts';
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { pieceIndex, type Digest, type PieceIndex } from '../common/base/ids.ts';
import type { PieceCheck } from '../common/base/piece-check.ts';
import type { ContentFile } from '../common/content/geometry.ts';
import type { Info } from '../common/content/info.ts';
import { DIGEST_BYTES, rootOfLayer } from '../common/content/merkle.ts';
import { v1CheckOf } from '../common/content/piece-checks.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';

export interface ProofOptions {
  readonly info: Info;
  /** Those that are known; of a v2 torrent, all. */
  readonly layers: PieceLayers;
  /** The layer of a root, in hex, has become known, and folds to it. */
  readonly onLayer: (key: string, layer: Uint8Array) => void;
  /** After `settle`: pieces of the file have the right SHA-1, and are not what its root says. */
  readonly onForged: (file: ContentFile) => void;
}

const NO_ROOT = new Uint8Array(0);

export class Proof {
  readonly #options: ProofOptions;
  /** By position of the file; of one not larger than a piece, its root. Undefined where nobody knows it yet. */
  readonly #layers: (Uint8Array | undefined)[];
  /** Those whose layers were not known at first; equal files share a root, and so a layer (BEP 52). */
  readonly #gathering: readonly ContentFile[];
  readonly #sharing = new Map<string, ContentFile[]>();
  /** The root of each piece that has the right SHA-1. */
  readonly #roots: Uint8Array;
  #hasRoot: Bitfield;
  /** Roots that are still to come, by position of the file. */
  readonly #left = new Map<number, number>();
  #isSettled = false;

  constructor(options: ProofOptions) {
    const { info, layers } = options;
    const { geometry } = info;
    this.#options = options;
    this.#layers = geometry.files.map(({ root, lengthBytes }) =>
      root === undefined || lengthBytes <= geometry.pieceBytes ? (root ?? NO_ROOT) : layers.get(toHex(root)),
    );
    this.#gathering = geometry.files.filter(({ index }) => this.#layers[index] === undefined);
    if (this.#gathering.length > 0 && info.v1 === undefined) {
      throw new Error(`no piece layer for ${this.#gathering[0]!.path.join('/')}`);
    }
    for (const file of this.#gathering) {
      const key = toHex(file.root!);
      const sharing = this.#sharing.get(key);
      if (sharing === undefined) this.#sharing.set(key, [file]);
      else sharing.push(file);
    }
    const pieces = this.#gathering.length > 0 ? geometry.pieceCount : 0;
    this.#roots = new Uint8Array(pieces * DIGEST_BYTES);
    this.#hasRoot = new Bitfield(pieces);
    this.restart();
  }

  /** Every piece proves itself: nothing is left to be found out at the end of a file. */
  get isWhole(): boolean {
    return this.#gathering.every(({ index }) => this.#layers[index] !== undefined);
  }

  /** The layers that are known, by root in hex. */
  get layers(): PieceLayers {
    const { geometry } = this.#options.info;
    const layers = new Map<string, Uint8Array>();
    for (const { root, lengthBytes, index } of geometry.files) {
      const layer = this.#layers[index];
      if (root !== undefined && lengthBytes > geometry.pieceBytes && layer !== undefined)
        layers.set(toHex(root), layer);
    }
    return layers;
  }

  of(piece: PieceIndex): PieceCheck {
    const { info } = this.#options;
    const v1 = v1CheckOf(info, piece);
    if (info.kind === 'v1') return { root: undefined, leafSlots: undefined, ...v1 };
    const leafSlots = info.geometry.leafSlots(piece);
    const root = this.#rootOf(piece);
    if (root !== undefined) return { root, leafSlots, ...v1 };
    return { root, leafSlots, ...v1, takesRoot: (found) => this.#take(piece, found) };
  }

  /** Before anything is called complete: throws when a verified piece is not proven by all hashes of its format. */
  demand(pieces: Iterable<PieceIndex>): void {
    if (this.#options.info.kind === 'v1') return;
    for (const piece of pieces) if (this.#rootOf(piece) === undefined) throw new Error(`chunk ${piece} is not proven`);
  }

  /** A peer gave a layer, and it folds to this root. */
  learn(key: string, layer: Uint8Array): void {
    if (this.#isOpen(this.#sharing.get(key)?.[0])) this.#adopt(key, layer);
  }

  /** Something on a disk is going to be checked: roots that were found elsewhere say nothing of it. */
  restart(): void {
    this.#isSettled = false;
    this.#hasRoot = new Bitfield(this.#hasRoot.size);
    for (const { index, pieceCount } of this.#gathering) this.#left.set(index, pieceCount);
  }

  /**
   * All that was on the disk has been hashed: takes out of `right` what has the right SHA-1 and is not what the root of
   * its file says. From now on a file is judged as soon as its last piece comes.
   */
  settle(right: Bitfield): void {
    for (const file of this.#gathering) {
      if (this.#left.get(file.index) === 0 && this.#isOpen(file)) this.#fold(file);
      const isForged = this.#left.get(file.index) === 0 && this.#isOpen(file);
      for (const piece of piecesOf(file)) {
        const isFalse = this.#hasRoot.has(piece) && (isForged || !this.#fitsLayer(file, piece));
        if (!isFalse && right.has(piece)) continue;
        right.remove(piece);
        this.#forget(file, piece);
      }
    }
    this.#isSettled = true;
  }

  #rootOf(piece: PieceIndex): Digest | undefined {
    const file = this.#options.info.geometry.fileOfPiece(piece);
    const at = (piece - file.firstPiece) * DIGEST_BYTES;
    return this.#layers[file.index]?.subarray(at, at + DIGEST_BYTES) as Digest | undefined;
  }

  #isOpen(file: ContentFile | undefined): boolean {
    return file !== undefined && this.#layers[file.index] === undefined;
  }

  /** A root that came with the right SHA-1. */
  #take(piece: PieceIndex, root: Digest): boolean {
    const known = this.#rootOf(piece) ?? this.#gathered(piece);
    if (known !== undefined) return equalBytes(known, root);
    this.#roots.set(root, piece * DIGEST_BYTES);
    this.#hasRoot.add(piece);
    const file = this.#options.info.geometry.fileOfPiece(piece);
    const left = this.#left.get(file.index)! - 1;
    this.#left.set(file.index, left);
    if (left === 0 && this.#isSettled && !this.#fold(file)) this.#options.onForged(file);
    return true;
  }

  #gathered(piece: PieceIndex): Uint8Array | undefined {
    if (!this.#hasRoot.has(piece)) return undefined;
    return this.#roots.subarray(piece * DIGEST_BYTES, (piece + 1) * DIGEST_BYTES);
  }

  #forget(file: ContentFile, piece: PieceIndex): void {
    if (this.#hasRoot.remove(piece)) this.#left.set(file.index, this.#left.get(file.index)! + 1);
  }

  /** Whether the roots of a file, which are all there, are its layer. */
  #fold(file: ContentFile): boolean {
    const { pieceLayerHeight } = this.#options.info.geometry;
    const end = (file.firstPiece + file.pieceCount) * DIGEST_BYTES;
    const layer = this.#roots.slice(file.firstPiece * DIGEST_BYTES, end);
    if (!equalBytes(rootOfLayer(layer, pieceLayerHeight, file.treeHeight), file.root!)) return false;
    this.#adopt(toHex(file.root!), layer);
    return true;
  }

  #adopt(key: string, layer: Uint8Array): void {
    const files = this.#sharing.get(key)!;
    for (const { index } of files) this.#layers[index] = layer;
    this.#options.onLayer(key, layer);
    if (!this.#isSettled) return;
    const forged = files.find((file) => piecesOf(file).some((piece) => !this.#fitsLayer(file, piece)));
    if (forged !== undefined) this.#options.onForged(forged);
  }

  /** Nothing speaks against the root that was kept of a piece. */
  #fitsLayer(file: ContentFile, piece: PieceIndex): boolean {
    const gathered = this.#gathered(piece);
    return gathered === undefined || this.#isOpen(file) || equalBytes(gathered, this.#rootOf(piece)!);
  }
}

const piecesOf = ({ firstPiece, pieceCount }: ContentFile): PieceIndex[] =>
  Array.from({ length: pieceCount }, (_, i) => pieceIndex(firstPiece + i));
