/** Verifies a piece in memory and writes it. For hash threads: it writes synchronously. */
import { writeSync } from 'node:fs';
import { isAsItShould } from '../base/piece-check.ts';
import { rootOfBytes } from '../content/merkle.ts';
import type { KeepJob } from './hash-job.ts';
import { sha1Of } from './sha1.ts';

/**
 * False when the bytes are not the piece; nothing is written then. Throws the system's errors.
 *
 * The bytes are written where they were hashed, while they are in the cache of that processor.
 */
export function keepPiece(job: KeepJob): boolean {
  const { bytes, leafSlots, zeroBytes } = job;
  const found = {
    root: leafSlots === undefined ? undefined : rootOfBytes(bytes, leafSlots),
    sha1: zeroBytes === undefined ? undefined : sha1Of(bytes, zeroBytes),
  };
  if (!isAsItShould(found, job)) return false;
  writeFully(job);
  return true;
}

function writeFully({ fd, offsetBytes, bytes }: KeepJob): void {
  for (let done = 0; done < bytes.length;) {
    const count = writeSync(fd, bytes, done, bytes.length - done, offsetBytes + done);
    if (count === 0) throw new Error('nothing was taken');
    done += count;
  }
}
