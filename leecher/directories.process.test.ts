import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB } from '../common/base/limits.ts';
import { generate } from '../common/fixtures/generate.ts';
import { lineOf, outcomeOf, start } from '../common/fixtures/processes.ts';
import { temporaryDirectory } from '../common/fixtures/temporary.ts';

const SIZES = [0, 1, 100, 16_384, 20_000, 70_000];

/** Paths and sizes: nested, odd, equal, empty, larger than a chunk. */
const FILES: Readonly<Record<string, number>> = {
  'big.bin': 2 * MIB + 1,
  'dir-x': 9,
  'dir.txt': 5,
  'dir/x': 7,
  'dir/ünï/日本.txt': 70_000,
  '.hidden': 3,
  "it's": 100,
  ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i % 5}/s ${i % 3}/${i}`, SIZES[i % SIZES.length]!])),
};

function layOut(root: string, files: Readonly<Record<string, number>>): void {
  for (const [index, [path, sizeBytes]] of Object.entries(files).entries()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), generate(sizeBytes, 1 + (index % 7)));
  }
}

/** Every file below a directory, with the hash of what is in it. */
function treeOf(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(root, path), createHash('sha256').update(readFileSync(path)).digest('hex')];
    }),
  );
}

/** A tracker and three seeders of a directory `shared`, which also write a .torrent file. */
async function swarmOf(files: Readonly<Record<string, number>>, format: string) {
  const directory = temporaryDirectory();
  const source = join(directory, 'shared');
  const torrent = join(directory, 'shared.torrent');
  layOut(source, files);
  const tracker = await lineOf(start('tracker', ['-p', '0', '--host', '127.0.0.1'], directory), 'tracker ');
  const common = ['-p', '0', '--host', '127.0.0.1', '-t', tracker];
  const magnets: string[] = [];
  for (let i = 0; i < 3; i++) {
    const seeder = start('seeder', ['-f', source, ...common, '--format', format, '--save-torrent', torrent], directory);
    magnets.push(await lineOf(seeder, 'magnet: '));
  }
  const leech = (...args: readonly string[]) => start('leecher', [...args, ...common], directory);
  return { directory, source, torrent, common, magnet: magnets[0]!, leech };
}

describe('a directory', () => {
  it.each(['v2', 'hybrid', 'v1'])(
    'of format %s goes from three seeders to a leecher, whole or in part',
    async (format) => {
      const { directory, source, torrent, magnet, leech } = await swarmOf(FILES, format);
      const whole = await outcomeOf(leech(magnet, '-o', join(directory, 'whole')));
      expect(whole).toMatchObject({ code: 0 });
      expect(treeOf(join(directory, 'whole'))).toEqual(treeOf(source));
      expect(whole.err.match(/its integrity is SHA-1/g)?.length).toBe(format === 'v1' ? 1 : undefined);
      const again = await outcomeOf(leech(torrent, '-o', join(directory, 'whole')));
      expect(again).toMatchObject({ code: 0, err: expect.stringContaining('was there already') as string });

      const some = ['--files', 'dir*', '--files', 'd1/**'];
      const part = await outcomeOf(leech(torrent, '-o', join(directory, 'part'), ...some));
      expect(part).toMatchObject({ code: 0 });
      const wanted = Object.entries(treeOf(source)).filter(([path]) => /^(?:dir-x|dir\.txt|d1\/.*)$/.test(path));
      expect(treeOf(join(directory, 'part'))).toEqual(Object.fromEntries(wanted));
      expect(await outcomeOf(leech(torrent, '-o', join(directory, 'part'), ...some))).toMatchObject({ code: 0 });

      // Others beside them, and then all: it goes on from what is there.
      const other = await outcomeOf(leech(torrent, '-o', join(directory, 'part'), '--files', 'big.bin'));
      expect(other).toMatchObject({ code: 0 });
      const more = Object.entries(treeOf(source)).filter(([path]) => path === 'big.bin');
      expect(treeOf(join(directory, 'part'))).toEqual(Object.fromEntries([...wanted, ...more]));
      expect(await outcomeOf(leech(torrent, '-o', join(directory, 'part')))).toMatchObject({ code: 0 });
      expect(treeOf(join(directory, 'part'))).toEqual(treeOf(source));
    },
  );

  it('[fault 49] that was cut off by a kill goes on with what was verified', async () => {
    const { directory, source, torrent, leech } = await swarmOf({ a: 40 * MIB, 'b/c': 24 * MIB + 1, 'b/e': 0 }, 'v2');
    const target = join(directory, 'arrived');
    const killed = leech(torrent, '-o', target, '--json');
    await lineOf(killed, '{"event":"chunk"');
    killed.kill('SIGKILL');
    await once(killed, 'close');
    expect(existsSync(target)).toBe(false);
    expect(statSync(`${target}.part`).isDirectory()).toBe(true);
    const resumed = await outcomeOf(leech(torrent, '-o', target, '--json'));
    expect(resumed.code).toBe(0);
    const done = JSON.parse(resumed.out.trimEnd().split('\n').at(-1)!) as { ok: boolean; bytes: number };
    expect(done).toMatchObject({ ok: true, bytes: 64 * MIB + 1 });
    expect(treeOf(target)).toEqual(treeOf(source));
    expect(existsSync(`${target}.part`)).toBe(false);
  });

  it('is served again by its .torrent file from a copy of it, but not from anything else', async () => {
    const { directory, source, torrent, common } = await swarmOf({ a: 600_000, 'b/c': 10 }, 'hybrid');
    const args = ['--torrent', torrent, ...common];
    const whole = start('seeder', [...args, '-f', source], directory);
    expect(await lineOf(whole, 'name: ')).toBe('shared');
    layOut(join(directory, 'other'), { a: 600_000, 'b/c': 10 });
    writeFileSync(join(directory, 'other', 'a'), generate(600_000, 99));
    const wrong = await outcomeOf(start('seeder', [...args, '-f', join(directory, 'other')], directory));
    expect(wrong).toMatchObject({ code: 15, err: expect.stringMatching(/chunk 0, in a,/) as string });
    writeFileSync(join(directory, 'other', 'b', 'c'), 'short');
    const short = await outcomeOf(start('seeder', [...args, '-f', join(directory, 'other')], directory));
    expect(short).toMatchObject({ code: 15, err: expect.stringContaining('5 bytes, and 10 in the torrent') as string });
  });

  it('[fault 52] of which only empty files are wanted needs nobody', async () => {
    const { directory, torrent, leech } = await swarmOf({ 'a/none': 0, b: 10, none: 0 }, 'v2');
    const empty = await outcomeOf(leech(torrent, '-o', join(directory, 'empty'), '--files', 'none'));
    expect(empty).toMatchObject({ code: 0 });
    expect(Object.keys(treeOf(join(directory, 'empty'))).toSorted()).toEqual(['a/none', 'none']);
  });

  it('has no file that matches: a usage error that says so', async () => {
    const { torrent, leech } = await swarmOf({ a: 10, b: 10 }, 'v2');
    const nothing = await outcomeOf(leech(torrent, '--files', '*.iso'));
    expect(nothing).toMatchObject({ code: 2, err: expect.stringContaining('none of the 2 files') as string });
  });
});
