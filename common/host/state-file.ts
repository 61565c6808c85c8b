import { hash } from 'node:crypto';
import { utf8, utf8Text } from '../base/bytes.ts';
import { MIB } from '../base/limits.ts';
import type { Disk } from './disk.ts';
import { readWholeFile, replaceFile } from './replace-file.ts';
import { storeError } from './store-error.ts';

const FORMAT = 'shoal state 1';
/** A bit for each of 2^21 pieces takes 350 KB. */
const MAX_STATE_BYTES = 16 * MIB;

/**
 * A JSON value that survives a crash at any instant: what is read back is what was last saved, or what was saved before
 * that, never a mixture. A checksum inside tells; whatever does not match counts as absent.
 */
export class StateFile {
  readonly path: string;
  readonly #disk: Disk;
  /** BOUNDED: one being written, one waiting; a later one takes the place of the one that waits. */
  #waiting: { readonly text: string } | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: { readonly path: string; readonly disk: Disk }) {
    this.path = options.path;
    this.#disk = options.disk;
  }

  /** What was saved; undefined when there is nothing, it is torn, or it is somebody else's. Rejects with a `StoreError`. */
  async read(): Promise<unknown> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await readWholeFile(this.#disk, this.path, MAX_STATE_BYTES);
    } catch (error) {
      throw storeError(error, 'read', this.path);
    }
    const text = bytes === undefined ? undefined : utf8Text(bytes);
    return text === undefined ? undefined : openEnvelope(text);
  }

  /** Resolves when this state, or a later one, is on the disk. Rejects with a `StoreError`; the old state is then kept. */
  async save(state: unknown): Promise<void> {
    this.#waiting = { text: envelope(state) };
    try {
      // Whoever waits shares the next writing, which takes the latest state.
      while (this.#waiting !== undefined) {
        this.#writing ??= this.#write();
        await this.#writing;
      }
    } catch (error) {
      throw storeError(error, 'write', this.path);
    }
  }

  /** Rejects with a `StoreError`. */
  async remove(): Promise<void> {
    await this.#writing?.catch(() => {});
    try {
      await this.#disk.remove(this.path);
    } catch (error) {
      throw storeError(error, 'remove', this.path);
    }
  }

  async #write(): Promise<void> {
    const { text } = this.#waiting!;
    this.#waiting = undefined;
    try {
      const { path } = this;
      await replaceFile({ disk: this.#disk, path, temporaryPath: `${path}.new`, parts: [utf8(text)] });
    } finally {
      this.#writing = undefined;
    }
  }
}

/** JSON is written again the same way when it is read, so the checksum can stand beside what it covers. */
function envelope(state: unknown): string {
  const text = JSON.stringify(state);
  return `{"format":"${FORMAT}","sha256":"${hash('sha256', text)}","state":${text}}\n`;
}

function openEnvelope(text: string): unknown {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null) return undefined;
  const { format, sha256, state } = found as Readonly<Record<string, unknown>>;
  if (format !== FORMAT || state === undefined) return undefined;
  return sha256 === hash('sha256', JSON.stringify(state)) ? state : undefined;
}
