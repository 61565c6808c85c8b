import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { MIB } from '../common/base/limits.ts';
import { generate } from '../common/fixtures/generate.ts';
import { temporaryDirectory } from '../common/fixtures/temporary.ts';

const CONTENT = generate(6 * MIB + 5, 9);

function start(command: string, args: readonly string[], directory: string): ChildProcessWithoutNullStreams {
  const launcher = fileURLToPath(new URL(`../${command}.js`, import.meta.url));
  const env = { XDG_CACHE_HOME: directory, XDG_STATE_HOME: directory, NO_COLOR: '1' };
  const child = spawn(process.execPath, [launcher, ...args, '--host', '127.0.0.1'], { env, cwd: directory });
  onTestFinished(async () => void (await stop(child)));
  return child;
}

/** Its exit code. */
async function stop(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  return child.exitCode;
}

/** The values of these lines of standard output, which must come. */
async function facts(child: ChildProcessWithoutNullStreams, ...beginnings: string[]): Promise<string[]> {
  const found = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const beginning = beginnings.find((each) => line.startsWith(each));
    if (beginning !== undefined) found.set(beginning, line.slice(beginning.length));
    if (found.size === beginnings.length) break;
  }
  return beginnings.map((each) => found.get(each) ?? `no line of ${each}`);
}

/** All of standard error, from now on. */
function complaints(child: ChildProcessWithoutNullStreams): () => string {
  let text = '';
  child.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()));
  return () => text;
}

describe('seeders and leecher that know an HTTP tracker only', () => {
  it('find each other by the magnet link alone, and say goodbye', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'content.bin');
    writeFileSync(path, CONTENT);
    const tracker = start('tracker', ['-p', '0', '--http', '-v'], directory);
    const said = complaints(tracker);
    const [url] = await facts(tracker, 'tracker http:');
    const seeders = [1, 2, 3].map(() => start('seeder', ['-f', path, '-p', '0', '-t', `http:${url}`], directory));
    const printed = await Promise.all(seeders.map((one) => facts(one, 'magnet: ', 'get it with: ')));
    const [magnet] = printed[0]!;
    expect(decodeURIComponent(magnet!)).toContain(`&tr=http:${url}`);
    const target = join(directory, 'arrived.bin');
    const leecher = start('leecher', [magnet!, '-o', target, '--json'], directory);
    leecher.stdout.resume();
    const [code] = (await once(leecher, 'close')) as [number | null];
    expect(code).toBe(0);
    expect(equalBytes(readFileSync(target), CONTENT)).toBe(true);
    expect(await Promise.all(seeders.map(stop))).toEqual([0, 0, 0]);
    expect(await stop(tracker)).toBe(0);
    // Four times started and stopped, and completed once.
    const last = said().split('\n').findLast((line) => line.includes('http_announce'))!; // prettier-ignore
    expect(last).toMatch(/stopping.* peers=0 .*http_announce=(9|1\d)\b/);
    expect(said()).not.toMatch(/\bconnect=/);
  });

  it('say what is wrong with a tracker that is none', async () => {
    const directory = temporaryDirectory();
    // Without --http nobody listens on the TCP port of the same number.
    const [url] = await facts(start('tracker', ['-p', '0'], directory), 'tracker udp:');
    const leecher = start('leecher', ['a'.repeat(64), '-t', `http:${url}/announce`, '--wait', '1'], directory);
    const said = complaints(leecher);
    const [code] = (await once(leecher, 'close')) as [number | null];
    expect([code, said()]).toEqual([6, expect.stringContaining(`no tracker answers: http:${url}/announce`)]);
    const wrong = start('seeder', ['-f', 'x', '-t', 'ftp://127.0.0.1/announce'], directory);
    const saidWrong = complaints(wrong);
    const [wrongCode] = (await once(wrong, 'close')) as [number | null];
    expect([wrongCode, saidWrong()]).toEqual([2, expect.stringContaining('http://HOST:PORT/announce')]);
  });
});
