import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { MIB } from '../common/base/limits.ts';
import { generate } from '../common/fixtures/generate.ts';
import { lineOf, start } from '../common/fixtures/processes.ts';
import { temporaryDirectory } from '../common/fixtures/temporary.ts';
import { WebServer } from '../common/fixtures/web-server.ts';

const CONTENT = generate(24 * MIB + 5, 9);

interface Reported {
  readonly address: string;
  readonly bytes: number;
  readonly banned: boolean;
}

interface Done {
  readonly event: string;
  readonly ok: boolean;
  readonly sources: readonly Reported[];
}

/** A tracker with two seeders, and a web server; what the leecher reports at its end. */
async function downloadFrom(
  served: Uint8Array,
  by: 'option' | 'torrent' = 'option',
): Promise<Done & { readonly code: number | null; readonly url: string }> {
  const directory = temporaryDirectory();
  const path = join(directory, 'content.bin');
  writeFileSync(path, CONTENT);
  const tracker = await lineOf(start('tracker', ['-p', '0', '--host', '127.0.0.1'], directory), 'tracker ');
  const server = await WebServer.start();
  onTestFinished(() => server.stop());
  server.serve('/files/content.bin', { bytes: served });
  const url = `${server.url}/files/`;
  const torrent = join(directory, 'content.torrent');
  let hash = '';
  for (let i = 0; i < 2; i++) {
    const args = ['-f', path, '-p', '0', '--host', '127.0.0.1', '-t', tracker];
    if (by === 'torrent') args.push('--webseed', url, '--save-torrent', torrent);
    hash = await lineOf(start('seeder', args, directory), 'info hash: ');
  }
  const target = join(directory, 'arrived.bin');
  const what = by === 'torrent' ? [torrent] : [hash, '--webseed', url];
  const args = [...what, '-t', tracker, '-o', target, '--min-seeders', '3', '--json'];
  const leecher = start('leecher', [...args, '--host', '127.0.0.1'], directory);
  let text = '';
  leecher.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
  leecher.stderr.resume();
  const [code] = (await once(leecher, 'close')) as [number | null];
  const done = JSON.parse(text.trimEnd().split('\n').at(-1)!) as Done;
  expect(equalBytes(readFileSync(target), CONTENT)).toBe(true);
  return { ...done, code, url };
}

describe('a leecher with a web seed and two seeders', () => {
  it('takes bytes from all three, and its report names them', async () => {
    const { code, ok, sources, url } = await downloadFrom(CONTENT);
    expect([code, ok, sources.length]).toEqual([0, true, 3]);
    for (const { bytes } of sources) expect(bytes).toBeGreaterThan(0);
    expect(sources.map(({ address }) => address)).toContain(url);
    expect(sources.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(CONTENT.length);
  });

  it('is told of the web seed by the .torrent file of a seeder, and uses it beside the tracker on that very host', async () => {
    const { code, sources, url } = await downloadFrom(CONTENT, 'torrent');
    expect(code).toBe(0);
    expect(sources.map(({ address }) => address)).toContain(url);
  });

  it('drops one that has another file, and completes', async () => {
    const { code, sources, url } = await downloadFrom(CONTENT.map((byte) => byte ^ 0x55));
    expect(code).toBe(0);
    expect(sources.find(({ address }) => address === url)).toMatchObject({ bytes: 0, banned: true });
  });
});

/** Neighbours, a piece that holds several, one longer than a piece, an empty one, and names that must be escaped. */
const FILES: readonly (readonly [string, number])[] = [
  ['a b#c%d.txt', 5],
  ['dir/\u00fcber.bin', 700_000],
  ['dir/empty', 0],
  ['dir-x.bin', 100_000],
  ['z.bin', 524_288],
];

describe('a leecher with nothing but a web seed and a .torrent file', () => {
  it.each(['v2', 'hybrid', 'v1'])('downloads a directory, format %s', async (format) => {
    const directory = temporaryDirectory();
    const server = await WebServer.start();
    onTestFinished(() => server.stop());
    for (const [i, [name, lengthBytes]] of FILES.entries()) {
      const path = join(directory, 'things', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, generate(lengthBytes, i + 1));
      server.serve(`/things/${name.split('/').map(encodeURIComponent).join('/')}`, { bytes: readFileSync(path) });
    }
    const torrent = join(directory, 'things.torrent');
    const common = ['-t', 'udp://127.0.0.1:9', '--host', '127.0.0.1'];
    const describing = [
      '-f',
      'things',
      '-p',
      '0',
      '--format',
      format,
      '--save-torrent',
      torrent,
      '--webseed',
      server.url,
    ];
    const seeder = start('seeder', [...describing, ...common], directory);
    await lineOf(seeder, 'magnet: ');
    seeder.kill('SIGTERM');
    const leecher = start('leecher', [torrent, '-o', 'arrived', '--min-seeders', '1', ...common], directory);
    leecher.stdout.resume();
    leecher.stderr.resume();
    const [code] = (await once(leecher, 'close')) as [number | null];
    expect(code).toBe(0);
    for (const [name] of FILES) {
      const arrived = readFileSync(join(directory, 'arrived', name));
      expect(equalBytes(arrived, readFileSync(join(directory, 'things', name)))).toBe(true);
    }
    // Nobody is asked for padding, nor for what is empty.
    expect(server.asked.some(({ target }) => target.includes('pad') || target.includes('empty'))).toBe(false);
  });
});
