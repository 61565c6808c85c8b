import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';

/**
 * Puts `parts`, one after the other, under `path` so that at any instant, power loss included, either the old content or the new is there,
 * whole: a new file, synced, renamed over the old one. Errors are the system's own; then the new file is removed.
 */
export async function replaceFile(options: {
  readonly disk: Disk;
  readonly path: string;
  /** Where the new file grows; nobody else uses it. */
  readonly temporaryPath: string;
  readonly parts: readonly Uint8Array[];
}): Promise<void> {
  const { disk, path, temporaryPath, parts } = options;
  let file: DiskFile | undefined;
  try {
    file = await disk.openToWrite(temporaryPath);
    await file.truncate(0);
    let at = 0;
    for (const part of parts) {
      await writeAll(file, part, at);
      at += part.length;
    }
    await file.sync();
    await file.close();
    file = undefined;
    await disk.rename(temporaryPath, path);
  } catch (error) {
    await file?.close().catch(() => {});
    await disk.remove(temporaryPath).catch(() => {});
    throw error;
  }
  await disk.syncDirectory(dirname(path));
}

async function writeAll(file: DiskFile, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const count = await file.write(bytes.subarray(done), at + done);
    if (count === 0) throw new Error('the disk took nothing');
    done += count;
  }
}

/** All of a regular file; undefined when it is absent, no regular file, or larger than `maxBytes`. */
export async function readWholeFile(disk: Disk, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  if ((await disk.status(path))?.isFile !== true) return undefined;
  const file = await disk.openToRead(path);
  try {
    const status = await file.status();
    if (!status.isFile || status.sizeBytes > maxBytes) return undefined;
    const bytes = new Uint8Array(status.sizeBytes);
    for (let done = 0; done < bytes.length;) {
      const count = await file.read(bytes.subarray(done), done);
      if (count === 0) return undefined;
      done += count;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
