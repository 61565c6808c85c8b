import { describe, expect, it } from 'vitest';
import { REQUEST_TIMEOUT_MS } from '../../common/base/limits.ts';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, chunksOf, GatedSwarm, KIB, startSeeder, startTracker, Swarm } from './swarm.ts';
import { NO_TRACKER, TrackerClient } from './tracker-client.ts';

describe('processes that come and go', PATIENT, () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('[fault 54] a tracker ends by %s with 0', async (signal) => {
    const { process } = await startTracker(sandbox());
    await process.stop(signal, 0);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('[fault 54] a seeder says goodbye by %s: 0', async (signal) => {
    const swarm = await Swarm.start(sandbox(), CHUNK, [[], []]);
    const client = new TrackerClient(swarm.tracker.url);
    expect(await client.scrape(swarm.infoHash)).toMatchObject({ seeders: 2 });
    await swarm.seeders[0]!.process.stop(signal, 0);
    expect(await client.scrape(swarm.infoHash)).toMatchObject({ seeders: 1 });
  });

  it('[fault 54] a seeder ends in time with its tracker gone', async () => {
    const swarm = await Swarm.start(sandbox(), CHUNK, [[]]);
    await swarm.tracker.process.kill();
    await swarm.seeders[0]!.process.stop('SIGTERM', 0);
    const alone = await startSeeder(swarm.box, swarm.file.path, NO_TRACKER);
    await alone.process.stop('SIGTERM', 0);
  });

  it('[fault 45] a seeder that is killed in the middle leaves its work to the others', async () => {
    const swarm = await GatedSwarm.start(sandbox(), 24 * CHUNK);
    await swarm.openGates(64 * KIB + CHUNK);
    const leecher = swarm.leech('copy.bin');
    await leecher.event('chunk', 3);
    await swarm.seeders[1]!.process.kill();
    await swarm.gates[1]!.close();
    for (const gate of swarm.gates) gate.allow();
    await leecher.endsWith(0);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
  });

  it('[fault 42] [fault 59] a seeder that falls silent in the middle leaves its work to the others', async () => {
    const swarm = await GatedSwarm.start(sandbox(), 24 * CHUNK);
    await swarm.openGates(64 * KIB + CHUNK);
    const leecher = swarm.leech('copy.bin');
    await leecher.event('chunk', 3);
    const [first, second] = swarm.gates;
    first!.allow();
    second!.allow();
    await leecher.endsWith(0);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
    expect(chunksOf(leecher)).toHaveLength(24);
    // It was not waited for until it counted as stalled.
    expect((await leecher.event('done'))['seconds']).toBeLessThan(REQUEST_TIMEOUT_MS / 1000);
  });

  it('a tracker that is killed and comes back in the middle does not matter to a download', async () => {
    const swarm = await GatedSwarm.start(sandbox(), 12 * CHUNK);
    await swarm.openGates(64 * KIB + CHUNK);
    const leecher = swarm.leech('copy.bin');
    await leecher.event('chunk', 3);
    await swarm.tracker.process.kill();
    await startTracker(swarm.box, Number(new URL(swarm.tracker.url).port));
    for (const gate of swarm.gates) gate.allow();
    await leecher.endsWith(0);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
  });

  it('[fault 15] a tracker that is killed and comes back learns who is there, and what they have', async () => {
    const often = ['--interval', '1', '--ttl', '10'];
    const swarm = await Swarm.start(sandbox(), 3 * CHUNK, [[], [], []], often);
    await swarm.tracker.process.kill();
    const { url } = await startTracker(swarm.box, Number(new URL(swarm.tracker.url).port), ...often);
    expect(url).toBe(swarm.tracker.url);
    await new TrackerClient(url).untilSeeders(swarm.infoHash, 3);
    await swarm.leech('copy.bin').endsWith(0);
  });

  it('[fault 14] a seeder that is killed is forgotten after its time', async () => {
    const swarm = await Swarm.start(sandbox(), CHUNK, [[], []], ['--interval', '1', '--ttl', '10']);
    await swarm.seeders[0]!.process.kill();
    await new TrackerClient(swarm.tracker.url).untilSeeders(swarm.infoHash, 1);
  });
});
