import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PATIENT, sandbox, type Sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, chunksOf, GatedSwarm, KIB, Swarm } from './swarm.ts';

const SIZE = 12 * CHUNK;

/** Only the superuser may mount, and not in every container. */
const mayMount = ((): boolean => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  return spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
})();

/** A volume of this size below the sandbox. */
function volume(box: Sandbox, sizeBytes: number): string {
  const path = box.folder('volume');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'none', path], { encoding: 'utf8' });
  if (mounted.status !== 0) throw new Error(mounted.stderr);
  onTestFinished(() => {
    // Lazily: a process that is being killed may still be there.
    spawnSync('umount', ['-l', path]);
  });
  return path;
}

describe.runIf(mayMount)('a volume that is too small', PATIENT, () => {
  it('[fault 47] is found out before anything is written: 9', async () => {
    const swarm = await Swarm.start(sandbox(), SIZE);
    const path = volume(swarm.box, SIZE / 2);
    const { stderr } = await swarm.leech('volume').endsWith(9);
    expect(stderr).toContain(`${path}/shared.bin`);
    expect(stderr).toContain(`${SIZE} bytes`);
    expect(readdirSync(path)).toEqual([]);
  });

  it('[fault 47] and fills up in the middle ends the download with 9; with room again it goes on', async () => {
    const swarm = await GatedSwarm.start(sandbox(), SIZE);
    const path = volume(swarm.box, SIZE + 512 * KIB);
    await swarm.openGates(64 * KIB + CHUNK);
    const first = swarm.leech('volume');
    await first.event('chunk', 3);
    const { bavail, bsize } = statfsSync(path);
    writeFileSync(`${path}/filler`, new Uint8Array((bavail - 80) * bsize));
    for (const gate of swarm.gates) gate.allow();
    const { stderr } = await first.endsWith(9);
    expect(stderr).toContain(`${path}/shared.bin.part`);
    expect(existsSync(`${path}/shared.bin`)).toBe(false);

    rmSync(`${path}/filler`);
    const again = swarm.leech('volume');
    await again.endsWith(0);
    expect(chunksOf(again)).toHaveLength(12 - 3);
    expect(sha256Of(`${path}/shared.bin`)).toBe(swarm.file.sha256);
  });
});
