import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of, SharedFile } from './shared-file.ts';
import { CHUNK, startSeeder, startTracker, Swarm } from './swarm.ts';
import { NO_TRACKER } from './tracker-client.ts';

/** A name that no resolver can make sense of, whatever the network: a label of 64 characters. */
const NO_NAME = `udp://${'a'.repeat(64)}.invalid:6969`;
const SOME_HASH = 'ab'.repeat(32);

describe('a leecher that finds', PATIENT, () => {
  it('no tracker ends with 6 and names it', async () => {
    const box = sandbox();
    const lines = [[], ['--list'], [SOME_HASH, '--wait', '1']];
    const ended = lines.map((words) => box.start('leecher', [...words, '-t', NO_TRACKER]).endsWith(6));
    for (const { stderr } of await Promise.all(ended)) expect(stderr).toContain(NO_TRACKER);
    // What is waited for is said before the wait.
    const [byName] = await Promise.all(ended);
    expect(byName!.stderr).toContain(`asking ${NO_TRACKER}`);
  });

  it('a tracker name that does not resolve ends with 19', async () => {
    const box = sandbox();
    const ended = [[], [SOME_HASH]].map((words) =>
      box.start('leecher', [...words, '-t', NO_NAME, '--wait', '1']).endsWith(19),
    );
    for (const { stderr } of await Promise.all(ended)) expect(stderr).toContain('aaaa.invalid');
  });

  it('nothing shared, or nothing of that name, ends with 3', async () => {
    const box = sandbox();
    const { url } = await startTracker(box);
    const nothing = await box.start('leecher', ['-t', url]).endsWith(3);
    expect(nothing.stderr).toContain('start a seeder');
    const swarm = await Swarm.start(box, CHUNK, [[]]);
    const other = await box.start('leecher', ['other.iso', '-t', swarm.tracker.url]).endsWith(3);
    expect(other.stderr).toMatch(/other\.iso.*--list/);
  });

  it('a tracker that knows nobody with this hash ends with 3', async () => {
    const box = sandbox();
    const { url } = await startTracker(box);
    await box.start('leecher', [SOME_HASH, '-t', url, '--wait', '1']).endsWith(3);
  });

  it('several things off a terminal ends with 2 and lists them', async () => {
    const box = sandbox();
    const swarm = await Swarm.start(box, CHUNK, [[], ['--name', 'shared-too.bin']]);
    const several = await box.start('leecher', ['-t', swarm.tracker.url]).endsWith(2);
    expect(several.stdout).toBe('');
    for (const { infoHash } of swarm.seeders) expect(several.stderr).toContain(infoHash);
    await swarm.box.start('leecher', ['shared', '-t', swarm.tracker.url]).endsWith(2);
    await swarm.leech('copy.bin', 'shared.bin', '--min-seeders', '1').endsWith(0);
  });

  it('[fault 58] too few seeders ends with 4, says how many and what to type', async () => {
    const swarm = await Swarm.start(sandbox(), CHUNK, [[], []]);
    const { stderr } = await swarm.leech('copy.bin', '--wait', '1').endsWith(4);
    expect(stderr).toContain('waiting for seeders');
    expect(stderr).toMatch(/found 2 of at least 3 seeders within 1 s.*--min-seeders 2/);
    await swarm.leech('copy.bin', '--min-seeders', '2').endsWith(0);
  });
});

describe('a port that is taken', PATIENT, () => {
  it('ends each command with 6 and is named', async () => {
    const box = sandbox();
    const tracker = await startTracker(box);
    const port = new URL(tracker.url).port;
    const second = await box.start('tracker', ['--host', '127.0.0.1', '-p', port]).endsWith(6);
    expect(second.stderr).toContain(port);

    const swarm = await Swarm.start(box, CHUNK, [[]]);
    const taken = swarm.seeders[0]!.address.split(':')[1]!;
    const words = ['--host', '127.0.0.1', '-p', taken, '-t', swarm.tracker.url];
    for (const { stderr } of [
      await box.start('seeder', ['-f', swarm.file.path, ...words]).endsWith(6),
      await box.start('leecher', words).endsWith(6),
    ]) {
      expect(stderr).toContain(taken);
    }
  });
});

describe('a machine without a home', PATIENT, () => {
  it('[fault 60] is no hindrance to a tracker and a seeder', async () => {
    const box = sandbox();
    const homeless = { HOME: '/dev/null', TMPDIR: box.folder('temporary') };
    const file = SharedFile.of(box.path('shared.bin'), 3 * CHUNK);
    const where = ['--host', '127.0.0.1', '-p', '0'];
    const tracker = box.start('tracker', where, homeless);
    const url = (await tracker.line(/^tracker (udp:.*)$/))[1]!;
    const seeder = box.start('seeder', ['-f', file.path, '-t', url, ...where], homeless);
    await seeder.line(/announced/, 'stderr');
    const words = ['-t', url, '-o', box.path('copy.bin'), '--min-seeders', '1'];
    await box.start('leecher', words, homeless).endsWith(0);
    expect(sha256Of(box.path('copy.bin'))).toBe(file.sha256);
    expect(readdirSync(box.directory).sort()).toEqual(['copy.bin', 'shared.bin', 'temporary']);
  });
});

describe('a seeder', PATIENT, () => {
  it('serves without a tracker, to those who have its address', async () => {
    const swarm = await Swarm.start(sandbox(), 3 * CHUNK, []);
    const seeder = await startSeeder(swarm.box, swarm.file.path, NO_TRACKER, '--advertise', '127.0.0.1');
    const words = ['-o', swarm.box.path('copy.bin'), '--host', '127.0.0.1', '--min-seeders', '1'];
    await swarm.box.start('leecher', [seeder.magnet, ...words]).endsWith(0);
  });
});
