/**
 * A small swarm on this machine that the build plays with the commands it has made: what V8 has compiled of them by its
 * end is what a start needs.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { cachePath } from '../common/host/compiled-script.ts';

/** Several chunks, so that leechers have something to give each other … */
const CONTENT_BYTES = 6 * 2 ** 20;
/** … on lines so slow that they do so before the chunks are whole. */
const LINE = ['--bwlimit', '4M:8M'];
const LEECHERS = 3;
/** It takes a few seconds. */
const LIMIT_MS = 30_000;

type Player = ChildProcessByStdio<null, Readable, null>;

/** Plays it with `NAME.rehearsal.cjs` of the directory. Rejects when it does not come to its end. */
export async function rehearse(bin: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'shoal-rehearsal-'));
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  try {
    await play(bin, work, limit.signal);
  } finally {
    clearTimeout(timer);
    limit.abort();
    rmSync(work, { recursive: true });
  }
}

async function play(bin: string, work: string, signal: AbortSignal): Promise<void> {
  const content = join(work, 'content');
  writeFileSync(content, Buffer.alloc(CONTENT_BYTES, 'shoal'));
  const env = { PATH: process.env['PATH'], XDG_CACHE_HOME: join(work, 'cache') };
  const start = (name: string, ...words: readonly string[]): Player => {
    const path = join(bin, `${name}.rehearsal.cjs`);
    const player = spawn(process.execPath, [path, '--host', '127.0.0.1', ...words], {
      cwd: work,
      env,
      signal,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // Told by its end, too.
    player.on('error', () => {});
    return player;
  };
  const tracker = start('tracker', '-p', '0', '--quiet');
  const url = await line(tracker, /^tracker (udp:.*)/);
  const seeder = start('seeder', '-f', content, '-p', '0', '-t', url, '--quiet', ...LINE);
  const link = await line(seeder, /^magnet: (.*)/);
  const leechers = Array.from({ length: LEECHERS }, (_, index) => {
    const folder = join(work, `copy-${index}`);
    mkdirSync(folder);
    return start('leecher', link, '-o', folder, '--min-seeders', '1', '--seed', '--quiet', ...LINE);
  });
  await Promise.all(leechers.map((leecher) => line(leecher, /^(\/.*)/)));
  for (const player of [...leechers, seeder, tracker]) await end(player);
  for (const name of ['tracker', 'seeder', 'leecher']) {
    if (!existsSync(cachePath(join(bin, `${name}.cjs`)))) throw new Error(`nothing was kept of the ${name}`);
  }
}

/** What stands in the first line that is like this. */
async function line(player: Player, like: RegExp): Promise<string> {
  for await (const text of createInterface(player.stdout)) {
    const found = like.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`a command ended in the rehearsal, before it said ${String(like)}`);
}

async function end(player: Player): Promise<void> {
  const ended = once(player, 'close');
  player.kill('SIGTERM');
  player.stdout.resume();
  await ended;
}
