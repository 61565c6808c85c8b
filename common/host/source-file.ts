import { type Clock, StoreError } from '../base/ports.ts';
import type { Disk, DiskFile, FileIdentity, FileStatus } from './disk.ts';
import { printable } from './escape.ts';
import { storeError } from './store-error.ts';

/** How long a look at size and modification time stays good while pieces are read. */
const CHECK_INTERVAL_MS = 500;

/**
 * A file that is shared as it is. It must stay as it was when it was opened: size, modification time, inode. Peers
 * check what they get, but a changed file would waste their time and earn us a ban.
 */
export class SourceFile {
  readonly path: string;
  readonly identity: FileIdentity;
  readonly #file: DiskFile;
  readonly #clock: Pick<Clock, 'now'>;
  #checkedAt: number;
  #failure: StoreError | undefined;

  private constructor(options: {
    readonly path: string;
    readonly file: DiskFile;
    readonly identity: FileIdentity;
    readonly clock: Pick<Clock, 'now'>;
  }) {
    this.path = options.path;
    this.identity = options.identity;
    this.#file = options.file;
    this.#clock = options.clock;
    this.#checkedAt = options.clock.now();
  }

  /** Opens a regular file; the one that `identity` says, where that is known. Rejects with a `StoreError`. */
  static async open(options: {
    readonly path: string;
    readonly identity?: FileIdentity;
    readonly disk: Disk;
    readonly clock: Pick<Clock, 'now'>;
  }): Promise<SourceFile> {
    const { path, disk, clock } = options;
    let file: DiskFile | undefined;
    try {
      file = await disk.openToRead(path);
      const status = await file.status();
      if (!status.isFile) throw new StoreError('failed', `cannot share ${printable(path)}: it is not a regular file`);
      const { sizeBytes, mtimeNs, inode, device } = status;
      const identity = options.identity ?? { sizeBytes, mtimeNs, inode, device };
      const source = new SourceFile({ path, file, clock, identity });
      source.#compare(status);
      return source;
    } catch (error) {
      await file?.close();
      throw storeError(error, 'open', path);
    }
  }

  /** For threads that read by themselves. */
  get fd(): number {
    return this.#file.fd;
  }

  /** Fills `into` from `offset`. Rejects with a `StoreError`: `changed` when the file is not what it was. */
  async read(offset: number, into: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      for (let done = 0; done < into.length;) {
        const count = await this.#file.read(into.subarray(done), offset + done);
        if (count === 0) throw this.#changed('it has become shorter');
        done += count;
      }
    } catch (error) {
      throw storeError(error, 'read', this.path);
    }
    if (this.#clock.now() - this.#checkedAt >= CHECK_INTERVAL_MS) await this.check();
  }

  /**
   * The same before it returns; false when the file should be looked at first, which `read` does. Throws a `StoreError`.
   * The caller knows that the disk is quick.
   */
  readNow(offset: number, into: Uint8Array): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#clock.now() - this.#checkedAt >= CHECK_INTERVAL_MS) return false;
    try {
      for (let done = 0; done < into.length;) {
        const count = this.#file.readNow(into.subarray(done), offset + done);
        if (count === 0) throw this.#changed('it has become shorter');
        done += count;
      }
    } catch (error) {
      throw storeError(error, 'read', this.path);
    }
    return true;
  }

  /** Looks whether the file is still what it was. Rejects with a `StoreError`; from then on, so does every read. */
  async check(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#checkedAt = this.#clock.now();
    let now: FileStatus;
    try {
      now = await this.#file.status();
    } catch (error) {
      throw storeError(error, 'look at', this.path);
    }
    this.#compare(now);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #compare(now: FileStatus): void {
    if (now.links === 0) throw this.#changed('it was deleted or replaced');
    if (now.sizeBytes !== this.identity.sizeBytes) {
      throw this.#changed(`its size was ${this.identity.sizeBytes} bytes and is ${now.sizeBytes}`);
    }
    if (now.mtimeNs !== this.identity.mtimeNs) throw this.#changed('its modification time is another');
    if (now.inode !== this.identity.inode || now.device !== this.identity.device) {
      throw this.#changed('it was replaced by another file');
    }
  }

  #changed(how: string): StoreError {
    this.#failure ??= new StoreError('changed', `${printable(this.path)} has changed since it was opened: ${how}`);
    return this.#failure;
  }
}
