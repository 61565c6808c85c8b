import { copyFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { vectors } from '../../common/fixtures/vectors.ts';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of, SharedFile } from './shared-file.ts';
import { announced, startSeeder, startTracker } from './swarm.ts';

describe('a .torrent file of another program', PATIENT, () => {
  it.each([
    ['s1572869.v2.torrent', 's1572869.bin', '512KiB'],
    ['s8404992-16k.v2.torrent', 's8404992.bin', '16KiB'],
  ])('%s stands for what a seeder of the same file shares', async (torrent, name, chunkSize) => {
    const box = sandbox();
    copyFileSync(new URL(`../../common/fixtures/torrents/${torrent}`, import.meta.url), box.path(torrent));
    const { length, seed } = vectors.files[name]!;
    const file = SharedFile.of(box.path(name), length, seed);
    const tracker = await startTracker(box);
    const words = ['--chunk-size', chunkSize];
    const seeders = await Promise.all(
      Array.from({ length: 3 }, () => startSeeder(box, file.path, tracker.url, ...words)),
    );
    await Promise.all(seeders.map(announced));
    expect(`1220${seeders[0]!.infoHash}`).toBe(vectors.torrents[torrent]!.btmh);
    const known = [torrent, '-t', tracker.url, '--host', '127.0.0.1', '-o', box.folder('copies')];
    await box.start('leecher', known).endsWith(0);
    expect(sha256Of(box.path('copies', name))).toBe(file.sha256);
  });
});
