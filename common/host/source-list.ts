import type { Dirent } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { utf8Text } from '../base/bytes.ts';
import { MAX_FILES } from '../base/limits.ts';
import { StoreError } from '../base/ports.ts';
import type { PlacedFile } from '../base/target-ports.ts';
import type { Disk, FileIdentity, FileStatus } from './disk.ts';
import { printable } from './escape.ts';
import type { SharedFile } from './source-tree.ts';
import { storeError } from './store-error.ts';

/** A file to be shared, as it was found. */
export interface SourceEntry {
  /** Absolute. */
  readonly path: string;
  /** Below the top of the content. */
  readonly components: readonly string[];
  readonly identity: FileIdentity;
}

export interface SourceList {
  /** Of the file or of the directory; empty when the directory is the root of the file system. */
  readonly name: string;
  readonly isDirectory: boolean;
  /** In no order. BOUNDED: by MAX_FILES. */
  readonly files: readonly SourceEntry[];
}

/**
 * What one or several paths are as content: a file, a directory with all in it or, of several, the directory that they
 * have in common with nothing but them in it. A path that is given may be a link; below it links, and what is neither
 * a file nor a directory, are left out, which `onSkipped` is told. Rejects with a `StoreError`.
 */
export async function listSources(
  paths: readonly string[],
  world: { readonly disk: Disk; readonly onSkipped: (path: string) => void },
): Promise<SourceList> {
  const tops = await Promise.all(paths.map((path) => topOf(path, world.disk)));
  const [first] = tops;
  const isSingle = tops.length === 1;
  if (isSingle && first!.status.isFile) {
    const { given, path, status } = first!;
    const name = basename(given);
    return { name, isDirectory: false, files: [{ path, components: [name], identity: identityOf(status) }] };
  }
  const top = isSingle ? first!.given : commonDirectory(tops.map(({ given }) => dirname(given)));
  const found = new Map<string, SourceEntry>();
  for (const { given, path, status } of tops) {
    const components = relative(top, given).split(sep).filter(Boolean);
    await collect({ path, components, status, found, ...world });
  }
  return { name: basename(top), isDirectory: true, files: [...found.values()] };
}

/**
 * The files of a torrent that is there already: the file or the directory `top`, with each file where its path says.
 * Undefined for padding. Rejects with a `StoreError` that names a file that is not there, or is of another size.
 */
export async function findSources(work: {
  readonly top: string;
  readonly isDirectory: boolean;
  readonly files: readonly PlacedFile[];
  readonly disk: Disk;
}): Promise<(SharedFile | undefined)[]> {
  const { path: top } = await topOf(work.top, work.disk);
  const found: (SharedFile | undefined)[] = [];
  for (const file of work.files) {
    const paths = work.isDirectory ? pathsOf(file).map((path) => join(top, ...path)) : [top];
    found.push(file.isPad ? undefined : await findSource(file, paths, work.disk));
  }
  return found;
}

/** Under its harmless name, as we write it, or under the very name that the torrent gives, as others do. */
function pathsOf({ path, rawPath }: PlacedFile): (readonly string[])[] {
  const raw = rawPath?.map((component) => utf8Text(component) ?? '');
  // Only what stays in the directory: a torrent is not to find out what else there is on the disk.
  const isInside = raw?.every((component) => !/^\.{0,2}$|[/\0]/.test(component) && !component.includes(sep)) ?? false;
  return isInside ? [path, raw!] : [path];
}

async function findSource(file: PlacedFile, paths: readonly string[], disk: Disk): Promise<SharedFile> {
  let path = paths[0]!;
  let status = await statusOf(disk, path);
  for (const other of paths.slice(1)) {
    if (status !== undefined) break;
    status = await statusOf(disk, other);
    if (status !== undefined) path = other;
  }
  if (status?.isFile !== true) {
    throw new StoreError('failed', `there is no file ${printable(path)}, which the torrent has`);
  }
  if (status.sizeBytes === file.lengthBytes) return { path, identity: identityOf(status) };
  const sizes = `${status.sizeBytes} bytes, and ${file.lengthBytes} in the torrent`;
  throw new StoreError('changed', `${printable(path)} is not what the torrent says: it has ${sizes}`);
}

interface Top {
  /** As it was given, made absolute: it has the name that is meant. */
  readonly given: string;
  /** Where it is. */
  readonly path: string;
  readonly status: FileStatus;
}

async function topOf(path: string, disk: Disk): Promise<Top> {
  const given = resolve(path);
  try {
    const real = await realpath(given);
    const status = await disk.status(real);
    if (status === undefined || !(status.isFile || status.isDirectory)) {
      throw new StoreError('failed', `cannot share ${printable(path)}: it is neither a file nor a directory`);
    }
    return { given, path: real, status };
  } catch (error) {
    throw storeError(error, 'share', path);
  }
}

/** The deepest directory that all are in. */
function commonDirectory(directories: readonly string[]): string {
  let common = directories[0]!;
  for (const directory of directories) {
    while (!isIn(directory, common)) common = dirname(common);
  }
  return common;
}

const isIn = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);

const identityOf = ({ sizeBytes, mtimeNs, inode, device }: FileStatus): FileIdentity => ({
  ...{ sizeBytes, mtimeNs, inode, device },
});

/** The depth of recursion is that of the directories. */
async function collect(work: {
  readonly path: string;
  readonly components: readonly string[];
  readonly status: FileStatus | undefined;
  /** By path, so that what is given twice is there once. */
  readonly found: Map<string, SourceEntry>;
  readonly disk: Disk;
  readonly onSkipped: (path: string) => void;
}): Promise<void> {
  const { path, components, status, found } = work;
  if (status?.isDirectory === true) {
    for (const entry of await entriesOf(path)) {
      const inner = join(path, entry.name);
      const innerStatus = await statusOf(work.disk, inner);
      await collect({ ...work, path: inner, components: [...components, entry.name], status: innerStatus });
    }
    return;
  }
  if (status?.isFile !== true) return work.onSkipped(path);
  if (found.size >= MAX_FILES) throw new StoreError('failed', `cannot share more than ${MAX_FILES} files`);
  found.set(components.join('/'), { path, components, identity: identityOf(status) });
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    throw storeError(error, 'read', path);
  }
}

async function statusOf(disk: Disk, path: string): Promise<FileStatus | undefined> {
  try {
    return await disk.status(path);
  } catch (error) {
    throw storeError(error, 'look at', path);
  }
}
