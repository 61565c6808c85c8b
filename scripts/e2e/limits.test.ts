import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, Swarm } from './swarm.ts';

const SIZE = 4 * CHUNK;

describe('limits of bandwidth, slots and connections', PATIENT, () => {
  it('hold nothing back for good, on either side', async () => {
    const serving = ['--upload-slots', '1', '--unchoke-interval', '1', '--optimistic-interval', '1'];
    const limits = ['--bwlimit', '8M:16M', '--max-connections', '5', ...serving];
    const swarm = await Swarm.start(sandbox(), SIZE, [limits, limits, ['--bwlimit', '4M', '--bwlimit-lan', 'off']]);
    const one = swarm.leech('one.bin', '--bwlimit', 'off:8M', '--seed', ...serving);
    const other = swarm.leech('other.bin', '--bwlimit-lan', '8M', '--seed-time', '1s');
    await other.endsWith(0);
    await one.line(/one\.bin \d+$/);
    await one.stop('SIGTERM', 0);
    for (const copy of ['one.bin', 'other.bin']) expect(sha256Of(swarm.box.path(copy))).toBe(swarm.file.sha256);
  });

  it('come from the environment and from a configuration file too', async () => {
    const box = sandbox();
    const wrong = await box.start('seeder', ['-f', 'x'], { SHOAL_BWLIMIT: '10M/s' }).endsWith(2);
    expect(wrong.stderr).toContain('SHOAL_BWLIMIT');
    writeFileSync(box.path('config.json'), JSON.stringify({ bwlimitLan: 'on', seedTime: '1m' }));
    const file = await box.start('leecher', ['--config', box.path('config.json')]).endsWith(2);
    expect(file.stderr).toContain('bwlimitLan');
  });
});
