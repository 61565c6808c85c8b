/** The trackers that `tracker.ts` compares, each as a process of its own on a free port of 127.0.0.1, on the first CPU. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NPM_PACKAGE = 'bittorrent-tracker@11.2.3';
/** Of `/proc/PID/stat`, on every Linux there is. */
const TICKS_PER_SECOND = 100;

export interface Server {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Whether it remembers peers. */
  readonly registers: boolean;
  /** Has the generator's CPU too, which then must let it. */
  readonly sharesCpus?: true;
}

interface Launch {
  readonly scratch: string;
  /** The load generator, which knows the info hashes. */
  readonly load: (words: readonly string[]) => string;
  readonly swarms: number;
}

/** A server by its name; text says why there is none. */
export async function startServer(name: string, launch: Launch): Promise<Server | string> {
  const ours = ['tracker.js', '-q', '-p', '0', '--host', '127.0.0.1'];
  if (name === 'ours') return started(name, true, process.execPath, ours);
  if (name === 'ours with 2 workers') {
    const server = await started(name, true, process.execPath, [...ours, '--workers', '2'], '0,1');
    return { ...server, sharesCpus: true };
  }
  if (name.startsWith('node:dgram echo')) {
    const words = ['--import', 'tsx', 'scripts/bench/tracker-echo.ts'];
    return started(name, false, process.execPath, name.endsWith('no lookup') ? [...words, '--lookup'] : words);
  }
  return name === 'opentracker' ? opentracker(launch) : npmTracker(launch.scratch);
}

/** Debian builds it to serve only the hashes of a list. */
async function opentracker({ scratch, load, swarms }: Launch): Promise<Server | string> {
  if (spawnSync('which', ['opentracker']).status !== 0) return 'opentracker is not installed';
  const port = await freePort();
  const folder = join(scratch, 'opentracker');
  mkdirSync(folder);
  execFileSync('chmod', ['755', scratch, folder]);
  writeFileSync(join(folder, 'list'), load(['-L', '-H', String(swarms), '0']));
  const lines = [`listen.udp 127.0.0.1:${port}`, 'access.whitelist list', `tracker.rootdir ${folder}`];
  writeFileSync(join(folder, 'conf'), `${lines.join('\n')}\n`);
  const child = spawnPinned('opentracker', ['-f', join(folder, 'conf')]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return { name: 'opentracker', port, process: child, registers: true };
}

async function npmTracker(scratch: string): Promise<Server | string> {
  const folder = join(scratch, 'npm');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const words = ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', NPM_PACKAGE];
  if (spawnSync('npm', words, { cwd: folder }).status !== 0) return `npm could not install ${NPM_PACKAGE}`;
  const script = join(folder, 'tracker.mjs');
  writeFileSync(
    script,
    `// Not through its index, whose client needs a WebRTC library that has to be compiled.
import Server from './node_modules/bittorrent-tracker/server.js';
const server = new Server({ udp: true, http: false, ws: false, stats: false });
for (const event of ['error', 'warning']) server.on(event, (error) => console.error(error.message));
server.on('listening', () => console.log('tracker udp://127.0.0.1:' + server.udp.address().port));
server.listen(0, { udp: '127.0.0.1', udp4: '127.0.0.1' });
`,
  );
  return started('npm bittorrent-tracker', true, process.execPath, [script]);
}

async function started(
  name: string,
  registers: boolean,
  program: string,
  words: readonly string[],
  onCpus = '0',
): Promise<Server> {
  const child = spawnPinned(program, words, onCpus);
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} ended before it listened`);
  });
  const [line] = (await Promise.race([once(child.stdout!, 'data'), ended])) as [Buffer];
  const port = Number(/:(\d+)\n/.exec(line.toString())?.[1]);
  return { name, port, process: child, registers };
}

/** One CPU for the tracker leaves the other to the generator, so that neither takes turns with the other. */
function spawnPinned(program: string, words: readonly string[], onCpus = '0'): ChildProcess {
  return spawn('taskset', ['-c', onCpus, program, ...words], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Seconds of CPU that a process has used. */
export function cpuSeconds(server: Server): number {
  const fields = readFileSync(`/proc/${server.process.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident bytes of a process, as they are now. */
export function residentBytes(server: Server): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.process.pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}
