import { join } from 'node:path';
import { afterAll } from 'vitest';
import { Geometry } from '../content/geometry.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { describeHasherContract } from '../sim/contracts/hasher.ts';
import { describeStoreContract, STORED } from '../sim/contracts/store.ts';
import { realDisk } from './disk.ts';
import { HashPool } from './hasher.ts';
import { PartFile } from './part-file.ts';

const run = <T>(promise: Promise<T>): Promise<T> => promise;

const hasher = new HashPool({ threads: 2 });
afterAll(() => hasher.close());
describeHasherContract('the pool of threads', () => ({ hasher, run }));

describeStoreContract('the part file', async () => {
  const { pieceBytes, lengthBytes } = STORED;
  const pieces = new Geometry({ pieceBytes, files: [{ path: ['content.bin'], lengthBytes }], layout: 'aligned' });
  const path = join(temporaryDirectory(), 'content.bin.part');
  return { store: await PartFile.open({ path, sizeBytes: lengthBytes, pieces, disk: realDisk }), run };
});
