/** A file that seeders share, and what may happen to it behind their back. Tests only. */
import { hash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { generate } from '../../common/fixtures/generate.ts';

/** Seconds since 1970. Long ago, so that hashes of the file are kept, and whole, so that it can be set again. */
const WRITTEN_AT = 1_700_000_000;

export class SharedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;

  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    this.sizeBytes = bytes.length;
    this.sha256 = hash('sha256', bytes);
    writeFileSync(path, bytes);
    this.#restoreTime();
  }

  /** Bytes of a stream of their own for each seed. */
  static of(path: string, sizeBytes: number, seed = 1): SharedFile {
    return new SharedFile(path, generate(sizeBytes, seed));
  }

  /** The same bytes in another file. */
  copy(path: string): SharedFile {
    return new SharedFile(path, readFileSync(this.path));
  }

  /** Inverts the byte at each offset. Size, modification time and inode stay: only a hash can tell. */
  damage(...offsets: readonly number[]): void {
    const file = openSync(this.path, 'r+');
    const byte = new Uint8Array(1);
    for (const offset of offsets) {
      readSync(file, byte, 0, 1, offset);
      byte[0]! ^= 0xff;
      writeSync(file, byte, 0, 1, offset);
    }
    closeSync(file);
    this.#restoreTime();
  }

  #restoreTime(): void {
    utimesSync(this.path, WRITTEN_AT, WRITTEN_AT);
  }
}

export const sha256Of = (path: string): string => hash('sha256', readFileSync(path));
