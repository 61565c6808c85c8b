import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

const here = (file: string): string => new URL(file, import.meta.url).href;
const tsx = createRequire(import.meta.url).resolve('tsx');

/** A program of one command whose `main` is the given source text. */
function program(main: string): string[] {
  const source = `
    import { createServer } from 'node:net';
    import { runCommand } from ${JSON.stringify(here('./command.ts'))};
    const spec = { name: 'shoal-test', summary: 's', usage: 'u', examples: [], options: {} };
    await runCommand(spec, async (options, host) => { ${main} });
  `;
  return ['--import', tsx, '--input-type=module', '-e', source];
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(child: ReturnType<typeof spawn>): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, stdout, stderr };
}

const start = (main: string): ReturnType<typeof spawn> => spawn(process.execPath, program(main));

const shell = (main: string, redirection: string): Promise<Ended> =>
  ended(spawn('/bin/sh', ['-c', `exec "$@" ${redirection}`, 'sh', process.execPath, ...program(main)]));

const unix = process.platform !== 'win32';

describe.runIf(unix)('command in a process of its own', () => {
  it('writes all of its output before it ends, however slow the reader', async () => {
    const child = start(`for (let i = 0; i < 40_000; i++) host.out('line ' + i + ' '.repeat(20)); return 3;`);
    child.stdout!.pause();
    setImmediate(() => child.stdout!.resume());
    const { code, stdout } = await ended(child);
    expect(code).toBe(3);
    expect(stdout.trimEnd().split('\n')).toHaveLength(40_000);
  });

  it('[fault 55] is quiet when the reader of standard output leaves', async () => {
    const child = start(`
      for (let i = 0; i < 2_000; i++) {
        host.out('x'.repeat(1_000));
        await new Promise((resolve) => setImmediate(resolve));
      }
      return 0;`);
    child.stdout!.once('data', () => child.stdout!.destroy());
    let stderr = '';
    child.stderr!.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  });

  it('[fault 55] survives closed standard streams and full ones', async () => {
    const main = `
      host.log.info('hello');
      host.err('hello');
      await new Promise((resolve) => setImmediate(resolve));
      host.log.info('hello');
      return 0;`;
    expect(await shell(main, '2>&-')).toMatchObject({ code: 0, stderr: '' });
    expect(await shell(main, '>&- 2>&- <&-')).toMatchObject({ code: 0 });
    if (process.platform === 'linux') {
      expect(await shell(main, '2>/dev/full')).toMatchObject({ code: 0 });
      const full = await shell(`host.out('result'); return 0;`, '>/dev/full');
      expect(full.code).toBe(15);
      expect(full.stderr).toContain('cannot write to standard output: ENOSPC');
    }
  });

  it('[fault 54] ends by the first signal with the code of main', async () => {
    const child = start(`
      createServer().listen(0);
      host.out('ready');
      const signal = await host.stopRequested;
      host.out(signal);
      return 7;`);
    child.stdout!.once('data', () => child.kill('SIGTERM'));
    const { code, stdout, stderr } = await ended(child);
    expect({ code, stdout }).toEqual({ code: 7, stdout: 'ready\nSIGTERM\n' });
    expect(stderr).toContain('SIGTERM: stopping');
  });

  it('[fault 54] ends at the second signal when main does not stop', async () => {
    const child = start(`
      createServer().listen(0);
      host.stopRequested.then(() => host.out('again'));
      host.out('ready');
      return new Promise(() => {});`);
    child.stdout!.on('data', () => child.kill('SIGINT'));
    expect(await ended(child)).toMatchObject({ code: 7, signal: null });
  });

  it('[fault 54] keeps its exit code when a signal comes after main has ended', async () => {
    const child = start(`
      createServer().listen(0);
      setTimeout(() => process.kill(process.pid, 'SIGINT'), 100);
      return 3;`);
    expect(await ended(child)).toMatchObject({ code: 3, signal: null });
  });

  it('[fault 54] is not held open by a handle that main forgot', async () => {
    expect(await ended(start(`createServer().listen(0); return 0;`))).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends with one line and code 1 on an error that nobody caught', async () => {
    const result = await ended(
      start(`setImmediate(() => { throw new Error('boom'); }); return new Promise(() => setInterval(() => {}, 1e6));`),
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toBe('shoal-test: unexpected failure: boom; -vv shows where\n');
  });

  it('ends with one line and code 1 on a rejection that nobody handled', async () => {
    const result = await ended(
      start(`void Promise.reject(new Error('boom')); return new Promise(() => setInterval(() => {}, 1e6));`),
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('unexpected failure: boom');
  });

  it('reads a line from standard input, and gives up at its end', async () => {
    const main = `host.out(String(await host.ask('which? '))); host.out(String(await host.ask('again? '))); return 0;`;
    const child = start(main);
    child.stdin!.end('2\n');
    expect(await ended(child)).toMatchObject({ code: 0, stdout: '2\nundefined\n', stderr: 'which? again? ' });
  });
});
