import { StoreError } from '../base/ports.ts';
import type { FileSegment, PlacedFile } from '../base/target-ports.ts';

/** Bytes of a piece that lie together in one file. */
export interface FileSlice {
  readonly file: PlacedFile;
  readonly offsetInFile: number;
  /** A view of the caller's bytes. */
  readonly bytes: Uint8Array;
}

/** The bytes of a piece from `begin`, file by file. Throws a `StoreError` when the piece has fewer. */
export function* slicesOf(segments: Iterable<FileSegment>, begin: number, bytes: Uint8Array): Generator<FileSlice> {
  let skipBytes = begin;
  let done = 0;
  for (const { file, offsetInFile, lengthBytes } of segments) {
    if (done === bytes.length) return;
    if (skipBytes >= lengthBytes) {
      skipBytes -= lengthBytes;
      continue;
    }
    const count = Math.min(lengthBytes - skipBytes, bytes.length - done);
    yield { file, offsetInFile: offsetInFile + skipBytes, bytes: bytes.subarray(done, done + count) };
    skipBytes = 0;
    done += count;
  }
  if (done < bytes.length) throw new StoreError('changed', 'there are fewer bytes in the piece than were asked for');
}
