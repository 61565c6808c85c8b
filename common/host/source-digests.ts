import type { PieceIndex } from '../base/ids.ts';
import type { PieceHashing } from '../base/piece-check.ts';
import type { PlacedFile } from '../base/target-ports.ts';
import { digestPieces, type PieceDigests } from './file-hashes.ts';
import type { HashPool } from './hasher.ts';
import type { PieceMap } from './piece-map.ts';
import type { RootCache } from './root-cache.ts';
import type { SharedFile, SourceTree } from './source-tree.ts';

/** Content of which every piece is to be hashed. */
export interface HashableContent {
  readonly geometry: PieceMap & {
    readonly pieceBytes: number;
    readonly pieceCount: number;
    readonly files: readonly PlacedFile[];
  };
  hashing(piece: PieceIndex): PieceHashing;
  readonly formats: { readonly merkle: boolean; readonly sha1: boolean };
}

/**
 * The hashes of all pieces of shared files: from the cache when the files are those that were hashed, else by reading
 * them. Rejects with a `StoreError`, or with a `ShoalError` of code INTERRUPTED.
 */
export async function digestSources(work: {
  readonly content: HashableContent;
  readonly tree: SourceTree;
  readonly files: readonly (SharedFile | undefined)[];
  readonly hasher: HashPool;
  readonly cache: RootCache;
  readonly stop: AbortSignal;
}): Promise<PieceDigests> {
  const { content, tree, files, hasher, cache, stop } = work;
  const { geometry, formats } = content;
  const rootBytes = formats.merkle ? geometry.pieceCount * 32 : 0;
  const sha1Bytes = formats.sha1 ? geometry.pieceCount * 20 : 0;
  const present = files.flatMap((file) => file ?? []);
  const key = { files: present, pieceBytes: geometry.pieceBytes, layout: layoutOf(content) };
  const known = await cache.read(key, rootBytes + sha1Bytes);
  if (known !== undefined) return { roots: known.subarray(0, rootBytes), sha1s: known.subarray(rootBytes) };
  const digests = await digestPieces({
    hasher,
    files: tree,
    pieces: geometry,
    pieceCount: geometry.pieceCount,
    hashing: (piece) => content.hashing(piece),
    formats,
    stop,
  });
  await checkAll(tree, files.length);
  await cache.write(key, [digests.roots, digests.sha1s]);
  return digests;
}

/** What tells apart contents of the same files: hashes, padding within and after them. */
function layoutOf(content: HashableContent): string {
  const { geometry, formats } = content;
  const pads = geometry.files.flatMap((file) => (file.isPad ? [`${file.index}+${file.lengthBytes}`] : []));
  const { zeroBytes } = content.hashing((geometry.pieceCount - 1) as PieceIndex);
  return [formats.merkle ? 'merkle' : '', formats.sha1 ? `sha1+${zeroBytes}` : '', ...pads].join(' ');
}

/** What changed while it was hashed would be hashed wrong for good. */
async function checkAll(tree: SourceTree, fileCount: number): Promise<void> {
  for (let checked = 0; checked < fileCount; checked += tree.filesPerCheck) await tree.check();
}
