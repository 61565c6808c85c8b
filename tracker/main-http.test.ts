import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { looseText } from '../common/base/bytes.ts';
import type { PeerId, WireHash } from '../common/base/ids.ts';
import { HostHttpClient } from '../common/host/http-client.ts';
import { announceQuery, decodeAnnounceAnswer } from '../common/wire/http-tracker.ts';

const LAUNCHER = fileURLToPath(new URL('../tracker.js', import.meta.url));
const HASH = new Uint8Array(20).fill(7) as WireHash;

let folder: string;
let children: ChildProcessWithoutNullStreams[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-tracker-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function run(...words: string[]): ChildProcessWithoutNullStreams {
  const env = { ...process.env, XDG_STATE_HOME: folder, NO_COLOR: '1' };
  const child = spawn(process.execPath, [LAUNCHER, '--host', '127.0.0.1', ...words], { env });
  children.push(child);
  return child;
}

/** The first lines of a process. */
async function lines(child: ChildProcessWithoutNullStreams, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) if (found.push(line) === count) break;
  return found;
}

const client = new HostHttpClient({ localHost: undefined });
async function get(port: number, target: string, name = '127.0.0.1'): Promise<[status: number, body: Uint8Array]> {
  const address = { host: '127.0.0.1', port };
  const question = { secure: false, address, name, target, maxBytes: 1e6, timeoutMs: 20_000 };
  const answer = await client.get(question, new AbortController().signal);
  if (!answer.ok) throw new Error(answer.text);
  return [answer.status, answer.body];
}

async function announce(port: number, leftBytes: number, peerPort: number): Promise<unknown> {
  const peerId = new Uint8Array(20) as PeerId;
  const query = announceQuery({
    ...{ infoHash: HASH, peerId, port: peerPort, uploadedBytes: 0, downloadedBytes: 0, leftBytes },
    ...{ event: 'started', key: 1, wanted: 50, trackerId: undefined },
  });
  return decodeAnnounceAnswer((await get(port, `/announce?${query}`))[1]);
}

describe('node tracker.js --http', () => {
  it('answers on the TCP port of the same number, and says so in a second line', async () => {
    const child = run('-p', '0', '--http', '--http-name', 'tracker.test', '-v');
    const [udp, http] = await lines(child, 2);
    expect(udp).toMatch(/^tracker udp:\/\/127\.0\.0\.1:\d+$/);
    expect(http).toBe(`${udp!.replace('udp:', 'http:')}/announce`);
    const port = Number(/:(\d+)$/.exec(udp!)![1]);
    expect(await announce(port, 0, 7000)).toMatchObject({ ok: true, value: { seeders: 1, peers: [] } });
    expect(await announce(port, 5, 7001)).toMatchObject({ value: { peers: [{ host: '127.0.0.1', port: 7000 }] } });
    const [status, body] = await get(port, '/catalogue.json', 'tracker.test');
    expect([status, JSON.parse(looseText(body))]).toEqual([200, { entries: [], matches: 0, nextCursor: null }]);
    expect((await get(port, '/catalogue.json', 'evil.test'))[0]).toBe(403);
    let stderr = '';
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    child.kill('SIGTERM');
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, stderr]).toEqual([0, expect.stringMatching(/stopping.*peers=2.*http_announce=2/)]);
  });

  it('says which port is taken and what to do, and leaves nothing open', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const child = run('-p', String(port), '--http');
    let stderr = '';
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    taken.close();
    expect(code).toBe(6);
    expect(stderr).toMatch(
      new RegExp(`^shoal-tracker: cannot listen on TCP 127\\.0\\.0\\.1:${port}: .*choose another with -p`),
    );
  });
});
