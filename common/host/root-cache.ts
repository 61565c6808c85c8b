import { createHash, hash, randomBytes } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { equalBytes, toHex, utf8 } from '../base/bytes.ts';
import { MAX_PIECES, MIB } from '../base/limits.ts';
import type { Log } from '../base/ports.ts';
import { type Disk, type FileIdentity } from './disk.ts';
import { readWholeFile, replaceFile } from './replace-file.ts';

const DIGEST_BYTES = 32;
const SHA1_BYTES = 20;
const DAY_MS = 86_400_000;
/** An entry that was not used this long goes. */
const MAX_AGE_MS = 90 * DAY_MS;
const MAX_ENTRIES = 512;
const MAX_TOTAL_BYTES = 1024 * MIB;
const MAX_ENTRY_BYTES = MAX_PIECES * (DIGEST_BYTES + SHA1_BYTES) + 64 * 1024;
/** A file that was written to just now may be again, without a change of its time: it is not remembered yet. */
const SETTLED_MS = 2_000;
const ENTRY = '.roots';

/** What the hashes are of. */
export interface RootKey {
  /** In the order of their pieces. */
  readonly files: readonly { readonly path: string; readonly identity: FileIdentity }[];
  readonly pieceBytes: number;
  /** How pieces lie over the files and which hashes they have, in a word. */
  readonly layout: string;
}

/**
 * The hashes of all pieces of shared files, so that a seeder that starts again need not read them again. Only a
 * convenience: whatever goes wrong, the files are hashed once more. An entry holds for exactly these files, of exactly
 * one size, modification time and inode each.
 *
 * BOUNDED: by MAX_ENTRIES, MAX_TOTAL_BYTES and MAX_AGE_MS, looked after whenever an entry is written.
 */
export class RootCache {
  /** Undefined where there is no place for a cache. */
  readonly #directory: string | undefined;
  readonly #disk: Disk;
  readonly #log: Log;
  /** Wall clock, as files have it. */
  readonly #wallMs: () => number;

  constructor(options: {
    readonly directory: string | undefined;
    readonly disk: Disk;
    readonly log: Log;
    readonly wallMs: () => number;
  }) {
    this.#directory = options.directory;
    this.#disk = options.disk;
    this.#log = options.log;
    this.#wallMs = options.wallMs;
  }

  /** The hashes of all pieces, so many bytes, or undefined when they are not known. Never rejects. */
  async read(key: RootKey, sizeBytes: number): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(key);
    if (path === undefined) return undefined;
    try {
      const entry = await readWholeFile(this.#disk, path, MAX_ENTRY_BYTES);
      const roots = entry === undefined ? undefined : openEntry(entry, headerOf(key));
      if (roots?.length !== sizeBytes) return undefined;
      const now = new Date(this.#wallMs());
      await utimes(path, now, now);
      return roots;
    } catch (error) {
      this.#log.debug('piece hashes were not read from the cache', { why: (error as Error).message });
      return undefined;
    }
  }

  /** Remembers the hashes, one part after the other, and forgets old entries. Never rejects. */
  async write(key: RootKey, hashes: readonly Uint8Array[]): Promise<void> {
    const path = this.#pathOf(key);
    const ageMs = this.#wallMs() - youngestMs(key);
    if (path === undefined || ageMs < SETTLED_MS) return;
    try {
      // Of the largest content the hashes take 100 MiB: they are written from where they are.
      const content = [headerOf(key), ...hashes];
      const digest = createHash('sha256');
      for (const part of content) digest.update(part);
      const temporaryPath = `${path}.${toHex(randomBytes(6))}.new`;
      await replaceFile({ disk: this.#disk, path, temporaryPath, parts: [...content, digest.digest()] });
      await this.#prune(path);
    } catch (error) {
      this.#log.debug('piece hashes were not written to the cache', { why: (error as Error).message });
    }
  }

  #pathOf(key: RootKey): string | undefined {
    if (this.#directory === undefined) return undefined;
    const paths = key.files.map(({ path }) => resolve(path));
    const name = hash('sha256', JSON.stringify([paths, key.pieceBytes, key.layout])).slice(0, 40);
    return join(this.#directory, `${name}${ENTRY}`);
  }

  /** Removes what is old, then the oldest until the rest fits; never the one just written. */
  async #prune(justWritten: string): Promise<void> {
    const now = this.#wallMs();
    const entries: { readonly path: string; readonly usedAtMs: number; readonly sizeBytes: number }[] = [];
    for (const name of await readdir(this.#directory!)) {
      const path = join(this.#directory!, name);
      if (path === justWritten || !(name.endsWith(ENTRY) || name.endsWith('.new'))) continue;
      const found = await stat(path).catch(() => undefined);
      if (found === undefined) continue;
      const maxAgeMs = name.endsWith(ENTRY) ? MAX_AGE_MS : DAY_MS;
      if (now - found.mtimeMs > maxAgeMs) await rm(path, { force: true });
      else if (name.endsWith(ENTRY)) entries.push({ path, usedAtMs: found.mtimeMs, sizeBytes: found.size });
    }
    entries.sort((a, b) => b.usedAtMs - a.usedAtMs);
    let totalBytes = 0;
    for (const [index, entry] of entries.entries()) {
      totalBytes += entry.sizeBytes;
      if (index + 1 >= MAX_ENTRIES || totalBytes > MAX_TOTAL_BYTES) await rm(entry.path, { force: true });
    }
  }
}

/** Everything that must be the same for an entry to hold. Ends where the roots begin. */
function headerOf(key: RootKey): Uint8Array {
  const content = createHash('sha256');
  for (const { path, identity } of key.files) {
    const { sizeBytes, mtimeNs, inode, device } = identity;
    content.update(`${JSON.stringify([resolve(path), sizeBytes, `${mtimeNs}`, `${inode}`, `${device}`])}\n`);
  }
  return utf8(`shoal piece hashes 2\n${JSON.stringify([content.digest('hex'), key.pieceBytes, key.layout])}\n`);
}

/** When the file that was written to last was written to. */
const youngestMs = (key: RootKey): number =>
  key.files.reduce((latest, { identity }) => Math.max(latest, Number(identity.mtimeNs / 1_000_000n)), 0);

function openEntry(entry: Uint8Array, header: Uint8Array): Uint8Array | undefined {
  const end = entry.length - DIGEST_BYTES;
  if (end < header.length || !equalBytes(entry.subarray(0, header.length), header)) return undefined;
  if (!equalBytes(hash('sha256', entry.subarray(0, end), 'buffer'), entry.subarray(end))) return undefined;
  return entry.subarray(header.length, end);
}
