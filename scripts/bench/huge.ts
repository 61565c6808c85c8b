/**
 * The largest content there can be, by the three commands: `npm run bench:huge [-- GIB DIRECTORY]`, 1024 and /dev/shm
 * without. A sparse file of 2^21 chunks, sixteen of which are no zeros, is shared by three seeders; a leecher has a part
 * file with half of them, checks all of it, gets the rest and finishes. DIRECTORY should be a tmpfs: other file systems
 * read holes much slower than memory. Prints how long each step takes, beside what reading the file takes at least, and
 * the most memory that each process had.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { KIB, MIB } from '../../common/base/limits.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GIB = Number(process.argv[2] ?? 1024);
const PLACE = process.argv[3] ?? '/dev/shm';
const CHUNK_BYTES = 512 * KIB;
const CHUNKS = GIB * 2048;
const REAL = 16;

const seconds = (since: number): number => (performance.now() - since) / 1000;
const row = (...cells: readonly (string | number)[]): void => {
  console.log(`| ${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(2) : cell)).join(' | ')} |`);
};

/** Chunks that are no zeros: the first, the last, and what lies evenly between. */
const realChunks = Array.from({ length: REAL }, (_, i) => Math.round((i * (CHUNKS - 1)) / (REAL - 1)));

function makeFile(path: string, from?: string): void {
  const fd = openSync(path, 'w+');
  ftruncateSync(fd, CHUNKS * CHUNK_BYTES);
  const source = from === undefined ? undefined : openSync(from, 'r');
  for (const [index, chunk] of realChunks.entries()) {
    const bytes = randomBytes(CHUNK_BYTES);
    if (source !== undefined) readSync(source, bytes, 0, CHUNK_BYTES, chunk * CHUNK_BYTES);
    if (source === undefined || index % 2 === 0) writeSync(fd, bytes, 0, CHUNK_BYTES, chunk * CHUNK_BYTES);
  }
  for (const open of [fd, source]) if (open !== undefined) closeSync(open);
  const settled = new Date(Date.now() - 60_000);
  utimesSync(path, settled, settled);
}

/** The first thing that differs; undefined when the copy is right. Zeros need not be looked at: they are in no block. */
function difference(path: string, copy: string): string | undefined {
  const [a, b] = [openSync(path, 'r'), openSync(copy, 'r')];
  const [one, other] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
  for (const chunk of realChunks) {
    readSync(a, one, 0, CHUNK_BYTES, chunk * CHUNK_BYTES);
    readSync(b, other, 0, CHUNK_BYTES, chunk * CHUNK_BYTES);
    if (!one.equals(other)) return `chunk ${chunk} differs`;
  }
  return undefined;
}

const READING = `
  const { openSync, readSync } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  const { path, from, to, step } = workerData;
  const fd = openSync(path, 'r');
  const bytes = new Uint8Array(step);
  for (let at = from; at < to; at += step) readSync(fd, bytes, 0, step, at);
  parentPort.postMessage('done');
`;

/** GiB/s that threads read, and do nothing with. */
async function readingRate(path: string): Promise<number> {
  const threads = availableParallelism();
  const shareBytes = Math.min((CHUNKS * CHUNK_BYTES) / threads, 16 * 1024 * MIB);
  const begin = performance.now();
  const reads = Array.from({ length: threads }, (_, i) => {
    const workerData = { path, from: i * shareBytes, to: (i + 1) * shareBytes, step: MIB };
    return once(new Worker(READING, { eval: true, workerData }), 'message');
  });
  await Promise.all(reads);
  return (threads * shareBytes) / (1024 * MIB) / seconds(begin);
}

const running: ChildProcess[] = [];

function start(words: readonly string[], folder: string): ChildProcess {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
  const child = spawn(process.execPath, words, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  return child;
}

/** Reads until a line says what is looked for. */
async function lineOf(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  child.stderr!.pipe(process.stderr, { end: false });
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = pattern.exec(line);
    if (found !== null) return found;
  }
  throw new Error(`a command ended before it said ${pattern}`);
}

interface Memory {
  readonly peakMib: number;
  readonly ownMib: number;
}

function memoryOf(child: ChildProcess): Memory {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const mib = (key: string): number => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { peakMib: mib('VmHWM'), ownMib: mib('RssAnon') + mib('RssShmem') };
}

/** How long each stage took, as the leecher told them, and the most memory that it had. */
async function leech(
  words: readonly string[],
  folder: string,
): Promise<{ stages: Map<string, number>; peakMib: number }> {
  const begin = performance.now();
  const child = start(words, folder);
  const stages = new Map<string, number>();
  let [stage, since, peakMib] = ['start', begin, 0];
  const looking = setInterval(() => {
    if (child.exitCode === null && child.pid !== undefined) peakMib = Math.max(peakMib, memoryOf(child).peakMib);
  }, 100);
  const told: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    told.push(line);
    const next = / stage stage=(\w+)/.exec(line)?.[1];
    if (next === undefined) return;
    stages.set(stage, seconds(since));
    [stage, since] = [next, performance.now()];
  });
  const [code] = (await once(child, 'exit')) as [number];
  clearInterval(looking);
  stages.set('all', seconds(begin));
  if (code !== 0) throw new Error(`the leecher ended with ${code}:\n${told.join('\n')}`);
  return { stages, peakMib };
}

async function main(folder: string): Promise<void> {
  const file = join(folder, 'huge.img');
  makeFile(file);
  const limit = GIB / (await readingRate(file));
  const tracker = start(['tracker.js', '-q', '-p', '0', '--host', '127.0.0.1'], folder);
  const url = (await lineOf(tracker, /udp:\S+/))[0];
  const seeders: { readonly child: ChildProcess; readonly startS: number }[] = [];
  let magnet = '';
  for (let i = 0; i < 3; i++) {
    const begin = performance.now();
    const child = start(['seeder.js', '-q', '-f', file, '-p', '0', '--host', '127.0.0.1', '-t', url], folder);
    magnet = (await lineOf(child, /leecher\.js '?(magnet:[^' ]+)/))[1]!;
    seeders.push({ child, startS: seconds(begin) });
  }
  const afterStart = seeders.map(({ child }) => memoryOf(child));
  const out = join(folder, 'out');
  mkdirSync(out);
  const copy = join(out, 'huge.img');
  makeFile(`${copy}.part`, file);
  const { stages, peakMib } = await leech(['leecher.js', magnet, '-o', out, '-vv', '--progress', 'none'], folder);
  const different = difference(file, copy);
  if (different !== undefined) throw new Error(different);

  console.log(
    `${CHUNKS} chunks, ${GIB} GiB, ${REAL} of them no zeros; ${availableParallelism()} x ${cpus()[0]!.model}\n`,
  );
  row('step', 's', 'of the limit');
  row('---', '---', '---');
  row('reading the file, nothing else: the limit', limit, 1);
  row('seeder: start, all hashed', seeders[0]!.startS, seeders[0]!.startS / limit);
  row('seeder: start, from the cache', seeders[1]!.startS, '');
  const of = (stage: string): number => stages.get(stage) ?? 0;
  row('leecher: learning the hashes from the seeders', of('learning'), '');
  row('leecher: checking the part file', of('checking'), of('checking') / limit);
  row(`leecher: waiting, then getting ${REAL / 2} chunks`, of('waiting') + of('fetching'), '');
  row('leecher: finishing', of('finishing'), '');
  row('leecher: all', of('all'), of('all') / limit);
  console.log('');
  row('process', 'peak MiB', 'own at the end MiB');
  row('---', '---', '---');
  row('tracker', memoryOf(tracker).peakMib, memoryOf(tracker).ownMib);
  for (const [i, { child }] of seeders.entries()) {
    const { peakMib: peak, ownMib } = memoryOf(child);
    row(
      `seeder ${i + 1}, ${i === 0 ? 'hashed' : 'from the cache'} (${afterStart[i]!.peakMib.toFixed(0)} at its start)`,
      peak,
      ownMib,
    );
  }
  row('leecher', peakMib, '');
}

const folder = mkdtempSync(join(PLACE, 'shoal-bench-huge-'));
try {
  await main(folder);
} finally {
  for (const child of running) if (child.exitCode === null) child.kill('SIGTERM');
  await Promise.all(running.flatMap((child) => (child.exitCode === null ? [once(child, 'exit')] : [])));
  rmSync(folder, { recursive: true, force: true });
}
