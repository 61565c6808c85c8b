import { dirname } from 'node:path';
import { ShoalError } from '../base/errors.ts';
import type { PieceIndex } from '../base/ids.ts';
import { type PieceStore, StoreError } from '../base/ports.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import type { Disk, DiskFile } from './disk.ts';
import { printable } from './escape.ts';
import type { HashPool } from './hasher.ts';
import type { PieceMap } from './piece-map.ts';
import { storeError } from './store-error.ts';

/** Threads that verify and write: a `HashPool`. */
export type KeepThreads = Pick<HashPool, 'keep'>;

export interface PartFileOptions {
  readonly path: string;
  readonly sizeBytes: number;
  readonly pieces: PieceMap;
  readonly disk: Disk;
  /** Without them it can only write. */
  readonly threads?: KeepThreads;
}

/**
 * A file that is being downloaded: `NAME.part`, of full size from the start with holes where nothing is yet. Only
 * verified pieces are written; when all are there, `finish` gives it its name in one rename. It can be read all the
 * while, and after.
 */
export class PartFile implements PieceStore {
  /** Size it was found with; 0 when it was made now. */
  readonly foundBytes: number;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #pieces: PieceMap;
  readonly keep: PieceStore['keep'];
  #path: string;

  private constructor(options: PartFileOptions & { readonly file: DiskFile; readonly foundBytes: number }) {
    const { path, disk, file, pieces, foundBytes, threads } = options;
    this.#path = path;
    this.#disk = disk;
    this.#file = file;
    this.#pieces = pieces;
    this.foundBytes = foundBytes;
    if (threads !== undefined) this.keep = (piece, bytes, check) => this.#keep(threads, piece, bytes, check);
  }

  /** Opens or makes it, and brings it to `sizeBytes`. Refuses links, directories, devices. Rejects with a `StoreError`. */
  static async open(options: PartFileOptions): Promise<PartFile> {
    const { path, sizeBytes, disk } = options;
    let file: DiskFile | undefined;
    try {
      file = await disk.openToWrite(path);
      const status = await file.status();
      if (!status.isFile) throw new StoreError('failed', `cannot write ${printable(path)}: it is not a regular file`);
      if (status.sizeBytes !== sizeBytes) await file.truncate(sizeBytes);
      return new PartFile({ ...options, file, foundBytes: status.sizeBytes });
    } catch (error) {
      await file?.close();
      throw storeError(error, 'write', path);
    }
  }

  /** Where it is now: the target's path after `finish`. */
  get path(): string {
    return this.#path;
  }

  /** For threads that read by themselves. */
  get fd(): number {
    return this.#file.fd;
  }

  async read(piece: PieceIndex, begin: number, into: Uint8Array): Promise<void> {
    const offset = this.#pieces.pieceOffsetInFile(piece) + begin;
    try {
      for (let done = 0; done < into.length;) {
        const count = await this.#file.read(into.subarray(done), offset + done);
        if (count === 0) throw new StoreError('changed', `${printable(this.#path)} has become shorter`);
        done += count;
      }
    } catch (error) {
      throw storeError(error, 'read', this.#path);
    }
  }

  async write(piece: PieceIndex, bytes: Uint8Array): Promise<void> {
    this.#mustBeWhole(piece, bytes);
    const offset = this.#pieces.pieceOffsetInFile(piece);
    try {
      for (let done = 0; done < bytes.length;) {
        const count = await this.#file.write(bytes.subarray(done), offset + done);
        if (count === 0) throw new StoreError('failed', `cannot write ${printable(this.#path)}: nothing was taken`);
        done += count;
      }
    } catch (error) {
      throw storeError(error, 'write', this.#path);
    }
  }

  async #keep(threads: KeepThreads, piece: PieceIndex, bytes: Uint8Array, check: PieceCheck): Promise<boolean> {
    this.#mustBeWhole(piece, bytes);
    const { root, leafSlots, sha1, zeroBytes } = check;
    const offsetBytes = this.#pieces.pieceOffsetInFile(piece);
    try {
      return await threads.keep({ kind: 'keep', bytes, root, leafSlots, sha1, zeroBytes, fd: this.fd, offsetBytes });
    } catch (error) {
      throw storeError(error, 'write', this.#path);
    }
  }

  #mustBeWhole(piece: PieceIndex, bytes: Uint8Array): void {
    if (bytes.length !== this.#pieces.pieceSize(piece)) throw new Error(`piece ${piece} is not ${bytes.length} bytes`);
  }

  async sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (error) {
      throw storeError(error, 'sync', this.#path);
    }
  }

  /**
   * Puts everything on the disk and gives the file its name. Rejects with a `StoreError`, or with a `ShoalError` of
   * code TARGET_DIFFERS when something is there and `replace` is false; then all stays as it was.
   */
  async finish(target: string, options: { readonly replace: boolean }): Promise<void> {
    try {
      await this.#file.sync();
      const there = await this.#disk.status(target);
      if (there?.isDirectory) throw new StoreError('failed', `cannot write ${printable(target)}: it is a directory`);
      if (there !== undefined && !options.replace) {
        throw new ShoalError(
          'TARGET_DIFFERS',
          `${printable(target)} exists already; the download is complete as ${printable(this.#path)}, --force replaces`,
        );
      }
      await this.#disk.rename(this.#path, target);
      this.#path = target;
      await this.#disk.syncDirectory(dirname(target));
    } catch (error) {
      throw error instanceof ShoalError ? error : storeError(error, 'write', target);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
