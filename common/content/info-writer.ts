/** Writes info dictionaries of all formats (BEP 3, 47, 52), byte for byte as libtorrent 2.0.8 does. */
import { decoded, malformed, type Decoded } from '../base/errors.ts';
import { utf8 } from '../base/bytes.ts';
import { bencodeDict, encodeBencode } from '../wire/bencode.ts';
import { parseInfo, type Info } from './info.ts';
import type { InfoReason } from './refusal.ts';

export type TorrentFormat = Info['kind'];

/** A file to be described. */
export interface WrittenFile {
  /** Components from the top of the torrent down; of a single file its name alone. */
  readonly path: readonly string[];
  readonly lengthBytes: number;
  /** The merkle root over all of it; of a file that is not empty, unless the format is v1. */
  readonly root?: Uint8Array | undefined;
}

export interface WrittenContent {
  readonly format: TorrentFormat;
  /** Of the directory or, of a single file, the file's own. */
  readonly name: string;
  readonly isDirectory: boolean;
  /** A power of two of at least 16 KiB. */
  readonly pieceBytes: number;
  /** In tree order; v1 alone takes any. */
  readonly files: readonly WrittenFile[];
  /** SHA-1 of all pieces, unless the format is v2. */
  readonly sha1s?: Uint8Array | undefined;
  /** Peers come from its trackers only (BEP 27). */
  readonly isPrivate?: boolean | undefined;
}

/** The order of files in v2: depth first, the names of each directory in the order of their bytes (BEP 52). */
export function inTreeOrder<T extends { readonly path: readonly string[] }>(files: readonly T[]): T[] {
  const keyed = files.map((file) => ({ file, path: file.path.map(utf8) }));
  return keyed.sort((a, b) => comparePaths(a.path, b.path)).map(({ file }) => file);
}

/** A dictionary that would be read again as it was meant, or why it would not. */
export function writeInfo(content: WrittenContent): Decoded<Info, InfoReason> {
  const { format, name, pieceBytes, isPrivate, isDirectory, files, sha1s } = content;
  const hasV1 = format !== 'v2';
  const hasV2 = format !== 'v1';
  const infoBytes = encodeBencode(
    bencodeDict([
      ['file tree', hasV2 ? treeOf(files) : undefined],
      ['files', hasV1 && isDirectory ? listOf(content) : undefined],
      ['length', hasV1 && !isDirectory ? files[0]!.lengthBytes : undefined],
      ['meta version', hasV2 ? 2 : undefined],
      ['name', name],
      ['piece length', pieceBytes],
      ['pieces', hasV1 ? sha1s : undefined],
      ['private', isPrivate === true ? 1 : undefined],
    ]),
  );
  const parsed = parseInfo(infoBytes);
  if (!parsed.ok) return malformed(parsed.reason);
  return decoded(parsed.value);
}

function comparePaths(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = compareBytes(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

type Entries = Map<string, Entries | WrittenFile>;
type Dictionary = ReturnType<typeof bencodeDict>;

/** The depth of recursion is that of the paths, whose files exist on a disk. */
function treeOf(files: readonly WrittenFile[]): Dictionary {
  const top: Entries = new Map();
  for (const file of files) {
    let directory = top;
    for (const component of file.path.slice(0, -1)) {
      const found = directory.get(component);
      const next: Entries = found instanceof Map ? found : new Map();
      directory.set(component, next);
      directory = next;
    }
    directory.set(file.path.at(-1)!, file);
  }
  return dictionaryOf(top);
}

const dictionaryOf = (entries: Entries): Dictionary =>
  bencodeDict([...entries].map(([name, entry]) => [name, entry instanceof Map ? dictionaryOf(entry) : leafOf(entry)]));

/** An empty file has no root (BEP 52). */
const leafOf = ({ lengthBytes, root }: WrittenFile): Dictionary =>
  bencodeDict([['', bencodeDict([['length', lengthBytes], ['pieces root', lengthBytes > 0 ? root : undefined]])]]); // prettier-ignore

/** Whether files are filled up to whole pieces: never in v1, and not where there is only one file (libtorrent 2.0.8). */
export const hasPadding = (format: TorrentFormat, fileCount: number): boolean => format === 'hybrid' && fileCount > 1;

/** In a hybrid each file that is not empty is filled up to a whole piece, the last one too (BEP 47). */
function listOf(content: WrittenContent): Dictionary[] {
  const { format, files, pieceBytes } = content;
  const list: Dictionary[] = [];
  for (const { path, lengthBytes } of files) {
    list.push(bencodeDict([['length', lengthBytes], ['path', path]])); // prettier-ignore
    const padBytes = (pieceBytes - (lengthBytes % pieceBytes)) % pieceBytes;
    if (padBytes === 0 || !hasPadding(format, files.length)) continue;
    list.push(bencodeDict([['attr', 'p'], ['length', padBytes], ['path', ['.pad', `${padBytes}`]]])); // prettier-ignore
  }
  return list;
}
