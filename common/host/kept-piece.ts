/** Verifies a piece in memory and writes it. */
import { write, writeSync } from 'node:fs';
import { isAsItShould } from '../base/piece-check.ts';
import { rootOfBytes } from '../content/merkle.ts';
import type { KeepJob } from './hash-job.ts';
import { sha1Of } from './sha1.ts';

/**
 * For hash threads: it writes synchronously. False when the bytes are not the piece; nothing is written then. Throws the
 * system's errors.
 *
 * The bytes are written where they were hashed, while they are in the cache of that processor.
 */
export function keepPiece(job: KeepJob): boolean {
  if (!isRightPiece(job)) return false;
  writeFully(job);
  return true;
}

/** Whether the bytes are the piece. */
export function isRightPiece(job: KeepJob): boolean {
  const { bytes, leafSlots, zeroBytes } = job;
  const found = {
    root: leafSlots === undefined ? undefined : rootOfBytes(bytes, leafSlots),
    sha1: zeroBytes === undefined ? undefined : sha1Of(bytes, zeroBytes),
  };
  return isAsItShould(found, job);
}

function writeFully({ fd, offsetBytes, bytes }: KeepJob): void {
  for (let done = 0; done < bytes.length;) {
    done += taken(writeSync(fd, bytes, done, bytes.length - done, offsetBytes + done));
  }
}

/** For the main thread: a disk may keep it waiting. Rejects with the system's errors. */
export async function writePiece({ fd, offsetBytes, bytes }: KeepJob): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const from = done;
    done += await new Promise<number>((resolve, reject) => {
      write(fd, bytes, from, bytes.length - from, offsetBytes + from, (error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
    taken(done - from);
  }
}

function taken(count: number): number {
  if (count === 0) throw new Error('nothing was taken');
  return count;
}
