import { hash } from 'node:crypto';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PATIENT, sandbox } from './processes.ts';
import { sha256Of } from './shared-file.ts';
import { CHUNK, GatedSwarm, KIB, swarmForAll } from './swarm.ts';

const SIZE = 3 * CHUNK;

describe('where a download goes', PATIENT, () => {
  const swarm = swarmForAll(SIZE);
  const right = (name: string): boolean => sha256Of(swarm().box.path(name)) === swarm().file.sha256;

  it('may hold the right file already: 0 at once, whoever is there to give it', async () => {
    swarm().file.copy(swarm().box.path('there.bin'));
    const leecher = swarm().leech('there.bin', '--min-seeders', '9', '--json');
    await leecher.endsWith(0);
    expect(await leecher.event('done')).toMatchObject({ ok: true, wasThere: true, fetchedBytes: 0, bytes: SIZE });
  });

  it.each([
    ['another file', new Uint8Array(SIZE)],
    ['a shorter file', new Uint8Array(5)],
    ['an empty file', new Uint8Array(0)],
  ])('is left alone when it holds %s, unless forced', async (what, bytes) => {
    const name = what.replaceAll(' ', '-');
    const path = swarm().box.path(name);
    writeFileSync(path, bytes);
    const refused = await swarm().leech(name).endsWith(13);
    expect(refused.stderr).toMatch(new RegExp(`${name}.*--force`));
    expect(sha256Of(path)).toBe(hash('sha256', bytes));
    await swarm().leech(name, '--force').endsWith(0);
    expect(right(name)).toBe(true);
    expect(readdirSync(swarm().box.directory).filter((one) => one.startsWith(`${name}.`))).toEqual([]);
  });

  it.each(['nowhere/copy.bin', 'shared.bin/copy.bin'])('%s has no place for it: 15', async (path) => {
    const { stderr } = await swarm().leech(path).endsWith(15);
    expect(stderr).toContain(swarm().box.path(path.split('/')[0]!));
  });

  it('[fault 25] is never reached through a link that somebody put there: 15', async () => {
    const victim = swarm().box.path('victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, swarm().box.path('linked.bin.part'));
    const part = await swarm().leech('linked.bin').endsWith(15);
    expect(part.stderr).toContain('linked.bin.part');
    symlinkSync(victim, swarm().box.path('target.bin'));
    await swarm().leech('target.bin').endsWith(15);
    expect(sha256Of(victim)).toBe(hash('sha256', 'precious'));
  });

  it('[fault 51] belongs to one leecher at a time: 11', async () => {
    const gated = await GatedSwarm.start(sandbox(), SIZE);
    await gated.openGates(64 * KIB);
    const first = gated.leech('copy.bin');
    await first.event('start');
    const second = await gated.leech('copy.bin').endsWith(11);
    expect(second.stderr).toContain(`${first.pid}`);
    for (const gate of gated.gates) gate.allow();
    await first.endsWith(0);
    expect(sha256Of(gated.box.path('copy.bin'))).toBe(gated.file.sha256);
  });
});

describe('what a seeder cannot read', PATIENT, () => {
  it.each([
    ['a file that is not there', 'nowhere.bin'],
    ['a directory', '.'],
    ['an empty file', 'empty.bin'],
    ['a device', '/dev/null'],
  ])('is an error: %s, 15', async (_what, name) => {
    const box = sandbox();
    writeFileSync(box.path('empty.bin'), '');
    const seeder = box.start('seeder', ['-f', name, '--host', '127.0.0.1', '-p', '0']);
    const { stderr, stdout } = await seeder.endsWith(15);
    expect(stdout).toBe('');
    expect(stderr).toContain(name);
  });
});
