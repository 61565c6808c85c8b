import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { announced, CHUNK, GatedSwarm, KIB, startSeeder, startTracker, Swarm } from './swarm.ts';
import { NO_TRACKER } from './tracker-client.ts';

describe('three seeders and a leecher', PATIENT, () => {
  it.each([1, 16 * KIB, CHUNK, CHUNK + 1, 20_000_007])(
    '[fault 52] hand over a file of %i bytes, byte for byte, to whoever asks for nothing special',
    async (sizeBytes) => {
      const swarm = await Swarm.start(sandbox(), sizeBytes);
      const leecher = swarm.leech('copy.bin');
      const { stdout, stderr } = await leecher.endsWith(0);
      expect(stdout).toBe(`${swarm.box.path('copy.bin')} ${sizeBytes}\n`);
      expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
      const lines = sourcesIn(stderr);
      expect(sum(lines.map((line) => line.chunks))).toBe(Math.ceil(sizeBytes / CHUNK));
      const addresses = swarm.seeders.map((seeder) => seeder.address);
      for (const { address } of lines) expect(addresses).toContain(address);
    },
  );

  it('each give a part, and each has its line in the report', async () => {
    const swarm = await GatedSwarm.start(sandbox(), 20_000_007);
    // None of them can give it all before the others have begun.
    await swarm.openGates(64 * KIB + CHUNK);
    const leecher = swarm.leech('copy.bin');
    await leecher.event('chunk', 3);
    for (const gate of swarm.gates) gate.allow();
    const { stderr } = await leecher.endsWith(0);
    expect(sha256Of(swarm.box.path('copy.bin'))).toBe(swarm.file.sha256);
    const lines = sourcesIn(stderr);
    expect(lines.map((line) => line.address).sort()).toEqual(
      swarm.gates.map((gate) => `127.0.0.1:${gate.port}`).sort(),
    );
    for (const { chunks } of lines) expect(chunks).toBeGreaterThan(0);
    expect(sum(lines.map((line) => line.chunks))).toBe(39);
  });

  it('may be known to different trackers, one of which is gone', async () => {
    const box = sandbox();
    const swarm = await Swarm.start(box, 3 * CHUNK, [[], []]);
    const other = await startTracker(box);
    const third = await startSeeder(box, swarm.file.path, other.url);
    await announced(third);
    const leecher = swarm.leech('copy.bin', '-t', NO_TRACKER, '-t', other.url, '--json');
    await leecher.endsWith(0);
    const joined = leecher.stdout.matchAll(/"change":"joined","address":"([^"]+)"/g);
    const addresses = [...swarm.seeders, third].map((seeder) => seeder.address);
    const named = [...joined].map((match) => match[1] ?? '');
    expect(named.sort()).toEqual(addresses.sort());
    expect(sha256Of(box.path('copy.bin'))).toBe(swarm.file.sha256);
  });

  it('leave nothing but the file, under its name, in the folder it was to go to', async () => {
    const swarm = await Swarm.start(sandbox(), 3 * CHUNK);
    const folder = swarm.box.folder('copies');
    const { stdout } = await swarm.leech('copies').endsWith(0);
    expect(stdout).toBe(`${folder}/shared.bin ${3 * CHUNK}\n`);
    expect(readdirSync(folder)).toEqual(['shared.bin']);
  });
});

interface SourceLine {
  readonly address: string;
  readonly chunks: number;
}

/** The report: a line for each source that gave something. */
const sourcesIn = (stderr: string): SourceLine[] =>
  [...stderr.matchAll(/^source (\S+) \(Shoal [^)]*\): .* in (\d+) chunks? at \S+\/s/gm)].map((match) => ({
    address: match[1]!,
    chunks: Number(match[2]),
  }));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
