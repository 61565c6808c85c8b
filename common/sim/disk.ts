import type { PieceIndex } from '../base/ids.ts';
import { StoreError, type StoreFailure } from '../base/ports.ts';
import type { SeededRandom } from './random.ts';

/** A file takes room in units of this, where something was written; the rest of it is holes. */
const CLUSTER_BYTES = 4_096;

/** The bytes of a file, and which of them were ever written. */
export class SimFile {
  bytes: Uint8Array = new Uint8Array(0);
  readonly #clusters = new Set<number>();
  /** Stretches that a loss of power may take back. BOUNDED: by the writes since the last `sync`. */
  #unsynced: { readonly offset: number; readonly length: number }[] = [];

  /** Cut, or made longer by holes. */
  resize(sizeBytes: number): void {
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(this.bytes.subarray(0, sizeBytes));
    this.bytes = bytes;
    for (const cluster of this.#clusters) if (cluster * CLUSTER_BYTES >= sizeBytes) this.#clusters.delete(cluster);
  }

  get storedBytes(): number {
    return this.#clusters.size * CLUSTER_BYTES;
  }

  /** Room that writing there takes, beyond what the file has. */
  growthOf(offset: number, length: number): number {
    let count = 0;
    for (const cluster of clustersOf(offset, length)) if (!this.#clusters.has(cluster)) count++;
    return count * CLUSTER_BYTES;
  }

  put(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
    for (const cluster of clustersOf(offset, bytes.length)) this.#clusters.add(cluster);
    this.#unsynced.push({ offset, length: bytes.length });
  }

  sync(): void {
    this.#unsynced = [];
  }

  /** Each write since the last `sync` is lost, or not: half of them by chance. */
  forgetUnsynced(random: SeededRandom): void {
    for (const { offset, length } of this.#unsynced.splice(0)) {
      if (random.chance(0.5)) this.bytes.fill(0, offset, offset + length);
    }
  }
}

function* clustersOf(offset: number, length: number): Generator<number> {
  const last = Math.floor((offset + length - 1) / CLUSTER_BYTES);
  for (let cluster = Math.floor(offset / CLUSTER_BYTES); cluster <= last; cluster++) yield cluster;
}

/** A write that the program has asked for and that is not done. */
export interface UnderWay {
  readonly file: SimFile;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Told of each piece that a program has written, when the write is done. */
export type PieceWatcher = (path: string, piece: PieceIndex, bytes: Uint8Array) => void;

/**
 * A volume: files, notes and locks that outlive the programs that use them. It can be full, fail, and lose its power.
 *
 * BOUNDED: by the content that is written to it.
 */
export class SimDisk {
  /** By path. */
  readonly files = new Map<string, SimFile>();
  /** By path, as JSON; undefined for one that is torn: there, and worth nothing. */
  readonly notes = new Map<string, string | undefined>();
  /** Paths that a living program has locked. */
  readonly locks = new Set<string>();
  readonly underWay = new Set<UnderWay>();
  /** Bytes that can still be written where there was nothing. */
  roomBytes = Number.POSITIVE_INFINITY;
  /** All writes fail with it from now on; undefined: they work. */
  writeFailure: StoreFailure | undefined;
  readFailure: StoreFailure | undefined;
  /** Time for one operation. */
  delayMs: number;
  /** What was done with it. */
  readonly done = { writes: 0, writtenBytes: 0, reads: 0, checks: 0 };
  onPiece: PieceWatcher = () => {};

  constructor(options: { readonly delayMs: number }) {
    this.delayMs = options.delayMs;
  }

  newFile(): SimFile {
    return new SimFile();
  }

  /** Writes where there is room. Throws a `StoreError` as the disk's mood is. */
  put(file: SimFile, offset: number, bytes: Uint8Array): void {
    this.mayWrite();
    const growth = file.growthOf(offset, bytes.length);
    if (growth > this.roomBytes) throw new StoreError('full', 'no space left on the simulated disk');
    this.roomBytes -= growth;
    file.put(offset, bytes);
    this.done.writes++;
    this.done.writtenBytes += bytes.length;
  }

  putNote(path: string, text: string): void {
    this.mayWrite();
    if (this.roomBytes < text.length) throw new StoreError('full', 'no space left on the simulated disk');
    this.notes.set(path, text);
  }

  mayWrite(): void {
    if (this.writeFailure !== undefined) {
      throw new StoreError(this.writeFailure, 'the simulated disk cannot be written');
    }
  }

  mayRead(): void {
    if (this.readFailure !== undefined) throw new StoreError(this.readFailure, 'the simulated disk cannot be read');
  }

  /** Removes a file and a note of this name, if there are any, and gives back their room. */
  remove(path: string): void {
    this.mayWrite();
    this.roomBytes += this.files.get(path)?.storedBytes ?? 0;
    this.files.delete(path);
    this.notes.delete(path);
  }

  rename(from: string, to: string): void {
    this.mayWrite();
    this.roomBytes += this.files.get(to)?.storedBytes ?? 0;
    this.files.set(to, this.files.get(from)!);
    this.files.delete(from);
  }

  /**
   * The programs that use it die at this moment. A write that was under way has got any part of its way. Their locks
   * are void. With the power gone, what was not synced may be lost, and a note be torn or the one from before.
   */
  crash(random: SeededRandom, options: { readonly losesPower: boolean }): void {
    for (const { file, offset, bytes } of this.underWay) {
      file.put(offset, bytes.slice(0, random.below(bytes.length + 1)));
    }
    this.underWay.clear();
    this.locks.clear();
    if (!options.losesPower) return;
    for (const file of this.files.values()) file.forgetUnsynced(random);
    for (const path of this.notes.keys()) {
      const fate = random.below(3);
      if (fate === 0) this.notes.set(path, undefined);
      else if (fate === 1) this.notes.delete(path);
    }
  }
}
