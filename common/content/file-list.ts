/**
 * The v1 part of an info dictionary (BEP 3): one file, or a list of files that follow one another without gaps, and the
 * SHA-1 of every piece of the whole. In a hybrid the list has padding between files, so that each begins a piece as in
 * the v2 part (BEP 52).
 */
import { equalBytes } from '../base/bytes.ts';
import { MAX_PATH_DEPTH, MAX_PIECE_BYTES, MAX_PIECES } from '../base/limits.ts';
import { asBytes, asInt, dictGet, listItems, type BNode } from '../wire/bencode.ts';
import type { TreeContent } from './file-tree.ts';
import { Geometry } from './geometry.ts';
import { addListed, attributesOf, describeFiles, lengthOf, totalBytesOf, type ListedFile } from './listed-file.ts';
import { refuse } from './refusal.ts';

const SHA1_BYTES = 20;

export interface ListContent {
  readonly files: readonly ListedFile[];
  /** A list of files, which go into a directory, rather than a single file. */
  readonly isDirectory: boolean;
  /** Padding included: pieces and their hashes run over it. */
  readonly geometry: Geometry;
  /** SHA-1 of each piece, 20 bytes each: a copy. */
  readonly pieces: Uint8Array;
}

/** The value under a key, or under its older form with text that is certainly UTF-8, which wins. */
export const textBytes = (node: BNode, key: string): Uint8Array | undefined =>
  asBytes(dictGet(node, `${key}.utf-8`)) ?? asBytes(dictGet(node, key));

/** Reads `pieces`, `piece length`, and `length` or `files`; refuses what is not in order. */
export function readFileList(info: BNode, name: Uint8Array): ListContent {
  const pieceBytes = asInt(dictGet(info, 'piece length'), 1, MAX_PIECE_BYTES);
  if (pieceBytes === undefined) refuse('its piece length is not from 1 byte to 128 MiB');
  const pieces = asBytes(dictGet(info, 'pieces'));
  if (pieces === undefined) refuse('its v1 part has no piece hashes');
  if (pieces.length % SHA1_BYTES !== 0) refuse('its v1 part has piece hashes of the wrong length');
  const length = dictGet(info, 'length');
  const list = dictGet(info, 'files');
  if ((length === undefined) === (list === undefined)) refuse('its v1 part does not have either a length or files');
  const files = list === undefined ? [readSingle(info, name)] : readFiles(list);
  const pieceCount = Math.ceil(totalBytesOf(files) / pieceBytes);
  if (pieceCount > MAX_PIECES) refuse('it has too many pieces');
  if (pieces.length !== pieceCount * SHA1_BYTES) refuse('its v1 part has the wrong number of piece hashes');
  const geometry = new Geometry({ pieceBytes, layout: 'packed', files: describeFiles(files) });
  return { files, isDirectory: list !== undefined, geometry, pieces: pieces.slice() };
}

function readSingle(info: BNode, name: Uint8Array): ListedFile {
  const attributes = { isPad: false, isLink: false };
  return { path: [name], lengthBytes: lengthOf(info, attributes), attributes };
}

function readFiles(list: BNode): ListedFile[] {
  const files: ListedFile[] = [];
  if (list.kind !== 'list') refuse('its v1 part does not have either a length or files');
  for (const file of listItems(list)) {
    if (file.kind !== 'dict') refuse('its v1 part has an entry that is no file');
    const attributes = attributesOf(file);
    addListed(files, { path: readPath(file), lengthBytes: lengthOf(file, attributes), attributes });
  }
  return files;
}

function readPath(file: BNode): Uint8Array[] {
  const components = dictGet(file, 'path.utf-8') ?? dictGet(file, 'path');
  const path: Uint8Array[] = [];
  for (const component of listItems(components)) {
    if (path.length >= MAX_PATH_DEPTH) refuse('it has a path that is too long');
    path.push(asBytes(component) ?? refuse('its v1 part has a file of no valid path'));
  }
  if (path.length === 0) refuse('its v1 part has a file of no valid path');
  return path;
}

/**
 * Refuses a hybrid whose two parts are not about the same data: same files, names and sizes in the same order, each
 * at the same place, as many pieces. Padding after the last file may be there or not: writers differ.
 */
export function checkAgreement(list: ListContent, tree: TreeContent): void {
  const real = list.files.filter((file) => !file.attributes.isPad && !file.attributes.isLink);
  const wanted = tree.files.filter((file) => !file.attributes.isLink);
  const isSame = real.length === wanted.length && real.every((file, i) => isSameFile(file, wanted[i]!));
  if (!isSame) refuse('its v1 and v2 parts have different files');
  const placed = list.geometry.files.filter((file) => !file.isPad);
  const isAligned = placed.every((file, i) => file.lengthBytes === 0 || file.offsetBytes === offsetIn(tree, i));
  if (!isAligned || list.geometry.pieceCount !== tree.geometry.pieceCount) {
    refuse('its v1 and v2 parts place files differently');
  }
}

const offsetIn = (tree: TreeContent, index: number): number => tree.geometry.files[index]!.offsetBytes;

function isSameFile(a: ListedFile, b: ListedFile): boolean {
  if (a.lengthBytes !== b.lengthBytes || a.path.length !== b.path.length) return false;
  return a.path.every((component, i) => equalBytes(component, b.path[i]!));
}
