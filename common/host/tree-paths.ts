import { join } from 'node:path';
import { StoreError } from '../base/ports.ts';
import type { Disk } from './disk.ts';
import { errnoOf } from './errno.ts';
import { printable } from './escape.ts';

/**
 * Paths of files below a directory that was downloaded, or is being. No directory on the way may be a symbolic link:
 * somebody could have put one there to have something overwritten elsewhere.
 */
export class TreePaths {
  readonly #disk: Disk;
  #root: string;
  /** Directories that are there and are none but directories. BOUNDED: by the directories of the content. */
  readonly #known = new Set<string>();

  constructor(options: { readonly disk: Disk; readonly root: string }) {
    this.#disk = options.disk;
    this.#root = options.root;
  }

  get root(): string {
    return this.#root;
  }

  /** The whole has another name now. */
  moved(root: string): void {
    this.#root = root;
    this.#known.clear();
  }

  pathOf(components: readonly string[]): string {
    return join(this.#root, ...components);
  }

  /** The directories that a file lies in, the top one first. */
  directoriesOf(components: readonly string[]): string[] {
    return components.map((_, depth) => this.pathOf(components.slice(0, depth)));
  }

  /** The directory of the whole. Rejects like `makeDirectories`. */
  makeRoot(): Promise<void> {
    return this.#make(this.#root);
  }

  /** Makes the directories that a file needs. Rejects with a `StoreError` for what is there and is no directory. */
  async makeDirectories(components: readonly string[]): Promise<void> {
    for (const directory of this.directoriesOf(components)) {
      if (!this.#known.has(directory)) await this.#make(directory);
    }
  }

  /** Whether all directories are there. Rejects with a `StoreError` when one is a link. */
  async hasDirectories(components: readonly string[]): Promise<boolean> {
    for (const directory of this.directoriesOf(components)) {
      if (this.#known.has(directory)) continue;
      const status = await this.#disk.status(directory);
      if (status?.isLink === true) throw noDirectory(directory, true);
      if (status?.isDirectory !== true) return false;
      this.#known.add(directory);
    }
    return true;
  }

  async #make(directory: string): Promise<void> {
    try {
      await this.#disk.makeDirectory(directory);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      const status = await this.#disk.status(directory);
      if (status?.isDirectory !== true) throw noDirectory(directory, status?.isLink === true);
    }
    this.#known.add(directory);
  }
}

const noDirectory = (path: string, isLink: boolean): StoreError =>
  new StoreError(
    'failed',
    isLink
      ? `cannot use ${printable(path)}: it is a symbolic link, and what is written must not follow one`
      : `cannot use ${printable(path)}: it is not a directory`,
  );
