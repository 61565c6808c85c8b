import { equalBytes } from '../../base/bytes.ts';
import { type PieceIndex, pieceIndex, type WireHash } from '../../base/ids.ts';
import type { PieceCheck } from '../../base/piece-check.ts';
import type { Geometry } from '../../content/geometry.ts';
import type { TorrentFormat } from '../../content/info-writer.ts';
import { rootOfBytes } from '../../content/merkle.ts';
import { PieceChecks } from '../../content/piece-checks.ts';
import { generate } from '../../fixtures/generate.ts';
import { wireHashesOf, wireNamesOf } from '../../peer/wire-names.ts';
import { cut, describe, type Cut, type Description, type Digests } from '../../../seeder/description.ts';
import { isRight, sha1Of } from '../piece-hash.ts';

export interface ContentShape {
  readonly format: TorrentFormat;
  readonly name: string;
  readonly lengthBytes: number;
  readonly pieceBytes: number;
  /** Another seed, other bytes. */
  readonly seed: number;
}

/** The truth about one file that is shared, known to the world and to none of its programs. */
export class SimContent {
  readonly bytes: Uint8Array;
  readonly geometry: Geometry;
  readonly description: Description;
  readonly #checks: PieceChecks;

  constructor(shape: ContentShape) {
    const { name, lengthBytes } = shape;
    this.bytes = generate(lengthBytes, shape.seed);
    const shared = { ...shape, isDirectory: false };
    const plain = cut(shared, [{ path: [name], lengthBytes }]);
    this.description = describe(shared, plain.geometry, digestsOf(plain, this.bytes));
    const { info, layers } = this.description;
    this.geometry = info.geometry;
    this.#checks = new PieceChecks(info, layers);
  }

  /** What its swarms are called; two of a hybrid. */
  get wireHashes(): readonly WireHash[] {
    return wireHashesOf(wireNamesOf(this.description.info));
  }

  get pieceCount(): number {
    return this.geometry.pieceCount;
  }

  get totalBytes(): number {
    return this.geometry.totalBytes;
  }

  /** A view. */
  pieceOf(piece: PieceIndex): Uint8Array {
    const begin = this.geometry.pieceOffsetInFile(piece);
    return this.bytes.subarray(begin, begin + this.geometry.pieceSize(piece));
  }

  checkOf(piece: PieceIndex): PieceCheck {
    return this.#checks.of(piece);
  }

  /** By its hashes, as a program has to find out, not by comparing bytes. */
  isPiece(piece: PieceIndex, bytes: Uint8Array): boolean {
    return isRight(bytes, this.#checks.of(piece));
  }

  /** Whether these are the very bytes at `begin` of the piece. What is past the end of the file is zeros. */
  isBlock(piece: PieceIndex, begin: number, bytes: Uint8Array): boolean {
    const truth = this.pieceOf(piece).subarray(begin, begin + bytes.length);
    if (!equalBytes(bytes.subarray(0, truth.length), truth)) return false;
    return bytes.subarray(truth.length).every((byte) => byte === 0);
  }
}

function digestsOf(plain: Cut, bytes: Uint8Array): Digests {
  const { geometry, formats } = plain;
  const roots = new Uint8Array(formats.merkle ? geometry.pieceCount * 32 : 0);
  const sha1s = new Uint8Array(formats.sha1 ? geometry.pieceCount * 20 : 0);
  for (let i = 0; i < geometry.pieceCount; i++) {
    const piece = pieceIndex(i);
    const begin = geometry.pieceOffsetInFile(piece);
    const own = bytes.subarray(begin, begin + geometry.pieceSize(piece));
    const { leafSlots, zeroBytes } = plain.hashing(piece);
    if (leafSlots !== undefined) roots.set(rootOfBytes(own, leafSlots), i * 32);
    if (zeroBytes !== undefined) sha1s.set(sha1Of(own, zeroBytes), i * 20);
  }
  return { roots, sha1s };
}
