/**
 * A thread that hashes. It gets one job at a time by message and answers each, in order. Started by `hash-threads.ts`.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { leavesOf, rootOfBytes } from '../content/merkle.ts';
import { hashOnDisk } from './disk-piece.ts';
import { ANSWER_STRIDE, type HashAnswer, type HashJob, ROOT_AT, SHA1_AT } from './hash-job.ts';
import { keepPiece } from './kept-piece.ts';
import { sha1Of } from './sha1.ts';

const KEPT = Uint8Array.of(1);
const NOT_KEPT = new Uint8Array(0);

function answerTo(job: HashJob): Uint8Array {
  switch (job.kind) {
    case 'root':
      return rootOfBytes(job.bytes, job.leafSlots);
    case 'leaves':
      return leavesOf(job.bytes);
    case 'sha1':
      return sha1Of(job.bytes, job.zeroBytes);
    case 'keep':
      return keepPiece(job) ? KEPT : NOT_KEPT;
    case 'pieces': {
      const answers = new Uint8Array(job.pieces.length * ANSWER_STRIDE);
      for (const [index, piece] of job.pieces.entries()) {
        const hashes = hashOnDisk(piece);
        if (hashes === undefined) continue;
        const at = index * ANSWER_STRIDE;
        answers[at] = 1;
        if (hashes.root !== undefined) answers.set(hashes.root, at + ROOT_AT);
        if (hashes.sha1 !== undefined) answers.set(hashes.sha1, at + SHA1_AT);
      }
      return answers;
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
