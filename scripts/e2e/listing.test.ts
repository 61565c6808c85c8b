import { describe, expect, it } from 'vitest';
import { PATIENT, type Event } from './processes.ts';
import { CHUNK, swarmForAll } from './swarm.ts';

const SIZE = 5 * CHUNK + 1;

describe('what programs read', PATIENT, () => {
  const swarm = swarmForAll(SIZE);

  it('a seeder says what it serves in lines of a key and a value', async () => {
    const { process, infoHash, address, magnet } = swarm().seeders[0]!;
    const facts = new Map(
      process.stdout
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
    );
    expect([...facts.keys()]).toEqual(['name', 'size', 'chunks', 'info hash', 'magnet', 'listening', 'get it with']);
    expect(facts.get('name')).toBe('shared.bin');
    expect(facts.get('size')).toBe(`${SIZE}`);
    expect(facts.get('chunks')).toBe(`6 x ${CHUNK} (512KiB)`);
    expect(infoHash).toMatch(/^[0-9a-f]{64}$/);
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    const { searchParams } = new URL(magnet);
    expect(searchParams.get('xt')).toBe(`urn:btmh:1220${infoHash}`);
    expect(searchParams.get('dn')).toBe('shared.bin');
    expect(searchParams.get('tr')).toBe(swarm().tracker.url);
  });

  it('the line that a seeder offers gets the file, typed as it is', async () => {
    const line = await swarm().seeders[0]!.process.fact('get it with');
    const words = /^node leecher\.js '([^']+)'$/.exec(line);
    const folder = swarm().box.folder('typed');
    const { stdout } = await swarm().box.start('leecher', [words![1]!, '-o', 'typed']).endsWith(0);
    expect(stdout).toBe(`${folder}/shared.bin ${SIZE}\n`);
  });

  it('--list has a line for each thing: name, size, seeders, info hash', async () => {
    const { stdout, stderr } = await swarm().box.start('leecher', ['-t', swarm().tracker.url, '--list']).endsWith(0);
    expect(stderr).toBe('');
    expect(stdout.trimEnd().split(/ {2,}/)).toEqual(['shared.bin', '2.5MiB', '3 seeders', swarm().infoHash]);
  });

  it('--list --json has an object for each thing', async () => {
    const words = ['-t', swarm().tracker.url, '--list', '--json'];
    const { stdout } = await swarm().box.start('leecher', words).endsWith(0);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'shared.bin',
      bytes: SIZE,
      chunkBytes: CHUNK,
      seeders: 3,
      infoHash: swarm().infoHash,
    });
  });

  it('--json has an object for each event, the result last', async () => {
    const { stdout } = await swarm().leech('copy.bin', '--json').endsWith(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    const named = (name: string): Event[] => events.filter((event) => event.event === name);
    expect(named('start')).toEqual([{ event: 'start', name: 'shared.bin', bytes: SIZE, chunks: 6, chunkBytes: CHUNK }]);
    const addresses = swarm().seeders.map((seeder) => seeder.address);
    expect(new Set(named('source').map((event) => event['address']))).toEqual(new Set(addresses));
    const chunks = named('chunk').sort((a, b) => Number(a['chunk']) - Number(b['chunk']));
    expect(chunks.map((event) => event['chunk'])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(chunks.map((event) => event['bytes'])).toEqual([CHUNK, CHUNK, CHUNK, CHUNK, CHUNK, 1]);
    for (const event of chunks) expect(addresses).toContain(event['source']);
    expect(events.at(-1)).toMatchObject({
      event: 'done',
      ok: true,
      path: swarm().box.path('copy.bin'),
      bytes: SIZE,
      wasThere: false,
      fetchedBytes: expect.any(Number) as number,
      seconds: expect.any(Number) as number,
    });
  });

  it('--quiet says nothing but the result', async () => {
    const { stdout, stderr } = await swarm().leech('quiet.bin', '-q').endsWith(0);
    expect({ stdout, stderr }).toEqual({
      stdout: `${swarm().box.path('quiet.bin')} ${SIZE}\n`,
      stderr: '',
    });
  });

  it('--progress json tells how far it is, on standard error', async () => {
    const { stderr } = await swarm().leech('shown.bin', '--progress', 'json').endsWith(0);
    const records = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.at(-1)).toMatchObject({ doneBytes: SIZE, totalBytes: SIZE });
  });

  it.each(['info hash', 'truncated info hash', 'part of the name'])(
    '%s is enough to say what is wanted',
    async (by) => {
      const { infoHash } = swarm();
      const words = {
        'info hash': infoHash,
        'truncated info hash': infoHash.slice(0, 40),
        'part of the name': 'SHARED',
      };
      await swarm()
        .leech(`${by}.bin`, words[by as keyof typeof words])
        .endsWith(0);
    },
  );
});
