import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pieceIndex } from '../common/base/ids.ts';
import { BLOCK_BYTES } from '../common/base/limits.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { KeptLog } from '../common/fixtures/logs.ts';
import { temporaryDirectory } from '../common/fixtures/temporary.ts';
import { HostClock } from '../common/host/clock.ts';
import { realDisk } from '../common/host/disk.ts';
import { HashPool } from '../common/host/hasher.ts';
import { realProcessTable } from '../common/host/process-table.ts';
import { HostTargetFiles } from '../common/host/target-files.ts';
import { proofOf } from './fixtures/proofs.ts';
import { Selection } from './selection.ts';
import { Target, type Taken } from './target.ts';

const hasher = new HashPool({ threads: 2 });
afterAll(() => hasher.close());

const CONTENT = contentOfSize(7 * BLOCK_BYTES + 1, BLOCK_BYTES);
const PIECES = [0, 1, 2, 3, 4, 5, 6, 7];

const targetIn = (directory: string): Target => {
  const clock = new HostClock();
  return new Target({
    files: new HostTargetFiles({
      disk: realDisk,
      clock,
      processes: realProcessTable(),
      hasher,
      output: directory,
      stop: new AbortController().signal,
    }),
    clock,
    log: new KeptLog(),
    force: false,
    onChecked: () => undefined,
  });
};

function take(target: Target): Promise<Taken> {
  const { geometry, infoHashV2, name, isDirectory } = CONTENT.info;
  const content = { infoHash: infoHashV2!, name, geometry, isDirectory, selection: Selection.all(geometry) };
  return target.take(content, proofOf(CONTENT), () => true);
}

/** What a download leaves behind that ended early. */
async function leftAfter(directory: string, pieces: readonly number[]): Promise<void> {
  const target = targetIn(directory);
  const taken = await take(target);
  if (taken.kind !== 'open') throw new Error(`the place is ${taken.kind}`);
  for (const piece of pieces) {
    await taken.store.write(pieceIndex(piece), CONTENT.pieceOf(piece));
    target.verified(pieceIndex(piece));
  }
  await target.leave();
}

describe('the place of a download on a real disk', () => {
  it('[fault 49] whatever a kill left of part file and note, it goes on with what is right and ends right', async () => {
    const harms: ((part: string, note: string) => void)[] = [
      () => undefined,
      (_part, note) => writeFileSync(note, ''),
      (_part, note) => truncateSync(note, 40),
      (_part, note) => writeFileSync(note, readFileSync(note, 'utf8').replaceAll(/[0-9a-f]{2}"/g, 'ff"')),
      (part) => truncateSync(part, 3 * BLOCK_BYTES + 5),
      (part) => truncateSync(part, 0),
      (part) => truncateSync(part, 40 * BLOCK_BYTES),
      (part) => {
        const bytes = readFileSync(part);
        bytes[BLOCK_BYTES]! ^= 0xff;
        writeFileSync(part, bytes);
      },
    ];
    const found = [[0, 1, 4], [0, 1, 4], [0, 1, 4], [0, 1, 4], [0, 1], [], [0, 1, 4], [0, 4]];
    for (const [i, harm] of harms.entries()) {
      const directory = temporaryDirectory();
      await leftAfter(directory, [0, 1, 4]);
      const path = join(directory, 'content.bin');
      harm(`${path}.part`, `${path}.part.json`);
      const target = targetIn(directory);
      const taken = await take(target);
      if (taken.kind !== 'open') throw new Error(`the place is ${taken.kind}`);
      expect([...taken.have]).toEqual(found[i]);
      for (const piece of PIECES) {
        if (!taken.have.has(pieceIndex(piece))) await taken.store.write(pieceIndex(piece), CONTENT.pieceOf(piece));
      }
      await target.finish();
      await target.leave();
      expect(readdirSync(directory)).toEqual(['content.bin']);
      expect(Buffer.compare(readFileSync(path), CONTENT.bytes)).toBe(0);
      const again = targetIn(directory);
      expect((await take(again)).kind).toBe('complete');
      await again.leave();
    }
  });

  it('leaves nothing where nothing was verified', async () => {
    const directory = temporaryDirectory();
    await leftAfter(directory, []);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('[fault 51] two downloads of one file do not meet', async () => {
    const directory = temporaryDirectory();
    const first = targetIn(directory);
    await take(first);
    const second = targetIn(directory);
    await expect(take(second)).rejects.toMatchObject({ code: 'DOWNLOAD_LOCKED' });
    await second.leave();
    expect(existsSync(join(directory, 'content.bin.part'))).toBe(true);
    await first.leave();
    expect(readdirSync(directory)).toEqual([]);
  });
});
