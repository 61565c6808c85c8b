/** Hashes pieces where they lie on the disk. For hash threads: it reads synchronously. */
import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { BLOCK_BYTES, MIB } from '../base/limits.ts';
import type { PieceHashes } from '../base/piece-check.ts';
import { DIGEST_BYTES, foldRoot, leavesOf, sha256 } from '../content/merkle.ts';
import { type DiskPiece, type DiskSegment, ZEROS } from './hash-job.ts';
import { addZeros } from './sha1.ts';

/** A piece is read this much at a time; a multiple of a block, so that every part but the last is whole leaves. */
const READ_BYTES = MIB;

/** Made when the first piece is read, then kept. */
let buffer: Uint8Array | undefined;
const ZERO_BYTES = Buffer.alloc(READ_BYTES);
const zeroLeaf = sha256(ZERO_BYTES.subarray(0, BLOCK_BYTES));
/** Hashes of pieces of zeros. BOUNDED: content has whole pieces and last ones; emptied at 16. */
const zeroPieces = new Map<string, PieceHashes>();

/** The hashes of one piece; undefined when a file ends before the piece does. Holes are not hashed. */
export function hashOnDisk(piece: DiskPiece): PieceHashes | undefined {
  const { leafSlots, zeroBytes } = piece;
  let sizeBytes = 0;
  for (const segment of piece.segments) sizeBytes += segment.sizeBytes;
  buffer ??= new Uint8Array(READ_BYTES);
  const reader = new SegmentReader(piece.segments);
  const leaves = leafSlots === undefined ? undefined : new Uint8Array(leafBytesOf(sizeBytes));
  const sha1 = zeroBytes === undefined ? undefined : createHash('sha1');
  let onlyZeros = true;
  for (let done = 0; done < sizeBytes; done += READ_BYTES) {
    const part = buffer.subarray(0, Math.min(READ_BYTES, sizeBytes - done));
    if (!reader.fill(part)) return undefined;
    if (onlyZeros && isZero(part)) continue;
    if (onlyZeros) addZeroStart(leaves, sha1, done);
    onlyZeros = false;
    leaves?.set(leavesOf(part), leafBytesOf(done));
    sha1?.update(part);
  }
  if (onlyZeros) return zeroPiece(sizeBytes, piece);
  if (sha1 !== undefined) addZeros(sha1, zeroBytes!);
  return {
    root: leaves === undefined ? undefined : foldRoot(leaves, leafSlots!),
    sha1: sha1 === undefined ? undefined : new Uint8Array(sha1.digest()),
  };
}

const leafBytesOf = (sizeBytes: number): number => Math.ceil(sizeBytes / BLOCK_BYTES) * DIGEST_BYTES;

const isZero = (bytes: Uint8Array): boolean => ZERO_BYTES.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;

/** Segment after segment. */
class SegmentReader {
  readonly #segments: readonly DiskSegment[];
  #at = 0;
  #doneInSegment = 0;

  constructor(segments: readonly DiskSegment[]) {
    this.#segments = segments;
  }

  /** Fills `into`, which the segments must be long enough for; false when a file ends before. */
  fill(into: Uint8Array): boolean {
    for (let done = 0; done < into.length;) {
      const segment = this.#segments[this.#at]!;
      const wanted = Math.min(into.length - done, segment.sizeBytes - this.#doneInSegment);
      if (!readFully(segment, this.#doneInSegment, into.subarray(done, done + wanted))) return false;
      done += wanted;
      this.#doneInSegment += wanted;
      if (this.#doneInSegment < segment.sizeBytes) continue;
      this.#at++;
      this.#doneInSegment = 0;
    }
    return true;
  }
}

function readFully(segment: DiskSegment, from: number, into: Uint8Array): boolean {
  if (segment.fd === ZEROS) {
    into.fill(0);
    return true;
  }
  for (let done = 0; done < into.length;) {
    const count = readSync(segment.fd, into, done, into.length - done, segment.offsetBytes + from + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

/** What was passed over before the first byte that is no zero. */
function addZeroStart(leaves: Uint8Array | undefined, sha1: Hash | undefined, doneBytes: number): void {
  if (leaves !== undefined) fillZeroLeaves(leaves, leafBytesOf(doneBytes));
  if (sha1 !== undefined) addZeros(sha1, doneBytes);
}

function fillZeroLeaves(leaves: Uint8Array, end: number): void {
  for (let at = 0; at < end; at += DIGEST_BYTES) leaves.set(zeroLeaf, at);
}

function zeroPiece(sizeBytes: number, how: DiskPiece): PieceHashes {
  const { leafSlots, zeroBytes } = how;
  const key = `${sizeBytes}/${leafSlots}/${zeroBytes}`;
  const known = zeroPieces.get(key);
  if (known !== undefined) return known;
  const sha1 = zeroBytes === undefined ? undefined : createHash('sha1');
  if (sha1 !== undefined) addZeros(sha1, sizeBytes + zeroBytes!);
  const hashes = {
    root: leafSlots === undefined ? undefined : zeroRoot(sizeBytes, leafSlots),
    sha1: sha1 === undefined ? undefined : new Uint8Array(sha1.digest()),
  };
  if (zeroPieces.size >= 16) zeroPieces.clear();
  zeroPieces.set(key, hashes);
  return hashes;
}

function zeroRoot(sizeBytes: number, leafSlots: number): Uint8Array {
  const leaves = new Uint8Array(leafBytesOf(sizeBytes));
  const restBytes = sizeBytes % BLOCK_BYTES;
  fillZeroLeaves(leaves, leaves.length);
  if (restBytes > 0) leaves.set(sha256(ZERO_BYTES.subarray(0, restBytes)), leaves.length - DIGEST_BYTES);
  return foldRoot(leaves, leafSlots);
}
