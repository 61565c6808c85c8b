import type { PieceIndex } from '../base/ids.ts';
import { type Clock, type PieceStore, StoreError } from '../base/ports.ts';
import type { Disk, FileIdentity } from './disk.ts';
import { printable } from './escape.ts';
import type { HashableFiles, TakenFile } from './file-hashes.ts';
import { OpenFiles } from './open-files.ts';
import type { PieceMap } from './piece-map.ts';
import { slicesOf } from './slices.ts';
import { SourceFile } from './source-file.ts';
import { StallBudget } from './stall-budget.ts';
import { storeError } from './store-error.ts';

/** Files held open; the system's usual limit is 1,024 for a process, sockets included. */
const OPEN_FILES = 128;
/** Closed files that one check looks at; the next one goes on with those after them. */
const FILES_PER_CHECK = 1_000;

/** A file of the content, as it was when it was described. */
export interface SharedFile {
  readonly path: string;
  readonly identity: FileIdentity;
}

/**
 * The files of shared content, by their position in it. All must stay as they were: one that changes makes every
 * piece suspect, and from then on nothing is read any more.
 */
export class SourceTree implements HashableFiles {
  /** Undefined for padding. BOUNDED: by the files of the content. */
  readonly #files: readonly (SharedFile | undefined)[];
  readonly #disk: Disk;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #stalls = new StallBudget();
  readonly #open: OpenFiles<SourceFile>;
  #failure: StoreError | undefined;
  #checkedUpTo = 0;

  constructor(options: {
    readonly files: readonly (SharedFile | undefined)[];
    readonly disk: Disk;
    readonly clock: Pick<Clock, 'now'>;
  }) {
    const { disk, clock } = options;
    this.#files = options.files;
    this.#disk = disk;
    this.#clock = clock;
    this.#open = new OpenFiles({
      open: (index) => SourceFile.open({ ...this.#files[index]!, disk, clock }),
      capacity: OPEN_FILES,
    });
  }

  /** How many files one `check` is sure to look at. */
  get filesPerCheck(): number {
    return FILES_PER_CHECK;
  }

  pathOf(index: number): string {
    return this.#files[index]?.path ?? '';
  }

  /** For threads that read by themselves. Rejects with a `StoreError`. */
  async take(index: number): Promise<TakenFile> {
    const held = await this.#guard(() => this.#open.take(index));
    return {
      fd: held.file.fd,
      release: () => {
        held.release();
      },
    };
  }

  /** Fills `into` from `offset` in a file. Rejects with a `StoreError`: `changed` when the file is not what it was. */
  read(index: number, offset: number, into: Uint8Array): Promise<void> {
    return this.#guard(() => this.#open.use(index, (file) => file.read(offset, into)));
  }

  /**
   * The same before it returns; false when it might have to wait, for the disk or for the file to be opened or looked
   * at: then `read` is to be used. Throws a `StoreError`.
   */
  readNow(index: number, offset: number, into: Uint8Array): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    const from = this.#clock.now();
    const file = this.#open.opened(index);
    if (file === undefined || !this.#stalls.isLeft(from)) return false;
    try {
      return file.readNow(offset, into);
    } catch (error) {
      throw this.#noted(error);
    } finally {
      this.#stalls.spend(from, this.#clock.now());
    }
  }

  /** Looks whether the files are still what they were; of very many at some of them. Rejects with a `StoreError`. */
  check(): Promise<void> {
    return this.#guard(async () => {
      const open = this.#open.openIndexes;
      for (const index of open) await this.#open.use(index, (file) => file.check());
      const most = Math.min(FILES_PER_CHECK, this.#files.length);
      for (let i = 0; i < most; i++) await this.#checkClosed(this.#checkedUpTo++ % this.#files.length, open);
    });
  }

  close(): Promise<void> {
    return this.#open.close();
  }

  async #checkClosed(index: number, open: readonly number[]): Promise<void> {
    const file = this.#files[index];
    if (file === undefined || open.includes(index)) return;
    const { path, identity } = file;
    let now: FileIdentity | undefined;
    try {
      now = await this.#disk.status(path);
    } catch (error) {
      throw storeError(error, 'look at', path);
    }
    if (now === undefined) throw new StoreError('changed', `${printable(path)} is gone`);
    if (!isSame(now, identity)) throw new StoreError('changed', `${printable(path)} is not the file that it was`);
  }

  /** The first failure is the answer to everything after it. */
  async #guard<T>(act: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return await act();
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #noted(error: unknown): unknown {
    if (error instanceof StoreError && error.failure === 'changed') this.#failure ??= error;
    return error;
  }
}

const isSame = (a: FileIdentity, b: FileIdentity): boolean =>
  a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs && a.inode === b.inode && a.device === b.device;

/** The pieces of shared files. Padding reads as zeros. */
export class SourceStore implements PieceStore {
  readonly #files: SourceTree;
  readonly #pieces: PieceMap;

  constructor(options: { readonly files: SourceTree; readonly pieces: PieceMap }) {
    this.#files = options.files;
    this.#pieces = options.pieces;
  }

  async read(piece: PieceIndex, begin: number, into: Uint8Array): Promise<void> {
    for (const { file, offsetInFile, bytes } of slicesOf(this.#pieces.segmentsOf(piece), begin, into)) {
      if (file.isPad) bytes.fill(0);
      else await this.#files.read(file.index, offsetInFile, bytes);
    }
  }

  /** A piece with bytes of several files is rare enough to be read the slow way. */
  readNow(piece: PieceIndex, begin: number, into: Uint8Array): boolean {
    const segments = this.#pieces.segmentsOf(piece);
    const { file, offsetInFile, lengthBytes } = segments[0]!;
    if (segments.length > 1 || file.isPad || begin + into.length > lengthBytes) return false;
    return this.#files.readNow(file.index, offsetInFile + begin, into);
  }

  write(): Promise<void> {
    return Promise.reject(new StoreError('failed', 'what is shared is not written to'));
  }

  async sync(): Promise<void> {}

  close(): Promise<void> {
    return this.#files.close();
  }
}
