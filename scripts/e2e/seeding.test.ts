import { appendFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, Swarm } from './swarm.ts';
import { TrackerClient } from './tracker-client.ts';

const SIZE = 12 * CHUNK;
const ONE = ['--min-seeders', '1'] as const;

describe('a leecher that goes on serving', PATIENT, () => {
  it('with --seed gives its result, is a seeder to the others, and ends by SIGINT with 0', async () => {
    const swarm = await Swarm.start(sandbox(), SIZE, [[]]);
    const first = swarm.leech('first.bin', ...ONE, '--seed');
    await first.line(/first\.bin \d+$/);
    await first.line(/^goes on serving it until it is stopped$/, 'stderr');
    const client = new TrackerClient(swarm.tracker.url);
    await client.untilSeeders(swarm.infoHash, 2);
    await swarm.seeders[0]!.process.stop('SIGINT', 0);
    await client.untilSeeders(swarm.infoHash, 1);
    await swarm.leech('second.bin', ...ONE).endsWith(0);
    expect(sha256Of(swarm.box.path('second.bin'))).toBe(swarm.file.sha256);
    const { stdout, stderr } = await first.stop('SIGINT', 0);
    expect(stdout).toBe(`${swarm.box.path('first.bin')} ${SIZE}\n`);
    expect(stderr).toMatch(/^sent 6\.0MiB in all, 1\.00 times its size$/m);
    await client.untilSeeders(swarm.infoHash, 0);
  });

  it('ends when enough is sent, or when its time is over', async () => {
    const swarm = await Swarm.start(sandbox(), SIZE, [[]]);
    const brief = swarm.leech('brief.bin', ...ONE, '--seed-time', '100ms', '--seed-ratio', '9', '--json');
    await brief.event('done');
    await brief.endsWith(0);
    expect(brief.stdout.trimEnd().split('\n').at(-1)).toMatch(/^\{"event":"done","ok":true/);
    const generous = swarm.leech('generous.bin', ...ONE, '--seed-ratio', '1', '--seed-time', '1h');
    await new TrackerClient(swarm.tracker.url).untilSeeders(swarm.infoHash, 2);
    await swarm.seeders[0]!.process.stop('SIGINT', 0);
    // By its hash alone: the tracker need not know its name from this one.
    await swarm.box.start('leecher', [swarm.infoHash, ...swarm.leechWords('second.bin'), ...ONE]).endsWith(0);
    await generous.endsWith(0);
  });

  it('serves what was there from the start, and nothing any more once that is changed: 15', async () => {
    const torrent = ['--save-torrent', 'shared.torrent'];
    const swarm = await Swarm.start(sandbox(), SIZE, [torrent]);
    await swarm.leech('copy.bin', ...ONE).endsWith(0);
    await swarm.seeders[0]!.process.stop('SIGINT', 0);
    const known = ['shared.torrent', '-t', swarm.tracker.url, '--host', '127.0.0.1', ...ONE];
    const again = swarm.box.start('leecher', [...known, '-o', swarm.box.path('copy.bin'), '--seed']);
    await again.line(/goes on serving/, 'stderr');
    await swarm.box.start('leecher', [...known, '-o', swarm.box.path('second.bin')]).endsWith(0);
    expect(sha256Of(swarm.box.path('second.bin'))).toBe(swarm.file.sha256);
    appendFileSync(swarm.box.path('copy.bin'), 'more');
    const { stderr } = await again.endsWith(15);
    expect(stderr).toContain('copy.bin');
  });
});
