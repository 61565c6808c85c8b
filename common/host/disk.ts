import { constants, readSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './errno.ts';

/** What tells one version of a file from another. Numbers that may exceed 2^53 are bigints. */
export interface FileIdentity {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly inode: bigint;
  readonly device: bigint;
}

export interface FileStatus extends FileIdentity {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isLink: boolean;
  /** Names the file has; 0 when it was deleted. */
  readonly links: number;
  /** Bytes that take room on the disk; fewer than `sizeBytes` when the file has holes. */
  readonly allocatedBytes: number;
}

/** An open file. Offsets are bytes, up to 2^53. Errors are the system's own, with `code` and `path`. */
export interface DiskFile {
  readonly fd: number;
  /** Bytes read, 0 at the end of the file; may be fewer than asked for. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** The same at once: the event loop waits for the disk. */
  readNow(into: Uint8Array, offset: number): number;
  /** Bytes written; may be fewer than given. */
  write(bytes: Uint8Array, offset: number): Promise<number>;
  status(): Promise<FileStatus>;
  truncate(sizeBytes: number): Promise<void>;
  /** Data, and as much about the file as reading it back takes. */
  datasync(): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The few file system calls that the program makes; a test puts failures in. */
export interface Disk {
  /** For reading. Never waits, as opening a named pipe would. */
  openToRead(path: string): Promise<DiskFile>;
  /** The same; refuses a symbolic link with ELOOP. */
  openOwn(path: string): Promise<DiskFile>;
  /** For reading and writing, made when absent. Refuses a symbolic link with ELOOP. */
  openToWrite(path: string): Promise<DiskFile>;
  /** Without following a link; undefined when there is nothing. */
  status(path: string): Promise<FileStatus | undefined>;
  /** What is in a directory. */
  names(path: string): Promise<readonly string[]>;
  /** Rejects with EEXIST when anything is there. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** No error when there is nothing. */
  remove(path: string): Promise<void>;
  /** A directory with all in it; links are removed, not followed. */
  removeTree(path: string): Promise<void>;
  /** Makes renames in a directory last. */
  syncDirectory(path: string): Promise<void>;
}

interface BigStats {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly nlink: bigint;
  readonly blocks: bigint;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

const statusOf = (stats: BigStats): FileStatus => ({
  sizeBytes: Number(stats.size),
  mtimeNs: stats.mtimeNs,
  inode: stats.ino,
  device: stats.dev,
  isFile: stats.isFile(),
  isDirectory: stats.isDirectory(),
  isLink: stats.isSymbolicLink(),
  links: Number(stats.nlink),
  allocatedBytes: Number(stats.blocks) * 512,
});

class RealFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get fd(): number {
    return this.#handle.fd;
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, offset)).bytesRead;
  }

  readNow(into: Uint8Array, offset: number): number {
    return readSync(this.#handle.fd, into, 0, into.length, offset);
  }

  async write(bytes: Uint8Array, offset: number): Promise<number> {
    return (await this.#handle.write(bytes, 0, bytes.length, offset)).bytesWritten;
  }

  async status(): Promise<FileStatus> {
    return statusOf(await this.#handle.stat({ bigint: true }));
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes);
  }

  datasync(): Promise<void> {
    return this.#handle.datasync();
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

// Windows knows neither flag.
const { O_RDONLY, O_RDWR, O_CREAT } = constants;
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;

/** File systems that cannot sync a directory say one of these; then there is nothing more to do. */
const NO_DIRECTORY_SYNC: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EACCES']);

export const realDisk: Disk = {
  openToRead: async (path) => new RealFile(await open(path, O_RDONLY | O_NONBLOCK)),
  openOwn: async (path) => new RealFile(await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)),
  openToWrite: async (path) => new RealFile(await open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666)),
  status: async (path) => {
    try {
      return statusOf(await lstat(path, { bigint: true }));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  names: (path) => readdir(path),
  makeDirectory: async (path) => {
    await mkdir(path);
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  removeTree: (path) => rm(path, { force: true, recursive: true }),
  syncDirectory: async (path) => {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, O_RDONLY);
      await handle.sync();
    } catch (error) {
      if (!NO_DIRECTORY_SYNC.has(errnoOf(error))) throw error;
    } finally {
      await handle?.close();
    }
  },
};

/** Bytes that the user may still write where `path` is or will be; undefined when the system does not say. */
export async function freeBytes(path: string): Promise<number | undefined> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const stats = await statfs(at, { bigint: true });
      return Number(stats.bavail * stats.bsize);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || at === dirname(at)) return undefined;
    }
  }
}
