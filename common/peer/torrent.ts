import { Bitfield } from '../base/bitfield.ts';
import { toHex } from '../base/bytes.ts';
import type { PieceIndex, WireHash } from '../base/ids.ts';
import type { Geometry } from '../content/geometry.ts';
import type { HashTree } from '../content/hash-tree.ts';

/** What is known of a torrent once its info dictionary is there and verified. */
export interface TorrentContent {
  /** The exact bytes of the info dictionary. */
  readonly info: Uint8Array;
  readonly geometry: Geometry;
}

/**
 * What this process knows and offers of one torrent; shared by all its sessions.
 *
 * A leecher starts with the wire hash alone (a magnet link) and learns the rest from peers.
 */
export class Torrent {
  readonly wireHash: WireHash;
  #content: TorrentContent | undefined;
  #offered = new Bitfield(0);
  /** BOUNDED: by the files of the torrent. */
  readonly #trees = new Map<string, HashTree>();

  constructor(wireHash: WireHash) {
    this.wireHash = wireHash;
  }

  get content(): TorrentContent | undefined {
    return this.#content;
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

  learnTree(root: Uint8Array, tree: HashTree): void {
    this.#trees.set(toHex(root), tree);
  }

  treeOf(root: Uint8Array): HashTree | undefined {
    return this.#trees.get(toHex(root));
  }
}
