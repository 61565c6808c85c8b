import { dirname, join, resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { Bitfield } from '../base/bitfield.ts';
import { ShoalError } from '../base/errors.ts';
import { type PieceIndex, pieceIndex } from '../base/ids.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import type { Clock } from '../base/ports.ts';
import type { FinishedStore, PartStore, PiecePlaces, TargetFiles, TargetShape } from '../base/target-ports.ts';
import { type Disk, type FileStatus, freeBytes } from './disk.ts';
import { printable } from './escape.ts';
import { openFinished } from './finished-files.ts';
import { checkPieces, type HashableFiles, singleFile } from './file-hashes.ts';
import type { HashPool } from './hasher.ts';
import { DownloadLock } from './lock.ts';
import { PartFile } from './part-file.ts';
import { PartTree } from './part-tree.ts';
import type { ProcessTable } from './process-table.ts';
import { StateFile } from './state-file.ts';
import { storeError } from './store-error.ts';
import { TreeFiles } from './tree-files.ts';

export interface HostTargetFilesOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly processes: ProcessTable;
  readonly hasher: HashPool;
  /** `-o`: a file, or an existing directory; undefined for the content's name in the working directory. */
  readonly output: string | undefined;
  /** Ends a check early. */
  readonly stop: AbortSignal;
}

/** The files of one download on the real disk. */
export class HostTargetFiles implements TargetFiles {
  readonly #options: HostTargetFilesOptions;
  /** By path. BOUNDED: one download has one note. */
  readonly #states = new Map<string, StateFile>();

  constructor(options: HostTargetFilesOptions) {
    this.#options = options;
  }

  async pathFor(name: string, places: PiecePlaces, shape: TargetShape): Promise<string> {
    const { output } = this.#options;
    if (output === undefined) return resolve(name);
    const path = resolve(output);
    const isParent =
      /[\\/]$/.test(output) || ((await isDirectory(path)) && !(await this.#isContent(path, places, shape)));
    const file = isParent ? join(path, name) : path;
    if (await isDirectory(dirname(file))) return file;
    throw new ShoalError(
      'FILE_ACCESS',
      `there is no directory ${printable(dirname(file))}: create it, or give another path with -o`,
    );
  }

  async kindOf(path: string): Promise<'none' | 'file' | 'directory' | 'other'> {
    const status = await this.#status(path);
    if (status === undefined) return 'none';
    return status.isFile ? 'file' : status.isDirectory ? 'directory' : 'other';
  }

  async sizeOf(
    path: string,
    places: PiecePlaces,
    shape: TargetShape,
  ): Promise<{ readonly fits: boolean; readonly storedBytes: number }> {
    if (shape.isDirectory) return this.#treeAt(path, places, shape).size();
    const status = await this.#status(path);
    return { fits: status?.sizeBytes === places.totalBytes, storedBytes: status?.allocatedBytes ?? 0 };
  }

  async heldFiles(path: string, places: PiecePlaces): Promise<ReadonlySet<number> | undefined> {
    const files = this.#treeAt(path, places, { isDirectory: true, isChosen: () => true });
    return files.held();
  }

  async rename(path: string, to: string): Promise<void> {
    try {
      await this.#options.disk.rename(path, to);
      await this.#options.disk.syncDirectory(dirname(to));
    } catch (error) {
      throw storeError(error, 'rename', path);
    }
  }

  /** Where the system does not say, there is room. */
  async freeBytes(path: string): Promise<number> {
    return (await freeBytes(path)) ?? Number.MAX_SAFE_INTEGER;
  }

  async lock(path: string): Promise<() => Promise<void>> {
    const { clock, processes } = this.#options;
    const lock = await DownloadLock.acquire({ directory: `${path}.part.lock`, clock, processes });
    return () => lock.release();
  }

  openPart(path: string, places: PiecePlaces, shape: TargetShape): Promise<PartStore> {
    const { disk, hasher } = this.#options;
    return shape.isDirectory
      ? PartTree.open({ path, places, shape, disk })
      : PartFile.open({ path, sizeBytes: places.totalBytes, pieces: places, disk, threads: hasher });
  }

  openFinished(path: string, places: PiecePlaces, shape: TargetShape): Promise<FinishedStore> {
    const { disk, clock } = this.#options;
    return openFinished({ path, places, shape, disk, clock });
  }

  async check(
    path: string,
    places: PiecePlaces,
    checkOf: (piece: PieceIndex) => PieceCheck,
    onChecked: (bytes: number) => void,
    shape: TargetShape,
  ): Promise<Bitfield> {
    const { hasher, stop } = this.#options;
    const right = new Bitfield(places.pieceCount);
    const files = shape.isDirectory ? this.#treeAt(path, places, shape) : await this.#openSingle(path);
    let told = 0;
    try {
      await checkPieces({
        hasher,
        files,
        pieces: places,
        claimed: allPieces(places.pieceCount),
        checkOf,
        onChecked: (piece, isRight) => {
          if (isRight) right.add(piece);
        },
        onProgress: (doneBytes) => {
          onChecked(doneBytes - told);
          told = doneBytes;
        },
        stop,
      });
    } finally {
      await files.close();
    }
    return right;
  }

  readState(path: string): Promise<unknown> {
    return this.#stateOf(path).read();
  }

  writeState(path: string, state: object): Promise<void> {
    return this.#stateOf(path).save(state);
  }

  async remove(path: string): Promise<void> {
    try {
      const { disk } = this.#options;
      const isPartTree = path.endsWith('.part') && (await disk.status(path))?.isDirectory === true;
      await (isPartTree ? disk.removeTree(path) : disk.remove(path));
    } catch (error) {
      throw storeError(error, 'remove', path);
    }
  }

  #stateOf(path: string): StateFile {
    const found = this.#states.get(path) ?? new StateFile({ path, disk: this.#options.disk });
    this.#states.set(path, found);
    return found;
  }

  async #status(path: string): Promise<FileStatus | undefined> {
    try {
      return await this.#options.disk.status(path);
    } catch (error) {
      throw storeError(error, 'look at', path);
    }
  }

  /** Whether a directory has all chosen files of the content, by their sizes, or some and nothing else. */
  async #isContent(path: string, places: PiecePlaces, shape: TargetShape): Promise<boolean> {
    if (!shape.isDirectory) return false;
    if ((await this.#treeAt(path, places, shape).size()).fits) return true;
    return ((await this.heldFiles(path, places))?.size ?? 0) > 0;
  }

  #treeAt(root: string, places: PiecePlaces, shape: TargetShape): TreeFiles {
    return new TreeFiles({ root, disk: this.#options.disk, places, shape });
  }

  async #openSingle(path: string): Promise<HashableFiles & { close(): Promise<void> }> {
    try {
      const file = await this.#options.disk.openToRead(path);
      return { ...singleFile({ path, fd: file.fd }), close: () => file.close() };
    } catch (error) {
      throw storeError(error, 'read', path);
    }
  }
}

/** Through links: the user's own choice of where to write. */
async function isDirectory(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status?.isDirectory() ?? false;
}

function* allPieces(pieceCount: number): Generator<PieceIndex> {
  for (let index = 0; index < pieceCount; index++) yield pieceIndex(index);
}
