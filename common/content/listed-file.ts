import { looseText, utf8 } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import { MAX_CONTENT_BYTES, MAX_FILES } from '../base/limits.ts';
import { asBytes, asInt, dictGet, type BNode } from '../wire/bencode.ts';
import type { FileDescription } from './geometry.ts';
import { PathNamer } from './names.ts';
import { refuse } from './refusal.ts';

/** A file as it is listed in an info dictionary, under the names given there. */
export interface ListedFile {
  /** Components from the top down, raw. */
  readonly path: readonly Uint8Array[];
  readonly lengthBytes: number;
  /** Of a v2 file that is not empty. */
  readonly root?: Digest;
  readonly attributes: FileAttributes;
}

/** Letters of `attr` (BEP 47). */
export interface FileAttributes {
  /** Zeros that align the next file. */
  readonly isPad: boolean;
  /** A symbolic link: no content, and never made by us. */
  readonly isLink: boolean;
}

const PAD = 0x70;
const LINK = 0x6c;

/** What `attr` of a file's dictionary says; anything else in it does not matter here. */
export function attributesOf(file: BNode): FileAttributes {
  const letters = asBytes(dictGet(file, 'attr')) ?? new Uint8Array();
  return { isPad: letters.includes(PAD), isLink: letters.includes(LINK) };
}

/** `length` of a file's dictionary. */
export function lengthOf(file: BNode, attributes: FileAttributes): number {
  const lengthBytes = asInt(dictGet(file, 'length'));
  if (attributes.isLink) {
    if (lengthBytes !== undefined && lengthBytes > 0) refuse('it has a link with content');
    return 0;
  }
  return lengthBytes ?? refuse('it has a file of no valid length');
}

/** Appends a file to a list. BOUNDED: by MAX_FILES, and by the bytes of the dictionary. */
export function addListed(files: ListedFile[], file: ListedFile): void {
  if (files.length >= MAX_FILES) refuse('it has too many files');
  files.push(file);
}

/** The sum of all lengths. */
export function totalBytesOf(files: readonly ListedFile[]): number {
  let totalBytes = 0;
  for (const file of files) {
    // Each is a safe integer, so the sum of two is still exact enough to be seen as too large.
    totalBytes += file.lengthBytes;
    if (totalBytes > MAX_CONTENT_BYTES) refuse('it has more content than can be counted');
  }
  if (totalBytes === 0) refuse('it has no content');
  return totalBytes;
}

const PAD_PATH = ['.pad'];

/** The files under harmless names. Links are left out; padding has no name of its own, for nobody writes it. */
export function describeFiles(files: readonly ListedFile[]): FileDescription[] {
  const namer = new PathNamer();
  const described: FileDescription[] = [];
  for (const { path, lengthBytes, root, attributes } of files) {
    if (attributes.isLink) continue;
    const { isPad } = attributes;
    const names = isPad ? PAD_PATH : namer.place(path.length === 0 ? [utf8('')] : path);
    const isRenamed = !isPad && path.some((part, i) => looseText(part) !== names[i]);
    const rawPath = isRenamed ? path : undefined;
    described.push({ path: names, rawPath, lengthBytes, isPad, ...(root === undefined ? {} : { root }) });
  }
  return described;
}
