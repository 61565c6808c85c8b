/**
 * What a seeder's sending costs: `npm run bench:upload [-- MIB RUNS]`, medians. Takers on the loopback interface, each
 * from an address of its own, ask for their shares of a file in memory and throw away what comes: one with large
 * requests, one with those of 16 KiB that other clients make, and many. CPU is that of all threads of the seeder.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { fromHex, utf8 } from '../../common/base/bytes.ts';
import type { PeerId, WireHash } from '../../common/base/ids.ts';
import { BLOCK_BYTES, HANDSHAKE_BYTES, KIB, MIB } from '../../common/base/limits.ts';
import { Extensions } from '../../common/peer/extensions.ts';
import { FrameReader, type FrameSink } from '../../common/wire/peer-frames.ts';
import { encodeBare, encodeBlockRef, encodeHandshake, encodeHave, MESSAGE } from '../../common/wire/peer-messages.ts';

const GIB = 1024 * MIB;
const SIZE_BYTES = Number(process.argv[2] ?? 1024) * MIB;
const RUNS = Number(process.argv[3] ?? 5);
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const SEEDER = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'seeder.js');
const CHUNK_BYTES = 512 * KIB;
const CHUNKS = SIZE_BYTES / CHUNK_BYTES;
/** What a taker has asked for at a time: so many bytes, and so many requests as most seeders keep. */
const WINDOW_BYTES = 8 * MIB;
const WINDOW_REQUESTS = 250;
/** A seeder takes no more connections from one address. */
const TAKERS_PER_ADDRESS = 40;
const READ_BUFFER = new Uint8Array(256 * KIB);

const PLANS = [
  { name: 'one, requests of 512 KiB', takers: 1, requestBytes: CHUNK_BYTES },
  { name: 'one, requests of 16 KiB', takers: 1, requestBytes: BLOCK_BYTES },
  { name: '30, requests of 512 KiB', takers: 30, requestBytes: CHUNK_BYTES },
  { name: '300, requests of 512 KiB', takers: 300, requestBytes: CHUNK_BYTES },
] as const;
type Plan = (typeof PLANS)[number];

interface Outcome {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

/** Asks for chunks `first`, `first + step` … over one connection, with what it got acknowledged as a leecher does. */
class Taker implements FrameSink {
  readonly #socket: Socket;
  readonly #frames = new FrameReader(this);
  readonly #plan: Plan;
  readonly #onDone: () => void;
  #openingBytes = HANDSHAKE_BYTES;
  /** The next block to ask for, and what is still to come of each chunk. */
  #chunk: number;
  #begin = 0;
  readonly #left = new Map<number, number>();
  #askedBytes = 0;
  #piece = 0;

  constructor(options: {
    port: number;
    wireHash: WireHash;
    index: number;
    plan: Plan;
    onDone: () => void;
    onFailed: (error: unknown) => void;
  }) {
    const { port, wireHash, index, plan, onDone, onFailed } = options;
    this.#plan = plan;
    this.#chunk = index;
    this.#onDone = onDone;
    const remote = { host: '127.0.0.1', port };
    this.#socket = connect({
      ...remote,
      localAddress: `127.0.1.${1 + Math.floor(index / TAKERS_PER_ADDRESS)}`,
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (count) => {
          try {
            this.#take(READ_BUFFER.subarray(0, count));
          } catch (error) {
            onFailed(error);
          }
          return true;
        },
      },
    });
    this.#socket.on('error', onFailed);
    const peerId = utf8(`-XX0000-${String(index).padStart(12, '0')}`) as PeerId;
    const own = { listenPort: 0, remote, uploadOnly: false, takesPex: false };
    const flags = { extended: true, fast: true, upgrade: false };
    this.#socket.write(encodeHandshake({ flags, wireHash, peerId }));
    if (plan.requestBytes > BLOCK_BYTES) this.#socket.write(new Extensions().encodeOwn(own));
    this.#socket.write(encodeBare(MESSAGE.haveNone));
    this.#socket.write(encodeBare(MESSAGE.interested));
  }

  close(): void {
    this.#socket.destroy();
  }

  bounds(): { min: number; max: number } {
    return { min: 1, max: 2 * MIB };
  }

  keepAlive(): void {}

  message(id: number): boolean {
    if (id === MESSAGE.unchoke) this.#ask();
    if (id === MESSAGE.reject || id === MESSAGE.choke) throw new Error('the seeder refused to serve');
    return true;
  }

  blockStart(piece: number, _begin: number, length: number): boolean {
    this.#piece = piece;
    this.#askedBytes -= length;
    this.#left.set(piece, this.#left.get(piece)! - length);
    return true;
  }

  blockBytes(): void {}

  blockEnd(): boolean {
    if (this.#left.get(this.#piece) === 0) {
      this.#left.delete(this.#piece);
      this.#socket.write(encodeHave(this.#piece));
    }
    this.#ask();
    return true;
  }

  #ask(): void {
    const { requestBytes, takers } = this.#plan;
    const window = Math.min(WINDOW_BYTES, WINDOW_REQUESTS * requestBytes);
    for (; this.#askedBytes < window && this.#chunk < CHUNKS; this.#askedBytes += requestBytes) {
      if (this.#begin === 0) this.#left.set(this.#chunk, CHUNK_BYTES);
      this.#socket.write(encodeBlockRef(MESSAGE.request, this.#chunk, this.#begin, requestBytes));
      this.#begin += requestBytes;
      if (this.#begin < CHUNK_BYTES) continue;
      this.#begin = 0;
      this.#chunk += takers;
    }
    if (this.#left.size === 0) this.#onDone();
  }

  #take(bytes: Uint8Array): void {
    const opening = Math.min(this.#openingBytes, bytes.length);
    this.#openingBytes -= opening;
    const fault = this.#frames.push(bytes.subarray(opening));
    if (fault !== undefined) throw new Error(`what the seeder says cannot be read: ${fault}`);
  }
}

interface Seeder {
  readonly child: ChildProcess;
  readonly port: number;
  readonly wireHash: WireHash;
}

/** It has all chunks but one more, and so shows them all at once: an initial seeder would hold most of them back. */
async function startSeeder(file: string, cache: string): Promise<Seeder> {
  const options = ['-p', '0', '--host', '127.0.0.1', '-t', 'udp://127.0.0.1:1', '-q', '--chunks', `0-${CHUNKS - 1}`];
  const many = ['--max-connections', '400', '--upload-slots', '400'];
  const child = spawn(process.execPath, [SEEDER, '-f', file, ...options, ...many], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [key = '', value = ''] = line.split(/: (.*)/);
    said.set(key, value);
    if (key !== 'listening') continue;
    const wireHash = fromHex(said.get('info hash')!.slice(0, 40))! as WireHash;
    return { child, port: Number(value.split(':').at(-1)), wireHash };
  }
  throw new Error('the seeder ended before it served anything');
}

/** Of all its threads, as Linux counts them: in hundredths. */
function cpuSecondsOf(pid: number): number {
  const fields = execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' })
    .split(') ')[1]!
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const peakMibOf = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

async function run(plan: Plan, file: string, cache: string): Promise<Outcome> {
  const { child, port, wireHash } = await startSeeder(file, cache);
  const pid = child.pid!;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const takers: Taker[] = [];
  try {
    const [cpuSeconds, begin] = [cpuSecondsOf(pid), performance.now()];
    const done = Array.from({ length: plan.takers }, (_, index) => {
      return new Promise<void>((onDone, onFailed) => {
        takers.push(new Taker({ port, wireHash, index, plan, onDone, onFailed }));
      });
    });
    await Promise.all(done);
    const seconds = (performance.now() - begin) / 1000;
    return { seconds, cpuSeconds: cpuSecondsOf(pid) - cpuSeconds, peakMib: peakMibOf(pid) };
  } finally {
    for (const taker of takers) taker.close();
    child.kill('SIGTERM');
    await ended;
  }
}

/** One chunk more than is asked for. */
function makeFile(path: string): void {
  const fd = openSync(path, 'w');
  const part = new Uint8Array(CHUNK_BYTES).map((_, index) => 1 + ((index * 31) % 255));
  for (let chunk = 0; chunk <= CHUNKS; chunk++) {
    new DataView(part.buffer).setFloat64(0, chunk);
    writeSync(fd, part);
  }
  closeSync(fd);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function main(): Promise<void> {
  const place = mkdtempSync(join(PLACE, 'shoal-bench-upload-'));
  try {
    const [file, cache] = [join(place, 'content.bin'), join(place, 'cache')];
    makeFile(file);
    const outcomes = new Map<Plan, Outcome[]>(PLANS.map((plan) => [plan, []]));
    for (let round = 0; round < RUNS; round++) {
      for (const plan of PLANS) outcomes.get(plan)!.push(await run(plan, file, cache));
    }
    console.log(`${cpus().length} × ${cpus()[0]!.model}, Node ${process.versions.node}, ${SIZE_BYTES / MIB} MiB\n`);
    console.log('| takers | GiB/s | CPU of the seeder per GiB | its peak memory |\n| --- | --- | --- | --- |');
    for (const [plan, all] of outcomes) {
      const rate = SIZE_BYTES / GIB / median(all.map(({ seconds }) => seconds));
      const cpuSeconds = (median(all.map((one) => one.cpuSeconds)) * GIB) / SIZE_BYTES;
      const peakMib = median(all.map((one) => one.peakMib));
      console.log(`| ${plan.name} | ${rate.toFixed(2)} | ${cpuSeconds.toFixed(2)} s | ${peakMib.toFixed(0)} MiB |`);
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

await main();
