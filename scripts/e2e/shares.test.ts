import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, Swarm } from './swarm.ts';

const CHUNKS = 12;
const SIZE = CHUNKS * CHUNK - 5;
const THIRDS = [
  ['--chunks', '1/3'],
  ['--chunks', '2/3'],
  ['--chunks', '3/3'],
] as const;

describe('seeders with a third of the chunks each', PATIENT, () => {
  it('say which chunks they serve, and together give the whole file', async () => {
    const swarm = await Swarm.start(sandbox(), SIZE, THIRDS);
    const ranges = await Promise.all(swarm.seeders.map((seeder) => seeder.process.fact('chunks')));
    expect(ranges).toEqual(['0-3', '4-7', '8-11'].map((range) => `${CHUNKS} x ${CHUNK} (512KiB), serving ${range}`));
    const leecher = swarm.leech('copy.bin', '--json');
    await leecher.endsWith(0);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
    const { sources } = await leecher.event('done');
    const given = (sources as { readonly address: string; readonly chunks: number }[]).map((one) => [
      one.address,
      one.chunks,
    ]);
    expect(new Map(given as [string, number][])).toEqual(new Map(swarm.seeders.map((seeder) => [seeder.address, 4])));
  });

  it('[fault 58] leave a download that the missing third completes, without fetching the rest again', async () => {
    const swarm = await Swarm.start(sandbox(), SIZE, THIRDS.slice(0, 2));
    const words = ['--min-seeders', '2', '--timeout', '3', '--json'];
    const first = await swarm.leech('copy.bin', ...words).endsWith(7);
    expect(first.stderr).toContain('chunks 8-11 are held by none of the 2 sources connected');
    expect(existsSync(swarm.box.path('copy.bin.part'))).toBe(true);
    expect(existsSync(swarm.box.path('copy.bin'))).toBe(false);

    await swarm.addSeeder(...THIRDS[2]);
    const again = swarm.leech('copy.bin', ...words);
    await again.endsWith(0);
    expect((await again.event('done'))['fetchedBytes']).toBe(4 * CHUNK - 5);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
  });

  it('are joined by a third one that a waiting download finds by itself', async () => {
    const swarm = await Swarm.start(sandbox(), SIZE, THIRDS.slice(0, 2));
    const leecher = swarm.leech('copy.bin', '--min-seeders', '2');
    await leecher.line(/chunks 8-11 are held by none of the 2 sources connected; waiting for others/, 'stderr');
    await swarm.addSeeder(...THIRDS[2]);
    await leecher.endsWith(0);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
  });
});
