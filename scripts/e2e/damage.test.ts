import { existsSync, rmSync, truncateSync, utimesSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox, type Sandbox } from './processes.ts';
import { sha256Of, SharedFile } from './shared-file.ts';
import { announced, CHUNK, startSeeder, startTracker, type Seeder, type Tracker } from './swarm.ts';
import { TrackerClient } from './tracker-client.ts';

const CHUNKS = 12;
const SIZE = CHUNKS * CHUNK;
const EVERY_CHUNK = Array.from({ length: CHUNKS }, (_, i) => i * CHUNK + 1000 * i);

/** Three seeders, each with a file of its own that nobody but the test changes. */
async function separately(): Promise<Separate> {
  const box = sandbox();
  const tracker = await startTracker(box);
  const first = SharedFile.of(box.path('shared.bin'), SIZE);
  const files = ['a.bin', 'b.bin', 'c.bin'].map((name) => first.copy(box.path(name)));
  const seeders = await Promise.all(
    files.map((file) => startSeeder(box, file.path, tracker.url, '--name', 'shared.bin')),
  );
  await Promise.all(seeders.map(announced));
  const leech: Leech = async (code) => {
    const words = ['-t', tracker.url, '-o', box.path('copy.bin'), '--host', '127.0.0.1'];
    const { stderr } = await box.start('leecher', words).endsWith(code);
    return { stderr, path: box.path('copy.bin') };
  };
  return { box, tracker, seeders, files, leech };
}

interface Separate {
  readonly box: Sandbox;
  readonly tracker: Tracker;
  readonly seeders: readonly Seeder[];
  readonly files: readonly SharedFile[];
  readonly leech: Leech;
}

/** Downloads with whatever the tracker has; it is to end with this exit code. */
type Leech = (code: number) => Promise<{ readonly stderr: string; readonly path: string }>;

const lineOf = (stderr: string, seeder: Seeder): string | undefined =>
  stderr.split('\n').find((line) => line.startsWith(`source ${seeder.address} `));

describe('a file that changed under its seeder, and nobody saw it', PATIENT, () => {
  it('does no harm while two others are right, and its seeder is blamed', async () => {
    const { seeders, files, leech } = await separately();
    files[1]!.damage(...EVERY_CHUNK);
    const { stderr, path } = await leech(0);
    expect(sha256Of(path)).toBe(files[0]!.sha256);
    expect(lineOf(stderr, seeders[1]!)).toMatch(/: 0B in 0 chunks .*failed \d+ chunks?: \d+ corrupt.*banned/);
    for (const good of [0, 2]) expect(lineOf(stderr, seeders[good]!)).not.toMatch(/failed|corrupt|banned/);
  });

  it('costs only the chunk that is wrong when it is one', async () => {
    const { seeders, files, leech } = await separately();
    // Each has one bad chunk, and for each chunk two are right.
    for (const [i, file] of files.entries()) file.damage((4 * i + 1) * CHUNK + 7);
    const { stderr, path } = await leech(0);
    expect(sha256Of(path)).toBe(SharedFile.of(files[0]!.path, SIZE).sha256);
    for (const seeder of seeders) expect(lineOf(stderr, seeder)).not.toMatch(/banned/);
  });

  it('[fault 36] and is wrong everywhere is never put together: 32, the chunk is named', async () => {
    const { box, tracker, seeders, files, leech } = await separately();
    for (const file of files) file.damage(5 * CHUNK + 99);
    const { stderr, path } = await leech(32);
    expect(stderr).toContain('no source gave valid data for chunks 5;');
    for (const seeder of seeders) expect(lineOf(stderr, seeder)).toMatch(/failed 1 chunk: 1 corrupt/);
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.part`)).toBe(true);

    const right = SharedFile.of(box.path('right.bin'), SIZE);
    await announced(await startSeeder(box, right.path, tracker.url, '--name', 'shared.bin'));
    const again = await leech(0);
    expect(sha256Of(again.path)).toBe(right.sha256);
  });

  it('[fault 36] and is wrong in every chunk everywhere: 32', async () => {
    const { files, leech } = await separately();
    for (const file of files) file.damage(...EVERY_CHUNK);
    const { path } = await leech(32);
    expect(existsSync(path)).toBe(false);
  });
});

describe('a file that changes under its seeder', PATIENT, () => {
  it('[fault 46] is withdrawn: 15, and the tracker forgets it', async () => {
    const { tracker, seeders, files } = await separately();
    truncateSync(files[0]!.path, SIZE - 1);
    const later = 1_800_000_000;
    utimesSync(files[1]!.path, later, later);
    rmSync(files[2]!.path);
    const exits = await Promise.all(seeders.map((seeder) => seeder.process.endsWith(15)));
    for (const [i, { stderr }] of exits.entries()) expect(stderr).toContain(files[i]!.path);
    expect(exits[0]!.stderr).toMatch(/size was \d+ bytes/);
    expect(exits[1]!.stderr).toMatch(/modification time/);
    expect(exits[2]!.stderr).toMatch(/deleted/);
    expect(await new TrackerClient(tracker.url).scrape(seeders[0]!.infoHash)).toMatchObject({ seeders: 0 });
  });
});
