/**
 * How fast the tracker is beside others: `npm run bench:tracker -- [--runs 5] [--seconds 3] [--swarms 10000]
 * [--servers ours,opentracker,…]`. Needs Linux, `cc` and `taskset`; two cores that do nothing else.
 *
 * Each server first gets 100 peers in each swarm; then the loads go by turns through all servers, and every figure is
 * the median of its runs. The generator (`tracker-load.c`) has the second core to itself, but for the tracker with two
 * workers, which has both cores too.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuSeconds, residentBytes, type Server, startServer } from './tracker-servers.ts';

const PEERS_PER_SWARM = 100;
const LOADS = [
  { name: '128 under way', words: ['-o', '128'] },
  { name: '2,048 under way', words: ['-o', '2048'] },
  { name: '10,000 a second', words: ['-o', '2048', '-r', '10000'] },
] as const;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    swarms: { type: 'string', default: '10000' },
    servers: {
      type: 'string',
      default: 'node:dgram echo,node:dgram echo no lookup,ours,ours with 2 workers,opentracker,npm bittorrent-tracker',
    },
  },
});
const swarms = Number(values.swarms);

interface Result {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly lossPercent: number;
  readonly answered: number;
  readonly seconds: number;
}
interface Run extends Result {
  readonly cpuUs: number;
}

const scratch = mkdtempSync(join(tmpdir(), 'shoal-bench-tracker-'));
const generator = join(scratch, 'load');

function missing(): string | undefined {
  if (process.platform !== 'linux') return 'Linux, for recvmmsg and /proc';
  for (const tool of ['cc', 'taskset']) if (spawnSync('which', [tool]).status !== 0) return tool;
  return cpus().length < 2 ? 'a second core, for the generator' : undefined;
}

/** Waits without blocking, since what the servers print has to be read. */
async function load(server: Server, words: readonly string[]): Promise<Run> {
  const before = cpuSeconds(server);
  const all = [
    '-c',
    '1',
    ...(server.sharesCpus === undefined ? [] : ['-y']),
    '-H',
    String(swarms),
    '-P',
    String(PEERS_PER_SWARM),
    ...words,
    String(server.port),
  ];
  const child = spawn(generator, all, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
  await once(child, 'close');
  const result = JSON.parse(text) as Result;
  // The warm-up is not among the answers that were counted; at 0 seconds of it there is none.
  return { ...result, cpuUs: ((cpuSeconds(server) - before) / result.answered) * 1e6 };
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
const thousands = (number: number): string => Math.round(number).toLocaleString('en');

/** Bytes of memory for each peer that was taken in. */
async function fill(server: Server): Promise<number> {
  // A few peers for a while first: the runtime's own memory grows with the first load, whatever is kept.
  await load(server, ['-H', '10', '-s', '2']);
  const before = residentBytes(server);
  const { answered, seconds } = await load(server, ['-R']);
  const bytesPerPeer = (residentBytes(server) - before) / answered;
  console.log(
    `${server.name}: ${thousands(answered)} peers in ${seconds.toFixed(1)} s, ${bytesPerPeer.toFixed(1)} bytes each`,
  );
  return bytesPerPeer;
}

function table(name: string, runs: ReadonlyMap<Server, readonly Run[]>): Map<string, Run> {
  const medians = new Map<string, Run>();
  console.log(`\n${name}: median of ${values.runs} runs (least and most)\n`);
  console.log(
    '| tracker | announces/s | p50 ms | p99 ms | lost % | CPU µs per announce |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const [server, all] of runs) {
    const of = (field: keyof Run): number => median(all.map((run) => run[field]));
    const rates = all.map((run) => run.perSecond);
    const rate = `${thousands(of('perSecond'))} (${thousands(Math.min(...rates))}-${thousands(Math.max(...rates))})`;
    const times = [of('p50Us'), of('p99Us')].map((us) => (us / 1000).toFixed(2)).join(' | ');
    console.log(
      `| ${server.name} | ${rate} | ${times} | ${of('lossPercent').toFixed(3)} | ${of('cpuUs').toFixed(1)} |`,
    );
    const fields = ['perSecond', 'p50Us', 'p99Us', 'lossPercent', 'answered', 'seconds', 'cpuUs'] as const;
    medians.set(server.name, Object.fromEntries(fields.map((field) => [field, of(field)])) as unknown as Run);
  }
  return medians;
}

function ratios(name: string, medians: ReadonlyMap<string, Run>): void {
  const [ours, echo] = [medians.get('ours'), medians.get('node:dgram echo')];
  const npm = medians.get('npm bittorrent-tracker');
  if (ours === undefined) return;
  const paced = name.endsWith('a second');
  const say = (what: string, value: number, limit: string, holds: boolean): void =>
    console.log(`${holds ? 'ok  ' : 'MISS'} ${what}: ${value.toFixed(2)} (${limit})`);
  console.log('');
  if (echo !== undefined && !paced) {
    const ratio = ours.perSecond / echo.perSecond;
    say('announces/s, ours to the echo', ratio, 'at least 0.8', ratio >= 0.8);
  }
  if (echo !== undefined) {
    const ratio = ours.p99Us / echo.p99Us;
    say('p99, ours to the echo', ratio, 'under 2', ratio < 2);
  }
  if (npm !== undefined && !paced) {
    const ratio = ours.perSecond / npm.perSecond;
    say('announces/s, ours to npm bittorrent-tracker', ratio, 'at least 10', ratio >= 10);
  }
  const two = medians.get('ours with 2 workers');
  if (two !== undefined && name.startsWith('2,048')) {
    const ratio = two.perSecond / ours.perSecond;
    say('announces/s, 2 workers beside the generator to one', ratio, 'at least 1.15', ratio >= 1.15);
  }
  say('lost of ours, %', ours.lossPercent, 'none', ours.lossPercent === 0);
}

async function compare(servers: readonly Server[]): Promise<void> {
  const sizes = new Map<string, number>();
  for (const server of servers) if (server.registers) sizes.set(server.name, await fill(server));
  for (const { name, words } of LOADS) {
    const runs = new Map<Server, Run[]>(servers.map((server) => [server, []]));
    for (let run = 0; run < Number(values.runs); run++) {
      for (const [server, all] of runs) all.push(await load(server, ['-s', values.seconds, '-w', '0', ...words]));
    }
    ratios(name, table(name, runs));
  }
  const bytes = sizes.get('ours');
  if (bytes !== undefined)
    console.log(`${bytes <= 40 ? 'ok  ' : 'MISS'} bytes per peer: ${bytes.toFixed(1)} (at most 40)`);
}

const lacking = missing();
const servers: Server[] = [];
try {
  if (lacking !== undefined) throw new Error(`not here: this needs ${lacking}`);
  const source = fileURLToPath(new URL('tracker-load.c', import.meta.url));
  execFileSync('cc', ['-O2', '-o', generator, source]);
  console.log(`${cpus().length} x ${cpus()[0]!.model}, Node ${process.version}\n`);
  for (const name of values.servers.split(',')) {
    const printed = (words: readonly string[]): string =>
      execFileSync(generator, words, { encoding: 'utf8', maxBuffer: 2 ** 28 });
    const server = await startServer(name, { scratch, load: printed, swarms });
    if (typeof server === 'string') console.log(`without ${name}: ${server}`);
    else servers.push(server);
  }
  await compare(servers);
} finally {
  for (const server of servers) server.process.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
}
