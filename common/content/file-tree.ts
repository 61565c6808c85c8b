/**
 * The v2 part of an info dictionary (BEP 52): a tree of dictionaries whose keys are names. The value under an empty
 * key is a file, whose name is the key above.
 *
 * Files are in the order of a depth-first walk with the keys of each level in raw byte order; that is the order the
 * dictionaries have, and not the order of sorted paths.
 */
import { toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import { MAX_PATH_DEPTH, MAX_PATH_PARTS, MAX_PIECE_BYTES, MAX_PIECES, MIN_PIECE_BYTES } from '../base/limits.ts';
import { asBytes, asInt, dictEntries, dictGet, type BNode } from '../wire/bencode.ts';
import { Geometry } from './geometry.ts';
import { addListed, attributesOf, describeFiles, lengthOf, totalBytesOf, type ListedFile } from './listed-file.ts';
import { DIGEST_BYTES } from './merkle.ts';
import { refuse } from './refusal.ts';

export interface TreeContent {
  readonly files: readonly ListedFile[];
  readonly geometry: Geometry;
}

/** Reads `file tree` and `piece length`; refuses what is not in order. */
export function readFileTree(info: BNode): TreeContent {
  const tree = dictGet(info, 'file tree');
  if (tree?.kind !== 'dict') refuse('it has no file tree');
  if (dictGet(tree, '') !== undefined) refuse('its file tree is a file');
  const pieceBytes = asInt(dictGet(info, 'piece length'), MIN_PIECE_BYTES, MAX_PIECE_BYTES);
  if (pieceBytes === undefined || (pieceBytes & (pieceBytes - 1)) !== 0) {
    refuse('its piece length is not a power of two from 16 KiB to 128 MiB');
  }
  const files: ListedFile[] = [];
  walk(tree, [], files);
  totalBytesOf(files);
  checkRoots(files);
  let pieceCount = 0;
  for (const file of files) pieceCount += Math.ceil(file.lengthBytes / pieceBytes);
  if (pieceCount > MAX_PIECES) refuse('it has too many pieces');
  return { files, geometry: new Geometry({ pieceBytes, layout: 'aligned', files: describeFiles(files) }) };
}

/** The depth of recursion is that of bencode, which is bounded. */
function walk(directory: BNode, path: readonly Uint8Array[], files: ListedFile[]): void {
  if (path.length >= MAX_PATH_DEPTH) refuse('it has a path that is too long');
  for (const [key, entry] of dictEntries(directory)) {
    if (entry.kind !== 'dict') refuse('its file tree has an entry that is neither a file nor a directory');
    // A few bytes make a file, so that its path must not cost a multiple of them without end.
    if (files.length * path.length > MAX_PATH_PARTS) refuse('it has a path that is too long');
    const entryPath = [...path, key];
    const file = dictGet(entry, '');
    if (file === undefined) {
      walk(entry, entryPath, files);
    } else {
      if (file.kind !== 'dict') refuse('its file tree has an entry that is neither a file nor a directory');
      // The empty key comes first, so anything beside it ends later.
      if (file.end !== entry.end - 1) refuse('its file tree has a file that is a directory too');
      addListed(files, readFile(file, entryPath));
    }
  }
}

function readFile(file: BNode, path: readonly Uint8Array[]): ListedFile {
  const attributes = attributesOf(file);
  // Pieces never hold two files here, so there is nothing to align.
  if (attributes.isPad) refuse('its file tree has padding');
  const lengthBytes = lengthOf(file, attributes);
  // An empty file has no tree, and no root.
  if (lengthBytes === 0) return { path, lengthBytes, attributes };
  const root = asBytes(dictGet(file, 'pieces root'));
  const isRoot = root?.length === DIGEST_BYTES && root.some((byte) => byte !== 0);
  if (!isRoot) refuse('it has a file of no valid pieces root');
  return { path, lengthBytes, root: root.slice() as Digest, attributes };
}

/** Hashes go by their root: a root that meant two trees would let an answer about one be taken for the other. */
function checkRoots(files: readonly ListedFile[]): void {
  const lengths = new Map<string, number>();
  for (const { root, lengthBytes } of files) {
    if (root === undefined) continue;
    const key = toHex(root);
    if ((lengths.get(key) ?? lengthBytes) !== lengthBytes) {
      refuse('it has files of different lengths with the same pieces root');
    }
    lengths.set(key, lengthBytes);
  }
}
