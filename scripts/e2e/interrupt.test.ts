import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, chunksOf, GatedSwarm, KIB, startTracker, swarmForAll } from './swarm.ts';
import { DeafTracker } from './tracker-client.ts';

describe('a leecher that is asked to end', PATIENT, () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('[fault 54] by %s in the middle keeps what it has: 7', async (signal) => {
    const swarm = await GatedSwarm.start(sandbox(), 12 * CHUNK);
    await swarm.openGates(64 * KIB + 2 * CHUNK);
    const first = swarm.leech('copy.bin');
    await first.event('chunk', 6);
    const { stderr, stdout } = await first.stop(signal, 7);
    expect(stderr).toMatch(new RegExp(`${signal}.*stopping`));
    expect(stderr).toMatch(/the same command goes on/);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({
      event: 'done',
      ok: false,
      error: 'INTERRUPTED',
    });
    expect(existsSync(swarm.box.path('copy.bin.part.json'))).toBe(true);
    await swarm.openGates();
    const again = swarm.leech('copy.bin');
    await again.endsWith(0);
    expect(chunksOf(again)).toHaveLength(12 - 6);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
  });

  it('[fault 54] at once when asked twice: 7', async () => {
    const swarm = await GatedSwarm.start(sandbox(), 12 * CHUNK);
    await swarm.openGates(64 * KIB);
    const leecher = swarm.leech('copy.bin');
    await leecher.event('start');
    leecher.signal('SIGINT');
    await leecher.line(/stopping/, 'stderr');
    await leecher.stop('SIGINT', 7);
  });

  it('[fault 54] while nobody is there to give anything, or to tell what there is: 7', async () => {
    const box = sandbox();
    const { url } = await startTracker(box);
    const waiting = box.start('leecher', ['ab'.repeat(32), '-t', url, '--host', '127.0.0.1', '-v']);
    await waiting.line(/announced/, 'stderr');
    await waiting.stop('SIGINT', 7);
    for (const what of [[], ['ab'.repeat(32)]]) {
      const deaf = await DeafTracker.open();
      const asking = box.start('leecher', [...what, '-t', deaf.url, '--host', '127.0.0.1']);
      await deaf.heard;
      await asking.stop('SIGINT', 7);
    }
  });
});

describe('a leecher that is not interrupted', PATIENT, () => {
  const swarm = swarmForAll(3 * CHUNK);

  it('[fault 55] ends well though nobody reads what it says any more', async () => {
    const leecher = swarm().leech('unread.bin', '--json');
    leecher.stopReading('stdout');
    const { stderr } = await leecher.endsWith(0);
    expect(sha256Of(swarm().box.path('unread.bin'))).toBe(swarm().file.sha256);
    expect(stderr).not.toMatch(/EPIPE|unexpected/);
  });

  it('[fault 55] lists for a reader that leaves after the first line', async () => {
    const words = ['-t', swarm().tracker.url, '--list', '--json'];
    const { stdout, stderr } = await swarm().box.shell('leecher', words, '"$@" | head -n 1').endsWith(0);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ name: 'shared.bin' });
  });
});
