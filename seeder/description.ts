/** Content as its seeder describes it: the info dictionary and the hashes that prove its chunks. */
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { exactBytes } from '../common/base/format.ts';
import { pieceIndex, type PieceIndex } from '../common/base/ids.ts';
import { MAX_PIECE_BYTES, MAX_PIECES } from '../common/base/limits.ts';
import type { PieceHashing } from '../common/base/piece-check.ts';
import { Geometry, type ContentFile } from '../common/content/geometry.ts';
import { hasPadding, inTreeOrder, writeInfo, type TorrentFormat } from '../common/content/info-writer.ts';
import type { Info } from '../common/content/info.ts';
import { rootOfLayer } from '../common/content/merkle.ts';
import type { Metainfo } from '../common/content/metainfo.ts';
import { PieceChecks } from '../common/content/piece-checks.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import type { Bitfield } from '../common/base/bitfield.ts';

export interface Description {
  readonly info: Info;
  readonly layers: PieceLayers;
}

/** Hashes of all pieces, one after the other; empty where the format has none. */
export interface Digests {
  readonly roots: Uint8Array;
  readonly sha1s: Uint8Array;
}

/** How content is cut into pieces, and how they are hashed. */
export interface Cut {
  readonly geometry: Geometry;
  hashing(piece: PieceIndex): PieceHashing;
  readonly formats: { readonly merkle: boolean; readonly sha1: boolean };
}

/** What a user wants to share. */
export interface Shared {
  readonly format: TorrentFormat;
  readonly name: string;
  readonly isDirectory: boolean;
  readonly pieceBytes: number;
}

/** A file to be shared, and its place on the disk or whatever else goes with it. */
export interface SharedPart {
  readonly path: readonly string[];
  readonly lengthBytes: number;
}

/** The files in the order of the torrent, and how they are cut. Throws USAGE when there would be too many pieces. */
export function cut<T extends SharedPart>(shared: Shared, parts: readonly T[]): Cut & { readonly parts: readonly T[] } {
  const { format, pieceBytes } = shared;
  const inOrder = inTreeOrder(parts);
  refuseTooMany(shared, inOrder);
  const layout = format === 'v1' ? 'packed' : 'aligned';
  const geometry = new Geometry({ pieceBytes, files: inOrder, layout });
  const isPadded = hasPadding(format, inOrder.length);
  return {
    parts: inOrder,
    geometry,
    formats: { merkle: format !== 'v1', sha1: format !== 'v2' },
    hashing: (piece) => ({
      leafSlots: format === 'v1' ? undefined : geometry.leafSlots(piece),
      zeroBytes: format === 'v2' ? undefined : isPadded ? pieceBytes - geometry.pieceSize(piece) : 0,
    }),
  };
}

function refuseTooMany({ format, pieceBytes }: Shared, parts: readonly SharedPart[]): void {
  const countAt = (bytes: number): number => {
    const sizes = format === 'v1' ? [parts.reduce((sum, part) => sum + part.lengthBytes, 0)] : undefined;
    return (sizes ?? parts.map((part) => part.lengthBytes)).reduce((sum, size) => sum + Math.ceil(size / bytes), 0);
  };
  const count = countAt(pieceBytes);
  if (count <= MAX_PIECES) return;
  let enough = pieceBytes;
  while (countAt(enough) > MAX_PIECES && enough < MAX_PIECE_BYTES) enough *= 2;
  throw new ShoalError(
    'USAGE',
    `--chunk-size: ${exactBytes(pieceBytes)} makes ${count} chunks, more than ${MAX_PIECES}; ` +
      (countAt(enough) <= MAX_PIECES ? `use --chunk-size ${exactBytes(enough)}` : 'share fewer files at a time'),
  );
}

/** The description of content whose pieces have these hashes. Throws USAGE for what no torrent can say. */
export function describe(shared: Shared, geometry: Geometry, digests: Digests): Description {
  const layers = new Map<string, Uint8Array>();
  const files = geometry.files.map((file) => {
    const { path, lengthBytes } = file;
    if (shared.format === 'v1' || lengthBytes === 0) return { path, lengthBytes };
    const found = rootOf(file, geometry, digests.roots);
    if (found.layer !== undefined) layers.set(toHex(found.root), found.layer);
    return { path, lengthBytes, root: found.root };
  });
  const written = writeInfo({ ...shared, files, sha1s: digests.sha1s });
  if (written.ok) return { info: written.value, layers };
  throw new ShoalError('USAGE', `${shared.name} cannot be described as a torrent: ${written.reason}`);
}

/** The root over a file from the hashes of its pieces; of a file larger than a piece they are its layer (BEP 52). */
function rootOf(
  file: ContentFile,
  geometry: Geometry,
  roots: Uint8Array,
): { readonly root: Uint8Array; readonly layer?: Uint8Array } {
  const own = roots.subarray(file.firstPiece * 32, (file.firstPiece + file.pieceCount) * 32);
  if (file.lengthBytes <= geometry.pieceBytes) return { root: own };
  return { root: rootOfLayer(own, geometry.pieceLayerHeight, file.treeHeight), layer: own };
}

/** How the content of a torrent that is there already is cut. */
export function cutOf({ kind, geometry, v1 }: Info): Cut {
  return {
    geometry,
    formats: { merkle: kind !== 'v1', sha1: v1 !== undefined },
    hashing: (piece) => ({
      leafSlots: kind === 'v1' ? undefined : geometry.leafSlots(piece),
      zeroBytes: v1 === undefined ? undefined : v1.geometry.pieceSize(piece) - geometry.pieceSize(piece),
    }),
  };
}

/**
 * The description that a torrent gives of content whose pieces have these hashes. Throws FILE_CHANGED, naming the first
 * chunk of `held` that is not what the torrent says.
 */
export function recognised(metainfo: Metainfo, digests: Digests, held: Bitfield): Description {
  const { info } = metainfo;
  const layers = metainfo.pieceLayers ?? layersFrom(info, digests.roots);
  const checks = new PieceChecks(info, layers);
  for (const piece of held) {
    const { root, sha1 } = checks.of(piece);
    const isRight =
      (root === undefined || equalBytes(root, digests.roots.subarray(piece * 32, (piece + 1) * 32))) &&
      (sha1 === undefined || equalBytes(sha1, digests.sha1s.subarray(piece * 20, (piece + 1) * 20)));
    if (!isRight) throw wrong(info, `chunk ${piece}, in ${fileText(info, piece)},`);
  }
  return { info, layers };
}

/** A torrent without its piece layers still has the roots over them (BEP 52). */
function layersFrom(info: Info, roots: Uint8Array): PieceLayers {
  const layers = new Map<string, Uint8Array>();
  if (info.kind === 'v1') return layers;
  for (const file of info.geometry.files) {
    if (file.lengthBytes <= info.geometry.pieceBytes) continue;
    const found = rootOf(file, info.geometry, roots);
    if (!equalBytes(found.root, file.root!)) throw wrong(info, file.path.join('/'));
    layers.set(toHex(found.root), found.layer!);
  }
  return layers;
}

const fileText = (info: Info, piece: PieceIndex): string => info.geometry.fileOfPiece(pieceIndex(piece)).path.join('/');

const wrong = (info: Info, what: string): ShoalError =>
  new ShoalError(
    'FILE_CHANGED',
    `what was given with -f is not the content of ${info.name}: ${what} is not what the torrent says; ` +
      'give the files that the torrent was made of',
  );
