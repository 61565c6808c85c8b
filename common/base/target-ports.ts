/** The disk as a download sees it. Implemented by the host; a simulation brings its own. All paths are absolute. */
import type { Bitfield } from './bitfield.ts';
import type { PieceIndex } from './ids.ts';
import type { PieceCheck } from './piece-check.ts';
import type { PieceStore } from './ports.ts';

/** A file of the content. */
export interface PlacedFile {
  /** Its position among the files. */
  readonly index: number;
  /** Harmless names, from the top of the content down to the file itself. */
  readonly path: readonly string[];
  /** As they are given in the torrent, where that is something else. */
  readonly rawPath?: readonly Uint8Array[] | undefined;
  readonly lengthBytes: number;
  /** Zeros that are nowhere stored (BEP 47). */
  readonly isPad: boolean;
}

/** Part of a piece: bytes of one file. */
export interface FileSegment {
  readonly file: PlacedFile;
  readonly offsetInFile: number;
  readonly lengthBytes: number;
}

/** Where pieces lie in files. `Geometry` is one. */
export interface PiecePlaces {
  readonly pieceCount: number;
  readonly totalBytes: number;
  readonly files: readonly PlacedFile[];
  pieceSize(piece: PieceIndex): number;
  /** Where it begins in its first file. */
  pieceOffsetInFile(piece: PieceIndex): number;
  /** In order; more than one only where a v1 piece holds several files. */
  segmentsOf(piece: PieceIndex): readonly FileSegment[];
}

/** How content lies under its path. */
export interface TargetShape {
  /** The files go into a directory of that path; otherwise there is one file, and the path is its own. */
  readonly isDirectory: boolean;
  /** What is not chosen is never made; a piece that reaches into it is not whole on the disk. */
  isChosen(file: PlacedFile): boolean;
}

/** A part file, or a directory with the files of the content in it. */
export interface PartStore extends PieceStore {
  /**
   * Puts everything on the disk and gives the whole its name in one step. Rejects with TARGET_DIFFERS when something is
   * there and `replace` is false; a directory that is replaced is kept beside it under another name.
   */
  finish(path: string, options: { readonly replace: boolean }): Promise<void>;
}

/** What is finished, to be served from; it must stay as it was when it was opened. Never written to. */
export interface FinishedStore extends PieceStore {
  /** Looks whether it is still what it was. Rejects with a `StoreError`: `changed`, and from then on so does every read. */
  check(): Promise<void>;
}

/** Failures are `ShoalError`s or `StoreError`s that name the path. */
export interface TargetFiles {
  /**
   * Where content of this name is to go. A directory that is given for a directory takes it in, unless it is that very
   * content: then the same command has the same place again.
   */
  pathFor(name: string, places: PiecePlaces, shape: TargetShape): Promise<string>;
  kindOf(path: string): Promise<'none' | 'file' | 'directory' | 'other'>;
  /** Whether every chosen file is there in its size, and the bytes that are really on the disk: fewer with holes. */
  sizeOf(
    path: string,
    places: PiecePlaces,
    shape: TargetShape,
  ): Promise<{ readonly fits: boolean; readonly storedBytes: number }>;
  /**
   * Of a directory: positions of the files of the content that lie there in their sizes, chosen or not. Undefined when
   * anything else lies there too: then it is somebody's own.
   */
  heldFiles(path: string, places: PiecePlaces): Promise<ReadonlySet<number> | undefined>;
  /** Gives a directory another name, at which there is nothing. */
  rename(path: string, to: string): Promise<void>;
  /** Room on the volume of a path, whose directory exists. */
  freeBytes(path: string): Promise<number>;
  /** Rejects with DOWNLOAD_LOCKED when another process has it; the result lets go of it. */
  lock(path: string): Promise<() => Promise<void>>;
  openPart(path: string, places: PiecePlaces, shape: TargetShape): Promise<PartStore>;
  /** A finished file, or directory. Rejects with a `StoreError`: `changed` when a chosen file is not there in its size. */
  openFinished(path: string, places: PiecePlaces, shape: TargetShape): Promise<FinishedStore>;
  /** Which pieces are what they should be. A file that is too short lacks its last ones. */
  check(
    path: string,
    places: PiecePlaces,
    checkOf: (piece: PieceIndex) => PieceCheck,
    onChecked: (bytes: number) => void,
    shape: TargetShape,
  ): Promise<Bitfield>;
  /** The note beside a part file, or undefined when there is none that is whole. */
  readState(path: string): Promise<unknown>;
  /** Replaces the note in one step. */
  writeState(path: string, state: object): Promise<void>;
  /** Removes a note, a part file, or a directory of part files; not an error when there is none. */
  remove(path: string): Promise<void>;
}
