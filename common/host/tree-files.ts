import type { PiecePlaces, PlacedFile, TargetShape } from '../base/target-ports.ts';
import type { Disk, DiskFile, FileStatus } from './disk.ts';
import { errnoOf } from './errno.ts';
import type { HashableFiles, TakenFile } from './file-hashes.ts';
import { OpenFiles } from './open-files.ts';
import { storeError } from './store-error.ts';
import { TreePaths } from './tree-paths.ts';

/** As many as hash threads have at hand at one time. */
const OPEN_FILES = 64;

/** Files in a directory that are looked at and not written: to be checked, or to be served from. Links are refused. */
export class TreeFiles implements HashableFiles {
  readonly #disk: Disk;
  readonly #paths: TreePaths;
  readonly #places: PiecePlaces;
  readonly #shape: TargetShape;
  readonly #open: OpenFiles<DiskFile>;

  constructor(options: {
    readonly root: string;
    readonly disk: Disk;
    readonly places: PiecePlaces;
    readonly shape: TargetShape;
  }) {
    this.#disk = options.disk;
    this.#places = options.places;
    this.#shape = options.shape;
    this.#paths = new TreePaths({ disk: options.disk, root: options.root });
    this.#open = new OpenFiles({
      open: (index) => options.disk.openOwn(this.pathOf(index)),
      capacity: OPEN_FILES,
    });
  }

  pathOf(index: number): string {
    return this.#paths.pathOf(this.#places.files[index]!.path);
  }

  /** Undefined for a file that is not there or not chosen. Rejects with a `StoreError`. */
  async take(index: number): Promise<TakenFile | undefined> {
    const file = this.#places.files[index]!;
    if (!this.#shape.isChosen(file)) return undefined;
    try {
      if (!(await this.#paths.hasDirectories(file.path))) return undefined;
      const held = await this.#open.take(index);
      return {
        fd: held.file.fd,
        release: () => {
          held.release();
        },
      };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw storeError(error, 'read', this.pathOf(index));
    }
  }

  /** Whether every chosen file is there in its size, and what of them takes room on the disk. Rejects with a `StoreError`. */
  async size(): Promise<{ readonly fits: boolean; readonly storedBytes: number }> {
    let fits = true;
    let storedBytes = 0;
    for (const file of this.#places.files) {
      if (file.isPad || !this.#shape.isChosen(file)) continue;
      const status = await this.#statusOf(file);
      fits &&= status?.isFile === true && status.sizeBytes === file.lengthBytes;
      storedBytes += Math.min(file.lengthBytes, status?.allocatedBytes ?? 0);
    }
    return { fits, storedBytes };
  }

  /**
   * Positions of the files that lie there in their sizes, chosen or not; undefined when anything else lies there too.
   * Rejects with a `StoreError`.
   */
  async held(): Promise<ReadonlySet<number> | undefined> {
    const files = new Map(this.#places.files.filter(({ isPad }) => !isPad).map((file) => [file.path.join('/'), file]));
    const directories = new Set([...files.keys()].flatMap(prefixesOf));
    const held = new Set<number>();
    // BOUNDED: by the directories of the content.
    const rest: (readonly string[])[] = [[]];
    for (let directory = rest.pop(); directory !== undefined; directory = rest.pop()) {
      for (const name of await this.#namesIn(directory)) {
        const path = [...directory, name];
        const file = files.get(path.join('/'));
        if (file !== undefined && (await this.#fits(file))) held.add(file.index);
        else if (directories.has(path.join('/')) && (await this.#paths.hasDirectories([...path, '']))) rest.push(path);
        else return undefined;
      }
    }
    return held;
  }

  async #fits(file: PlacedFile): Promise<boolean> {
    const status = await this.#statusOf(file);
    return status?.isFile === true && status.sizeBytes === file.lengthBytes;
  }

  async #namesIn(directory: readonly string[]): Promise<readonly string[]> {
    const path = this.#paths.pathOf(directory);
    try {
      return await this.#disk.names(path);
    } catch (error) {
      throw storeError(error, 'look at', path);
    }
  }

  close(): Promise<void> {
    return this.#open.close();
  }

  async #statusOf(file: PlacedFile): Promise<FileStatus | undefined> {
    const path = this.pathOf(file.index);
    try {
      return (await this.#paths.hasDirectories(file.path)) ? await this.#disk.status(path) : undefined;
    } catch (error) {
      throw storeError(error, 'look at', path);
    }
  }
}

/** The directories that a file lies in, but for the top one. */
function prefixesOf(path: string): string[] {
  const names = path.split('/');
  return names.slice(1).map((_, depth) => names.slice(0, depth + 1).join('/'));
}
