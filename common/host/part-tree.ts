import { dirname } from 'node:path';
import { ShoalError } from '../base/errors.ts';
import type { PieceIndex } from '../base/ids.ts';
import { StoreError } from '../base/ports.ts';
import type { FileSegment, PartStore, PiecePlaces, PlacedFile, TargetShape } from '../base/target-ports.ts';
import type { Disk, DiskFile } from './disk.ts';
import { printable } from './escape.ts';
import { OpenFiles } from './open-files.ts';
import { slicesOf } from './slices.ts';
import { storeError } from './store-error.ts';
import { TreePaths } from './tree-paths.ts';

/** Files held open; the system's usual limit is 1,024 for a process, sockets included. */
const OPEN_FILES = 128;
/** Files that are brought to the disk at one time at the end. */
const SYNCS_AT_A_TIME = 8;

export interface PartTreeOptions {
  /** `NAME.part` */
  readonly path: string;
  readonly places: PiecePlaces;
  readonly shape: TargetShape;
  readonly disk: Disk;
}

/**
 * A directory that is being downloaded: `NAME.part` with the files in it, each made when its first piece comes. Only
 * verified pieces are written; when all are there, `finish` gives the whole its name in one rename. It can be read all
 * the while, and after.
 */
export class PartTree implements PartStore {
  readonly #disk: Disk;
  readonly #places: PiecePlaces;
  readonly #shape: TargetShape;
  readonly #paths: TreePaths;
  readonly #files: OpenFiles<DiskFile>;
  /** Written since they were last synced. BOUNDED: by the files. */
  readonly #unsynced = new Set<number>();
  /** Files are not opened by the old name while it changes. */
  #moving: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(options: PartTreeOptions) {
    this.#disk = options.disk;
    this.#places = options.places;
    this.#shape = options.shape;
    this.#paths = new TreePaths({ disk: options.disk, root: options.path });
    this.#files = new OpenFiles({ open: (index) => this.#openFile(index), capacity: OPEN_FILES });
  }

  /** Makes the directory, or takes the one that is there; refuses a link. Rejects with a `StoreError`. */
  static async open(options: PartTreeOptions): Promise<PartTree> {
    const tree = new PartTree(options);
    try {
      await tree.#paths.makeRoot();
      return tree;
    } catch (error) {
      throw storeError(error, 'write', options.path);
    }
  }

  /** Where it is now: the target's path after `finish`. */
  get path(): string {
    return this.#paths.root;
  }

  async read(piece: PieceIndex, begin: number, into: Uint8Array): Promise<void> {
    for (const slice of slicesOf(this.#places.segmentsOf(piece), begin, into)) {
      if (slice.file.isPad) slice.bytes.fill(0);
      else await this.#inFile(slice.file, 'read', (file) => readFully(file, slice, this.#pathOf(slice.file)));
    }
  }

  async write(piece: PieceIndex, bytes: Uint8Array): Promise<void> {
    if (bytes.length !== this.#places.pieceSize(piece)) throw new Error(`piece ${piece} is not ${bytes.length} bytes`);
    for (const slice of slicesOf(this.#places.segmentsOf(piece), 0, bytes)) {
      if (slice.file.isPad || !this.#shape.isChosen(slice.file)) continue;
      this.#unsynced.add(slice.file.index);
      await this.#inFile(slice.file, 'write', (file) => writeFully(file, slice, this.#pathOf(slice.file)));
    }
  }

  async sync(): Promise<void> {
    this.#refuseWhenClosed();
    for (const index of this.#unsynced) {
      this.#unsynced.delete(index);
      try {
        await this.#inFile(this.#places.files[index]!, 'sync', (file) => file.datasync());
      } catch (error) {
        this.#unsynced.add(index);
        throw error;
      }
    }
  }

  /**
   * Puts every file and directory on the disk and gives the whole its name. Rejects with a `StoreError`, or with a
   * `ShoalError` of code TARGET_DIFFERS when something is there and `replace` is false; then all stays as it was.
   */
  async finish(target: string, options: { readonly replace: boolean }): Promise<void> {
    try {
      await this.#completeFiles();
      await this.#syncDirectories();
      const there = await this.#disk.status(target);
      if (there !== undefined && !options.replace) {
        throw new ShoalError(
          'TARGET_DIFFERS',
          `${printable(target)} exists already; the download is complete as ${printable(this.path)}, --force replaces`,
        );
      }
      if (there !== undefined) await this.#setAside(target);
      const moving = this.#disk.rename(this.path, target).then(() => {
        this.#paths.moved(target);
      });
      this.#moving = moving.catch(() => undefined);
      await moving;
      await this.#disk.syncDirectory(dirname(target));
    } catch (error) {
      throw error instanceof ShoalError ? error : storeError(error, 'write', target);
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#files.close();
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw new StoreError('failed', `cannot use ${printable(this.path)}: it is closed`);
  }

  #pathOf(file: PlacedFile): string {
    return this.#paths.pathOf(file.path);
  }

  async #openFile(index: number): Promise<DiskFile> {
    await this.#moving;
    const { path, lengthBytes } = this.#places.files[index]!;
    await this.#paths.makeDirectories(path);
    const file = await this.#disk.openToWrite(this.#paths.pathOf(path));
    try {
      const status = await file.status();
      if (!status.isFile) throw new StoreError('failed', 'it is not a regular file');
      if (status.sizeBytes !== lengthBytes) await file.truncate(lengthBytes);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #inFile<T>(file: PlacedFile, verb: string, act: (file: DiskFile) => Promise<T>): Promise<T> {
    this.#refuseWhenClosed();
    try {
      return await this.#files.use(file.index, act);
    } catch (error) {
      throw storeError(error, verb, this.#pathOf(file));
    }
  }

  /** Every chosen file, empty ones too, in its size and on the disk. */
  async #completeFiles(): Promise<void> {
    const chosen = this.#places.files.filter((file) => !file.isPad && this.#shape.isChosen(file));
    const rest = chosen.values();
    const lane = async (): Promise<void> => {
      for (const file of rest) await this.#inFile(file, 'sync', (open) => open.sync());
    };
    await Promise.all(Array.from({ length: SYNCS_AT_A_TIME }, lane));
    this.#unsynced.clear();
  }

  /** The deepest first: each then has what it names. */
  async #syncDirectories(): Promise<void> {
    const directories = new Set<string>();
    for (const file of this.#places.files) {
      if (file.isPad || !this.#shape.isChosen(file)) continue;
      for (const directory of this.#paths.directoriesOf(file.path)) directories.add(directory);
    }
    for (const directory of [...directories].sort((a, b) => b.length - a.length)) {
      await this.#disk.syncDirectory(directory);
    }
  }

  /** What is replaced is a whole directory, in which there may be more than what was downloaded: it is not deleted. */
  async #setAside(target: string): Promise<void> {
    for (let number = 1; ; number++) {
      const aside = `${target}.replaced-${number}`;
      if ((await this.#disk.status(aside)) !== undefined) continue;
      return this.#disk.rename(target, aside);
    }
  }
}

interface Slice extends Pick<FileSegment, 'offsetInFile'> {
  readonly bytes: Uint8Array;
}

async function readFully(file: DiskFile, slice: Slice, path: string): Promise<void> {
  for (let done = 0; done < slice.bytes.length;) {
    const count = await file.read(slice.bytes.subarray(done), slice.offsetInFile + done);
    if (count === 0) throw new StoreError('changed', `${printable(path)} has become shorter`);
    done += count;
  }
}

async function writeFully(file: DiskFile, slice: Slice, path: string): Promise<void> {
  for (let done = 0; done < slice.bytes.length;) {
    const count = await file.write(slice.bytes.subarray(done), slice.offsetInFile + done);
    if (count === 0) throw new StoreError('failed', `cannot write ${printable(path)}: nothing was taken`);
    done += count;
  }
}
