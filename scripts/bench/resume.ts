/**
 * How fast a download goes on: `npm run bench:resume [-- SPARSE_GIB DATA_MIB RUNS DIRECTORY]`. A leecher finds a part
 * file that is complete but for its last chunk, verifies it, fetches that chunk, and is done; beside it the seeder that
 * hashes the same file. Once with data, and once with a file that is all hole but for its last chunk, so large that
 * memory which grew with it would show. Times are less those of a file of 1 MiB; medians.
 * DIRECTORY must have room for the whole file, hole or not, which a leecher sees to. Holes of a disk's files go through
 * the system's cache like data; those of a `tmpfs`, mounted with `-o size=100g`, do not.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { KIB, MIB } from '../../common/base/limits.ts';

const GIB = 1024 * MIB;
const SPARSE_BYTES = Number(process.argv[2] ?? 64) * GIB;
const DATA_BYTES = Number(process.argv[3] ?? 1024) * MIB;
const RUNS = Number(process.argv[4] ?? 3);
const PLACE = process.argv[5] ?? tmpdir();
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CHUNK_BYTES = 512 * KIB;
/** Nobody listens there, and none is needed: the leecher is told where the seeder is. */
const TRACKER = 'udp://127.0.0.1:1';

/** How long something took, and the most memory it had by then. */
interface Run {
  readonly seconds: number;
  readonly peakMib: number;
}

const peakMibOf = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** A command of ours that has no hashes in its cache, until it says a line that is wanted. */
async function until(
  cache: string,
  args: readonly string[],
  isWanted: (line: string) => boolean,
): Promise<Run & { readonly child: ChildProcess; readonly lines: readonly string[] }> {
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache);
  const begin = performance.now();
  const child = spawn(process.execPath, [...args], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (!isWanted(line)) continue;
    const seconds = (performance.now() - begin) / 1000;
    return { seconds, peakMib: peakMibOf(child.pid!), child, lines };
  }
  throw new Error(`${args[0]} ended before it was there:\n${lines.join('\n')}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

/** So many bytes, all hole or all data, and a last chunk of its own. */
function makeFile(path: string, sizeBytes: number, kind: 'sparse' | 'data', last: Uint8Array): void {
  const fd = openSync(path, 'w');
  if (kind === 'sparse') ftruncateSync(fd, sizeBytes);
  // Other bytes in each part, and no zeros, which would not be hashed.
  const part = new Uint8Array(MIB).map((_, index) => 1 + ((index * 31) % 255));
  for (let at = 0; kind === 'data' && at < sizeBytes; at += part.length) {
    new DataView(part.buffer).setFloat64(0, at);
    writeSync(fd, part);
  }
  writeSync(fd, last, 0, last.length, sizeBytes - last.length);
  closeSync(fd);
  const settled = new Date(Date.now() - 60_000);
  utimesSync(path, settled, settled);
}

interface Both {
  readonly seed: Run;
  readonly resume: Run;
}

/** The seeder's start, and the leecher's resume, while the seeder is idle. */
async function both(place: string, name: string, sizeBytes: number): Promise<Both> {
  const torrent = join(place, `${name}.torrent`);
  const alike = ['-p', '0', '--host', '127.0.0.1', '-t', TRACKER, '-q'];
  const seeder = [join(ROOT, 'seeder.js'), '-f', join(place, name), '--save-torrent', torrent, ...alike];
  const cache = join(place, 'cache');
  const seed = await until(cache, seeder, (line) => line.startsWith('get it with'));
  try {
    const peer = seed.lines.find((line) => line.startsWith('listening: '))!.slice('listening: '.length);
    const copy = join(place, 'copy', name);
    // It goes on serving, so that it is still there to be measured.
    const usual = ['--peer', peer, '--min-seeders', '1', '--progress', 'none', '--seed', ...alike];
    const leecher = [join(ROOT, 'leecher.js'), torrent, '-o', copy, ...usual];
    const resume = await until(cache, leecher, (line) => line.startsWith('/'));
    await stop(resume.child);
    // What is complete is the part file of the next run.
    renameSync(copy, `${copy}.part`);
    change(`${copy}.part`, sizeBytes);
    return { seed, resume };
  } finally {
    await stop(seed.child);
  }
}

/** Makes the last chunk another one. */
function change(path: string, sizeBytes: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, randomBytes(64), 0, 64, sizeBytes - 64);
  closeSync(fd);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Rates of the bytes beyond those of the small file. */
function rows(what: string, sizeBytes: number, runs: readonly Both[], small: readonly Both[]): void {
  const rateOf = (pick: (one: Both) => Run): number =>
    sizeBytes / GIB / (median(runs.map((one) => pick(one).seconds)) - median(small.map((one) => pick(one).seconds)));
  const peakOf = (pick: (one: Both) => Run): string => median(runs.map((one) => pick(one).peakMib)).toFixed(0);
  const [hashing, checking] = [rateOf(({ seed }) => seed), rateOf(({ resume }) => resume)];
  const [seeding, resuming] = [peakOf(({ seed }) => seed), peakOf(({ resume }) => resume)];
  console.log(`| ${what}: seeder's start | ${hashing.toFixed(2)} GiB/s | | ${seeding} MiB |`);
  console.log(
    `| ${what}: leecher's resume | ${checking.toFixed(2)} GiB/s | ${(checking / hashing).toFixed(2)} | ${resuming} MiB |`,
  );
}

async function main(): Promise<void> {
  const place = mkdtempSync(join(PLACE, 'shoal-bench-resume-'));
  const sizes = { small: MIB, data: DATA_BYTES, sparse: SPARSE_BYTES };
  const kinds = ['small', 'data', 'sparse'] as const;
  try {
    mkdirSync(join(place, 'copy'));
    for (const kind of kinds) {
      const how = kind === 'sparse' ? 'sparse' : 'data';
      makeFile(join(place, kind), sizes[kind], how, randomBytes(CHUNK_BYTES));
      makeFile(join(place, 'copy', `${kind}.part`), sizes[kind], how, randomBytes(CHUNK_BYTES));
    }
    const of: Record<(typeof kinds)[number], Both[]> = { small: [], data: [], sparse: [] };
    for (let run = 0; run < RUNS; run++) {
      for (const kind of kinds) of[kind].push(await both(place, kind, sizes[kind]));
    }
    console.log(`${availableParallelism()} threads of ${cpus()[0]!.model}, Node ${process.versions.node}\n`);
    console.log('| what | rate | by the seeder | peak memory |\n| --- | --- | --- | --- |');
    rows(`${DATA_BYTES / MIB} MiB of data`, DATA_BYTES, of.data, of.small);
    rows(`${SPARSE_BYTES / GIB} GiB of holes and one chunk`, SPARSE_BYTES, of.sparse, of.small);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

await main();
