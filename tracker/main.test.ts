import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TrackerCaller } from '../common/announce/caller.ts';
import { announceCall, scrapeCall } from '../common/announce/calls.ts';
import type { Endpoint, PeerId, WireHash } from '../common/base/ids.ts';
import { HostClock } from '../common/host/clock.ts';
import { HostRandom } from '../common/host/random.ts';
import { HostUdpBinder } from '../common/host/udp.ts';

const LAUNCHER = fileURLToPath(new URL('../tracker.js', import.meta.url));
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const HASH = new Uint8Array(20).fill(7) as WireHash;

let folder: string;
let workers = 1;
let children: ChildProcessWithoutNullStreams[];
let caller: TrackerCaller;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-tracker-'));
  children = [];
  const udp = new HostUdpBinder({ meter: { count: () => {} } });
  caller = new TrackerCaller({ clock: new HostClock(), random: new HostRandom(), udp, localHost: undefined });
});
afterEach(async () => {
  await caller.close();
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function run(...words: string[]): ChildProcessWithoutNullStreams {
  const env = { ...process.env, XDG_STATE_HOME: folder, NO_COLOR: '1' };
  const child = spawn(process.execPath, [LAUNCHER, '--workers', String(workers), ...words], { env });
  children.push(child);
  return child;
}

/** Starts a tracker on a free port and waits until it says where it listens. */
async function track(host: string, ...words: string[]): Promise<[child: ChildProcessWithoutNullStreams, at: Endpoint]> {
  const child = run('-p', '0', '--host', host, ...words);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const match = /^tracker udp:\/\/\[?([^\]]+?)\]?:(\d+)\n$/.exec(line.toString());
  if (match === null) throw new Error(`not as promised: ${line.toString()}`);
  return [child, { host: match[1]!, port: Number(match[2]) }];
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<[code: number | null, stderr: string]> {
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return [code, stderr];
}

const announce = (at: Endpoint, port: number, leftBytes: number): ReturnType<typeof caller.ask<unknown>> =>
  caller.ask(
    at,
    announceCall({
      ...{ infoHash: HASH, peerId: new Uint8Array(20) as PeerId, key: 1, port, leftBytes },
      ...{ downloadedBytes: 0, uploadedBytes: 0, event: 'started', wanted: -1, ttlS: 90, urlPath: '' },
    }),
    5,
  );

/** What all threads together counted under a name. */
const counted = (stderr: string, name: string): number =>
  [...stderr.matchAll(new RegExp(`stopping.* ${name}=(\\d+)`, 'g'))].reduce((sum, [, count]) => sum + Number(count), 0);

// Several threads share a socket on Linux only.
describe.each(process.platform === 'linux' ? [1, 2] : [1])('node tracker.js --workers %d', (count) => {
  beforeEach(() => void (workers = count));

  it('takes connect, announce and scrape, and ends at SIGTERM', async () => {
    const [child, at] = await track('127.0.0.1', '-v');
    expect(await announce(at, 7000, 0)).toEqual({
      ok: true,
      answer: { intervalS: 30, seeders: 1, leechers: 0, peers: [] },
    });
    expect(await announce(at, 7001, 5)).toEqual({
      ok: true,
      answer: { intervalS: 30, seeders: 1, leechers: 1, peers: [{ host: '127.0.0.1', port: 7000 }] },
    });
    expect(await caller.ask(at, scrapeCall([HASH]), 5)).toEqual({
      ok: true,
      answer: [{ seeders: 1, completed: 0, leechers: 1 }],
    });
    const end = ended(child);
    child.kill('SIGTERM');
    const [code, stderr] = await end;
    expect(code).toBe(0);
    expect(stderr).toMatch(/stopping.*peers=2/);
    expect([counted(stderr, 'announce'), counted(stderr, 'scrape')]).toEqual([2, 1]);
  });

  it.runIf(hasIPv6)('listens on IPv6, and with :: on both families', async () => {
    const [, six] = await track('::1');
    expect(await announce(six, 7000, 0)).toMatchObject({ ok: true });
    const [, both] = await track('::');
    for (const host of ['127.0.0.1', '::1']) {
      expect(await announce({ host, port: both.port }, 7000, 0)).toMatchObject({ ok: true, answer: { seeders: 1 } });
    }
  });

  it('[fault 15] keeps its key in a file of its own, so that a restart is not noticed', async () => {
    const secret = join(folder, 'key');
    const [first, at] = await track('127.0.0.1', '--secret-file', secret);
    expect(await announce(at, 7000, 0)).toMatchObject({ ok: true });
    expect((await stat(secret)).mode & 0o777).toBe(0o600);
    first.kill('SIGKILL');
    await once(first, 'close');
    const again = run('-p', String(at.port), '--host', '127.0.0.1', '--secret-file', secret);
    await once(again.stdout, 'data');
    // The caller still has the connection id of the first one.
    expect(await announce(at, 7001, 5)).toMatchObject({ ok: true, answer: { peers: [] } });
    expect((await stat(secret)).size).toBe(32);
  });

  it('says which port is taken and what to do', async () => {
    const [, at] = await track('127.0.0.1');
    const [code, stderr] = await ended(run('-p', String(at.port), '--host', '127.0.0.1'));
    expect(code).toBe(6);
    expect(stderr).toMatch(new RegExp(`^shoal-tracker: .*127\\.0\\.0\\.1:${at.port}.*choose another with -p`));
  });

  it('refuses what it cannot use', async () => {
    const [code, stderr] = await ended(run('--host', '192.0.2.1', '-p', '0'));
    expect([code, stderr]).toEqual([6, expect.stringContaining('192.0.2.1 is not an address of this machine')]);
    expect((await ended(run('--ttl', 'soon')))[0]).toBe(2);
  });
});
