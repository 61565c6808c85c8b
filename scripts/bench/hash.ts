/**
 * How fast a seeder starts: `npm run bench:hash [-- MIB RUNS DIRECTORY]`, medians, beside the limits of the machine,
 * which are taken in turn with it. DIRECTORY should be in memory (/dev/shm), or the disk is what is measured.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, ftruncateSync, rmSync, utimesSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { KIB, MIB } from '../../common/base/limits.ts';

const GIB = 1024 * MIB;
const SIZE_BYTES = Number(process.argv[2] ?? 2048) * MIB;
const RUNS = Number(process.argv[3] ?? 5);
const PLACE = process.argv[4] ?? tmpdir();
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SEEDER = join(ROOT, 'seeder.js');
const MERKLE = pathToFileURL(join(ROOT, 'dist', 'common', 'content', 'merkle.js')).href;
const CACHED_BYTES = 10 * GIB;
const PIECE_BYTES = 512 * KIB;
const LIMIT_MS = 1_500;

/** A thread that hashes pieces of memory that is in no cache, and tells how many bytes. Node 20 runs no TypeScript there. */
const HASHING = `
  const { hash } = require('node:crypto');
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.merkle).then(({ rootOfBytes }) => {
    const { isFlat, limitMs, pieceBytes } = workerData;
    const bytes = new Uint8Array(128 * pieceBytes).map((_, index) => index);
    const end = performance.now() + limitMs;
    let done = 0;
    for (; performance.now() < end; done += pieceBytes) {
      const at = done % bytes.length;
      const piece = bytes.subarray(at, at + pieceBytes);
      if (isFlat) hash('sha256', piece);
      else rootOfBytes(piece, pieceBytes / 16384);
    }
    parentPort.postMessage(done);
  });
`;

/** GiB/s of so many threads together. */
async function limit(how: 'flat' | 'merkle', threads: number): Promise<number> {
  const counts = Array.from({ length: threads }, () => {
    const workerData = { isFlat: how === 'flat', limitMs: LIMIT_MS, pieceBytes: PIECE_BYTES, merkle: MERKLE };
    const worker = new Worker(HASHING, { eval: true, workerData });
    return new Promise<number>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
  });
  const done = await Promise.all(counts);
  return done.reduce((sum, bytes) => sum + bytes, 0) / GIB / (LIMIT_MS / 1000);
}

interface Start {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** From the command line to the last of the lines that say what is served. */
async function start(file: string, cache: string): Promise<Start> {
  const begin = performance.now();
  const seeder = spawn(process.execPath, [SEEDER, '-f', file, '-p', '0', '--host', '127.0.0.1', '-q'], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => seeder.once('exit', resolve));
  let seconds = 0;
  for await (const line of createInterface({ input: seeder.stdout })) {
    if (line.startsWith('get it with')) {
      seconds = (performance.now() - begin) / 1000;
      break;
    }
  }
  if (seconds === 0) throw new Error('the seeder ended before it served anything');
  const cpuSeconds = cpuSecondsOf(seeder.pid!);
  seeder.kill('SIGTERM');
  await ended;
  return { seconds, cpuSeconds };
}

/** Of all its threads, as Linux counts them: in hundredths. */
function cpuSecondsOf(pid: number): number {
  const fields = execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' })
    .split(') ')[1]!
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function makeFile(path: string, sizeBytes: number, isSparse: boolean): void {
  const fd = openSync(path, 'w');
  if (isSparse) ftruncateSync(fd, sizeBytes);
  else {
    // Other bytes in each part, and no zeros, which would not be hashed.
    const part = new Uint8Array(MIB).map((_, index) => 1 + ((index * 31) % 255));
    for (let at = 0; at < sizeBytes; at += part.length) {
      new DataView(part.buffer).setFloat64(0, at);
      writeSync(fd, part);
    }
  }
  closeSync(fd);
  // What was written just now may be written again unseen, and would not be remembered.
  const settled = new Date(Date.now() - 60_000);
  utimesSync(path, settled, settled);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const row = (what: string, values: readonly number[], unit: string, best?: number): void => {
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map((one) => one.toFixed(2));
  const ratio = best === undefined ? '' : (median(values) / best).toFixed(2);
  console.log(`| ${what} | ${middle} (${low}-${high}) ${unit} | ${ratio} |`);
};

async function main(): Promise<void> {
  const cores = availableParallelism();
  const place = mkdtempSync(join(PLACE, 'shoal-bench-hash-'));
  try {
    const [file, small, large] = ['file.bin', 'small.bin', 'large.bin'].map((name) => join(place, name));
    makeFile(file!, SIZE_BYTES, false);
    makeFile(small!, MIB, false);
    makeFile(large!, CACHED_BYTES, true);
    const cache = join(place, 'cache');
    await start(large!, cache);
    const of = { one: [], flat: [], merkle: [], sum: [], rate: [], cpu: [], small: [], cached: [] } as Record<
      'one' | 'flat' | 'merkle' | 'sum' | 'rate' | 'cpu' | 'small' | 'cached',
      number[]
    >;
    for (let run = 0; run < RUNS; run++) {
      const none = join(place, `cache-${run}`);
      of.one.push(await limit('flat', 1));
      of.flat.push(await limit('flat', cores));
      of.merkle.push(await limit('merkle', cores));
      const begin = performance.now();
      execFileSync('sha256sum', [file!]);
      of.sum.push(SIZE_BYTES / GIB / ((performance.now() - begin) / 1000));
      const least = await start(small!, none);
      const whole = await start(file!, none);
      of.small.push(least.seconds);
      of.rate.push(SIZE_BYTES / GIB / (whole.seconds - least.seconds));
      of.cpu.push((whole.cpuSeconds - least.cpuSeconds) / (SIZE_BYTES / GIB));
      of.cached.push((await start(large!, cache)).seconds);
    }
    const best = median(of.flat);
    console.log(`${cores} threads of ${cpus()[0]!.model}, Node ${process.versions.node}, ${SIZE_BYTES / MIB} MiB\n`);
    console.log('| what | median (range) | of the limit |\n| --- | --- | --- |');
    row('SHA-256 of memory, one thread', of.one, 'GiB/s', best);
    row(`SHA-256 of memory, ${cores} threads together: the limit`, of.flat, 'GiB/s', best);
    row(`merkle of memory, ${cores} threads together`, of.merkle, 'GiB/s', best);
    row('sha256sum', of.sum, 'GiB/s', best);
    row('seeder hashing a file (start less that of a small one)', of.rate, 'GiB/s', best);
    row('its CPU per GiB', of.cpu, 's');
    row('seeder start, file of 1 MiB', of.small, 's');
    row('seeder start, 10 GiB (sparse) from the cache', of.cached, 's');
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

await main();
