import { Bitfield } from '../base/bitfield.ts';
import { toHex } from '../base/bytes.ts';
import type { PieceIndex } from '../base/ids.ts';
import type { ContentFile, Geometry } from '../content/geometry.ts';
import { HashTree } from '../content/hash-tree.ts';
import type { PieceLayers } from '../content/piece-roots.ts';
import { wireHashesOf, type WireNames } from './wire-names.ts';

/** What is known of a torrent once its info dictionary is there and verified. */
export interface TorrentContent {
  /** The exact bytes of the info dictionary. */
  readonly info: Uint8Array;
  readonly geometry: Geometry;
  /** Peers come from its trackers only (BEP 27). */
  readonly isPrivate: boolean;
}

/** The upper part of a file's merkle tree, and where its pieces begin. */
export interface HashedFile {
  readonly tree: HashTree;
  readonly firstPiece: number;
}

/**
 * What this process knows and offers of one torrent; shared by all its sessions.
 *
 * A leecher starts with its names, or one of them, alone (a magnet link) and learns the rest from peers.
 */
export class Torrent {
  #names: WireNames;
  #content: TorrentContent | undefined;
  #offered = new Bitfield(0);
  /** By root in hex. BOUNDED: by the files of the torrent. */
  readonly #hashes = new Map<string, HashedFile>();
  /** Files whose hashes are still to come, by root in hex; undefined before anything is known of hashes. */
  #unhashed: Map<string, ContentFile> | undefined;

  constructor(names: WireNames) {
    if (wireHashesOf(names).length === 0) throw new Error('a torrent has a name');
    this.#names = names;
  }

  get names(): WireNames {
    return this.#names;
  }

  /** All its names are known: those of its info dictionary. */
  name(names: WireNames): void {
    this.#names = names;
  }

  get content(): TorrentContent | undefined {
    return this.#content;
  }

  /** False as long as nobody can tell. */
  get isPrivate(): boolean {
    return this.#content?.isPrivate ?? false;
  }

  /** The pieces that are verified and served; empty until the content is known. */
  get offered(): Bitfield {
    return this.#offered;
  }

  /** Takes the verified info dictionary; `offered` is the caller's to go on growing by `offer`. */
  learn(content: TorrentContent, offered: Bitfield): void {
    this.#content = content;
    this.#offered = offered;
  }

  offer(piece: PieceIndex): void {
    this.#offered.add(piece);
  }

  /** Offers nothing any more: the data is gone or not what it was. */
  withdraw(): void {
    this.#offered = new Bitfield(this.#content?.geometry.pieceCount ?? 0);
  }

  /**
   * The verified hashes of files, for those who ask: at first of all that are known, later of those that were missing.
   * Equal files share a root, and so an entry.
   */
  learnLayers(layers: PieceLayers): void {
    if (this.#unhashed !== undefined) {
      for (const [key, layer] of layers) this.#addHashes(key, layer);
      return;
    }
    const { geometry } = this.#content!;
    this.#unhashed = new Map();
    for (const file of geometry.files) {
      if (file.root === undefined) continue;
      const key = toHex(file.root);
      if (!this.#unhashed.has(key)) this.#unhashed.set(key, file);
    }
    for (const [key, { root, lengthBytes }] of this.#unhashed) {
      const layer = lengthBytes <= geometry.pieceBytes ? root : layers.get(key);
      if (layer !== undefined) this.#addHashes(key, layer);
    }
  }

  /** `layer`: of a file not larger than a piece, its root. */
  #addHashes(key: string, layer: Uint8Array): void {
    const file = this.#unhashed!.get(key);
    if (file === undefined) return;
    const { pieceBytes, pieceLayerHeight } = this.#content!.geometry;
    const height = file.lengthBytes <= pieceBytes ? file.treeHeight : pieceLayerHeight;
    this.#unhashed!.delete(key);
    this.#hashes.set(key, { tree: new HashTree(layer, height, file.treeHeight), firstPiece: file.firstPiece });
  }

  /** The hashes of all files are here: a root that is not among them is of no file. */
  get knowsHashes(): boolean {
    return this.#unhashed?.size === 0 && this.#hashes.size > 0;
  }

  hashesOf(root: Uint8Array): HashedFile | undefined {
    return this.#hashes.get(toHex(root));
  }
}
