import { Bitfield } from '../base/bitfield.ts';
import { ShoalError } from '../base/errors.ts';
import { after, type PieceIndex, pieceIndex } from '../base/ids.ts';
import type { PieceCheck } from '../base/piece-check.ts';
import { type Clock, StoreError } from '../base/ports.ts';
import type { FinishedStore, PartStore, PiecePlaces, TargetFiles } from '../base/target-ports.ts';
import type { SimDisk, SimFile, UnderWay } from './disk.ts';
import { isRight } from './piece-hash.ts';

/** What a read fills while it is under way: bytes that are looked at too early are wrong. */
const NOT_YET = 0xdb;

/** Does the work after the disk's time, unless the program has died by then. */
function later<T>(clock: Clock, disk: SimDisk, work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    clock.at(after(clock.now(), disk.delayMs), () => {
      try {
        resolve(work());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

/** A simulated disk as one program sees it, for content of one file. With the program dies what it waits for. */
export class SimTargetFiles implements TargetFiles {
  readonly #clock: Clock;
  readonly #disk: SimDisk;
  readonly #directory: string;

  constructor(options: {
    /** The program's own. */
    readonly clock: Clock;
    readonly disk: SimDisk;
    /** Where content goes. */
    readonly directory: string;
  }) {
    this.#clock = options.clock;
    this.#disk = options.disk;
    this.#directory = options.directory;
  }

  pathFor(name: string): Promise<string> {
    return this.#later(() => `${this.#directory}/${name}`);
  }

  kindOf(path: string): Promise<'none' | 'file'> {
    return this.#later(() => (this.#disk.files.has(path) ? 'file' : 'none'));
  }

  sizeOf(path: string, places: PiecePlaces): Promise<{ readonly fits: boolean; readonly storedBytes: number }> {
    return this.#later(() => {
      const file = this.#disk.files.get(path);
      return { fits: file?.bytes.length === places.totalBytes, storedBytes: file?.storedBytes ?? 0 };
    });
  }

  heldFiles(): Promise<undefined> {
    return this.#later(() => undefined);
  }

  rename(): Promise<void> {
    return Promise.reject(new Error('there are no directories'));
  }

  freeBytes(): Promise<number> {
    return this.#later(() => this.#disk.roomBytes);
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.#later(() => {
      if (this.#disk.locks.has(path)) throw new ShoalError('DOWNLOAD_LOCKED', `${path} is being downloaded already`);
      this.#disk.locks.add(path);
      return () => this.#later(() => void this.#disk.locks.delete(path));
    });
  }

  openPart(path: string, places: PiecePlaces): Promise<PartStore> {
    return this.#later(() => {
      this.#disk.mayWrite();
      let file = this.#disk.files.get(path);
      if (file === undefined) this.#disk.files.set(path, (file = this.#disk.newFile()));
      if (file.bytes.length !== places.totalBytes) file.resize(places.totalBytes);
      return new SimPartStore({ clock: this.#clock, disk: this.#disk, file, path, places });
    });
  }

  openFinished(path: string, places: PiecePlaces): Promise<FinishedStore> {
    return this.#later(() => {
      const file = this.#disk.files.get(path);
      if (file?.bytes.length !== places.totalBytes) throw new StoreError('changed', `${path} is not what it was`);
      return new SimPartStore({ clock: this.#clock, disk: this.#disk, file, path, places });
    });
  }

  async check(
    path: string,
    places: PiecePlaces,
    checkOf: (piece: PieceIndex) => PieceCheck,
    onChecked: (bytes: number) => void,
  ): Promise<Bitfield> {
    const right = new Bitfield(places.pieceCount);
    this.#disk.done.checks++;
    for (let i = 0; i < places.pieceCount; i++) {
      const piece = pieceIndex(i);
      await this.#later(() => {
        this.#disk.mayRead();
        const offset = places.pieceOffsetInFile(piece);
        const sizeBytes = places.pieceSize(piece);
        const bytes = this.#disk.files.get(path)?.bytes.subarray(offset, offset + sizeBytes);
        if (bytes?.length !== sizeBytes) return;
        if (isRight(bytes, checkOf(piece))) right.add(piece);
      });
      onChecked(places.pieceSize(piece));
    }
    return right;
  }

  readState(path: string): Promise<unknown> {
    return this.#later(() => {
      this.#disk.mayRead();
      const text = this.#disk.notes.get(path);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    });
  }

  writeState(path: string, state: object): Promise<void> {
    const text = JSON.stringify(state);
    return this.#later(() => this.#disk.putNote(path, text));
  }

  remove(path: string): Promise<void> {
    return this.#later(() => this.#disk.remove(path));
  }

  #later<T>(work: () => T): Promise<T> {
    return later(this.#clock, this.#disk, work);
  }
}

/** A part file. A write takes the bytes as they are when it is done, so who changes them meanwhile is found out. */
class SimPartStore implements PartStore, FinishedStore {
  readonly #clock: Clock;
  readonly #disk: SimDisk;
  readonly #file: SimFile;
  readonly #places: PiecePlaces;
  #path: string;
  #isClosed = false;

  constructor(options: {
    readonly clock: Clock;
    readonly disk: SimDisk;
    readonly file: SimFile;
    readonly path: string;
    readonly places: PiecePlaces;
  }) {
    this.#clock = options.clock;
    this.#disk = options.disk;
    this.#file = options.file;
    this.#path = options.path;
    this.#places = options.places;
  }

  read(piece: PieceIndex, begin: number, into: Uint8Array): Promise<void> {
    into.fill(NOT_YET);
    return this.#later(() => {
      this.#disk.mayRead();
      const offset = this.#places.pieceOffsetInFile(piece) + begin;
      const bytes = this.#file.bytes.subarray(offset, offset + into.length);
      if (bytes.length !== into.length) throw new StoreError('changed', `${this.#path} has become shorter`);
      into.set(bytes);
      this.#disk.done.reads++;
    });
  }

  async write(piece: PieceIndex, bytes: Uint8Array): Promise<void> {
    if (bytes.length !== this.#places.pieceSize(piece)) throw new Error(`piece ${piece} is not ${bytes.length} bytes`);
    const offset = this.#places.pieceOffsetInFile(piece);
    const underWay: UnderWay = { file: this.#file, offset, bytes };
    this.#disk.underWay.add(underWay);
    await this.#later(() => {
      this.#disk.underWay.delete(underWay);
      this.#disk.put(this.#file, offset, bytes);
      this.#disk.onPiece(this.#path, piece, bytes);
    });
  }

  sync(): Promise<void> {
    return this.#later(() => {
      this.#disk.mayWrite();
      this.#file.sync();
    });
  }

  finish(path: string, options: { readonly replace: boolean }): Promise<void> {
    return this.#later(() => {
      if (this.#disk.files.has(path) && !options.replace) {
        throw new ShoalError('TARGET_DIFFERS', `${path} exists already`);
      }
      this.#disk.rename(this.#path, path);
      this.#file.sync();
      this.#path = path;
    });
  }

  check(): Promise<void> {
    return this.#later(() => {
      if (this.#disk.files.get(this.#path) !== this.#file)
        throw new StoreError('changed', `${this.#path} was replaced`);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #later<T>(work: () => T): Promise<T> {
    return later(this.#clock, this.#disk, () => {
      if (this.#isClosed) throw new StoreError('failed', `${this.#path} is closed`);
      return work();
    });
  }
}
