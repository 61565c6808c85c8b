/**
 * A thread that hashes. It gets one job at a time by message and answers each, in order. Started by `hash-threads.ts`.
 */
import { readSync } from 'node:fs';
import { type MessagePort, parentPort } from 'node:worker_threads';
import type { Digest } from '../base/ids.ts';
import { BLOCK_BYTES, MIB } from '../base/limits.ts';
import { DIGEST_BYTES, foldRoot, leavesOf, rootOfBytes, sha256 } from '../content/merkle.ts';
import type { FilePiece, HashAnswer, HashJob } from './hash-job.ts';

/** A file is read this much at a time; a multiple of a block, so that every part but the last is whole leaves. */
const READ_BYTES = MIB;

/** Made when the first file is read, then kept. */
let buffer: Uint8Array | undefined;
const ZEROS = Buffer.alloc(READ_BYTES);
const zeroLeaf = sha256(ZEROS.subarray(0, BLOCK_BYTES));
/** Root of a piece of zeros by size and leaves. BOUNDED: a file has whole pieces and a last one; emptied at 16. */
const zeroRoots = new Map<string, Digest>();

const isZero = (bytes: Uint8Array): boolean => ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;

/** Fills `into`; false when the file ends before. */
function readFully(fd: number, offset: number, into: Uint8Array): boolean {
  for (let done = 0; done < into.length;) {
    const count = readSync(fd, into, done, into.length - done, offset + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

function fillZeroLeaves(leaves: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += DIGEST_BYTES) leaves.set(zeroLeaf, at);
}

function zeroRoot(sizeBytes: number, leafSlots: number): Digest {
  const key = `${sizeBytes}/${leafSlots}`;
  let root = zeroRoots.get(key);
  if (root === undefined) {
    const leaves = new Uint8Array(Math.ceil(sizeBytes / BLOCK_BYTES) * DIGEST_BYTES);
    const restBytes = sizeBytes % BLOCK_BYTES;
    fillZeroLeaves(leaves, 0, leaves.length);
    if (restBytes > 0) leaves.set(sha256(ZEROS.subarray(0, restBytes)), leaves.length - DIGEST_BYTES);
    root = foldRoot(leaves, leafSlots);
    if (zeroRoots.size >= 16) zeroRoots.clear();
    zeroRoots.set(key, root);
  }
  return root;
}

/** The root of one piece of a file; undefined when the file ends before the piece does. Holes are not hashed. */
function rootInFile(fd: number, piece: FilePiece): Digest | undefined {
  const { offsetBytes, sizeBytes, leafSlots } = piece;
  buffer ??= new Uint8Array(READ_BYTES);
  const leaves = new Uint8Array(Math.ceil(sizeBytes / BLOCK_BYTES) * DIGEST_BYTES);
  let onlyZeros = true;
  for (let done = 0; done < sizeBytes; done += READ_BYTES) {
    const part = buffer.subarray(0, Math.min(READ_BYTES, sizeBytes - done));
    if (!readFully(fd, offsetBytes + done, part)) return undefined;
    if (onlyZeros && isZero(part)) continue;
    const at = (done / BLOCK_BYTES) * DIGEST_BYTES;
    if (onlyZeros) fillZeroLeaves(leaves, 0, at);
    onlyZeros = false;
    leaves.set(leavesOf(part), at);
  }
  return onlyZeros ? zeroRoot(sizeBytes, leafSlots) : foldRoot(leaves, leafSlots);
}

function answerTo(job: HashJob): Uint8Array {
  switch (job.kind) {
    case 'root':
      return rootOfBytes(job.bytes, job.leafSlots);
    case 'leaves':
      return leavesOf(job.bytes);
    case 'file': {
      // A byte before each root says whether there was enough file for it.
      const stride = 1 + DIGEST_BYTES;
      const roots = new Uint8Array(job.pieces.length * stride);
      for (const [index, piece] of job.pieces.entries()) {
        const root = rootInFile(job.fd, piece);
        if (root === undefined) continue;
        roots[index * stride] = 1;
        roots.set(root, index * stride + 1);
      }
      return roots;
    }
    default:
      return job satisfies never;
  }
}

function serve(port: MessagePort): void {
  port.on('message', (job: HashJob) => {
    let answer: HashAnswer;
    try {
      answer = { ok: true, bytes: answerTo(job) };
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      answer = { ok: false, message, code };
    }
    port.postMessage(answer);
  });
}

if (parentPort !== null) serve(parentPort);
