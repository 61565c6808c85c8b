import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventEmitter } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, EXIT_CODES, ShoalError } from '../base/errors.ts';
import { StoreError } from '../base/ports.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type CommandHost, execute } from './command.ts';
import { defineCommand, type OptionsOf } from './option-spec.ts';

const SPEC = defineCommand({
  name: 'shoal-test',
  summary: 'Does nothing, for a test.',
  usage: '[WHAT] [-p PORT] [-t URL]...',
  examples: [['shoal-test -p 7000', 'serve on port 7000']],
  positional: { name: 'what', describe: 'what to get' },
  options: {
    port: { kind: 'integer', alias: 'p', min: 0, max: 65_535, default: 6_969, valueName: 'PORT', describe: 'The port' },
    tracker: { kind: 'text', alias: 't', many: true, valueName: 'URL', describe: 'A tracker' },
    minSeeders: { kind: 'integer', min: 1, default: 3, describe: 'How many' },
    wait: { kind: 'seconds', default: 30, describe: 'How long' },
    chunkSize: { kind: 'size', default: 524_288, min: 16_384, describe: 'How large' },
    format: { kind: 'choice', choices: ['v2', 'hybrid', 'v1'], default: 'v2', describe: 'Which' },
    force: { kind: 'flag', describe: 'Replace' },
    out: { kind: 'text', alias: 'o', valueName: 'PATH', describe: 'Where' },
  },
});

type Options = OptionsOf<typeof SPEC>;

class Sink extends Writable {
  text = '';
  isTTY = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function run(
  words: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly main?: (options: Options, host: CommandHost) => Promise<number>;
  } = {},
) {
  const stdout = new Sink();
  const stderr = new Sink();
  const seen: Options[] = [];
  const exits: number[] = [];
  const signals = new EventEmitter();
  let uncaught: (error: unknown) => void = () => {};
  const code = execute(
    SPEC,
    async (values, host) => {
      seen.push(values);
      return options.main === undefined ? 0 : options.main(values, host);
    },
    {
      words,
      env: options.env ?? {},
      stdin: () => new PassThrough(),
      stdinIsTty: false,
      stdout,
      stderr,
      signals,
      maxStopMs: 60_000,
      onUncaught: (take) => (uncaught = take),
      exit: (forced) => exits.push(forced),
    },
  );
  return { code: await code, stdout: stdout.text, stderr: stderr.text, options: seen[0], exits, signals, uncaught };
}

const temporary = (name: string, text: string): string => {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text);
  return path;
};

describe('command: help and version', () => {
  it.each([[['--help']], [['-h']], [['-p', 'abc', '--help']], [['-vh']]])(
    '%j prints help on standard output',
    async (words) => {
      const { code, stdout, stderr, options } = await run(words, {
        env: { LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' },
      });
      expect(code).toBe(0);
      expect(stderr).toBe('');
      expect(options).toBeUndefined();
      expect(stdout).toContain('Usage: shoal-test [WHAT] [-p PORT] [-t URL]...');
      expect(stdout).toMatch(/-p, --port +PORT: The port +\[default: 6969\]/);
      expect(stdout).toContain('[default: 512KiB]');
      expect(stdout).toContain('shoal-test -p 7000');
      expect(stdout).toContain('environment twin');
      expect(stdout).toContain('13  target exists and does not verify');
      expect(stdout.split('\n').every((line) => line.length <= 80)).toBe(true);
    },
  );

  it('names every exit code there is', async () => {
    const { stdout } = await run(['-h']);
    for (const code of Object.values(EXIT_CODES)) expect(stdout).toMatch(new RegExp(`^ +${code}  `, 'm'));
  });

  it('prints name and version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `shoal-test ${version}\n`, stderr: '' });
  });
});

describe('command: the end', () => {
  it.each(Object.entries(EXIT_CODES) as [ErrorCode, number][])(
    '%s ends with code %d and one line',
    async (errorCode, expected) => {
      const result = await run([], { main: () => Promise.reject(new ShoalError(errorCode, 'no luck with x; try y')) });
      expect(result).toMatchObject({ code: expected, stderr: 'shoal-test: no luck with x; try y\n', stdout: '' });
    },
  );

  it('maps what a store says to exit codes', async () => {
    const full = await run([], { main: () => Promise.reject(new StoreError('full', 'cannot write a: ENOSPC')) });
    const failed = await run([], { main: () => Promise.reject(new StoreError('failed', 'cannot read a: EIO')) });
    const changed = await run([], { main: () => Promise.reject(new StoreError('changed', 'a has changed')) });
    expect([full.code, failed.code, changed.code]).toEqual([9, 15, 15]);
  });

  it('shows a stack only at -vv', async () => {
    const main = (): Promise<number> => Promise.reject(new TypeError('x is not\na function'));
    const plain = await run([], { main });
    expect(plain).toMatchObject({
      code: 1,
      stderr: 'shoal-test: unexpected failure: x is not a function; -vv shows where\n',
    });
    const verbose = await run(['-vv'], { main });
    expect(verbose.stderr).toContain('command.test.ts');
  });

  it('ends in good order on an error nobody caught', async () => {
    let raise: () => void = () => {};
    const stderr = new Sink();
    const code = execute(SPEC, () => new Promise<number>(() => raise()), {
      words: [],
      env: {},
      stdin: () => new PassThrough(),
      stdinIsTty: false,
      stdout: new Sink(),
      stderr,
      signals: new EventEmitter(),
      maxStopMs: 1,
      onUncaught: (take) => (raise = () => take(new Error('read ECONNRESET'))),
      exit: () => {},
    });
    expect(await code).toBe(1);
    expect(stderr.text).toContain('unexpected failure: read ECONNRESET');
  });

  it('[fault 54] asks main to stop at the first signal and leaves at the second', async () => {
    const exits: number[] = [];
    const signals = new EventEmitter();
    const stderr = new Sink();
    const code = await execute(
      SPEC,
      async (_options, host) => {
        signals.emit('SIGTERM');
        expect(await host.stopRequested).toBe('SIGTERM');
        expect(exits).toEqual([]);
        signals.emit('SIGINT');
        expect(exits).toEqual([7]);
        return 7;
      },
      {
        words: [],
        env: {},
        stdin: () => new PassThrough(),
        stdinIsTty: false,
        stdout: new Sink(),
        stderr,
        signals,
        maxStopMs: 60_000,
        onUncaught: () => {},
        exit: (forced) => exits.push(forced),
      },
    );
    expect(code).toBe(7);
    expect(stderr.text).toContain('shoal-test: SIGTERM: stopping; once more to leave at once\n');
    expect(signals.listenerCount('SIGTERM')).toBe(0);
  });

  it('[fault 54] ends a process that does not stop in time', async () => {
    const signals = new EventEmitter();
    const left = await new Promise<number>((resolve) => {
      void execute(SPEC, () => new Promise<number>(() => signals.emit('SIGINT')), {
        words: ['-q'],
        env: {},
        stdin: () => new PassThrough(),
        stdinIsTty: false,
        stdout: new Sink(),
        stderr: new Sink(),
        signals,
        maxStopMs: 1,
        onUncaught: () => {},
        exit: resolve,
      });
    });
    expect(left).toBe(7);
  });

  it('[fault 55] a reader who leaves standard output is no error, a full disk is', async () => {
    const broken = async (errorCode: string): Promise<{ code: number; stderr: string }> => {
      const stderr = new Sink();
      const stdout = new Writable({
        write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${errorCode}`), { code: errorCode })),
      });
      const code = await execute(
        SPEC,
        async (_options, host) => {
          for (let i = 0; i < 3; i++) {
            host.out('line');
            await new Promise((resolve) => setImmediate(resolve));
          }
          return 0;
        },
        {
          words: [],
          env: {},
          stdin: () => new PassThrough(),
          stdinIsTty: false,
          stdout,
          stderr,
          signals: new EventEmitter(),
          maxStopMs: 1,
          onUncaught: () => {},
          exit: () => {},
        },
      );
      return { code, stderr: stderr.text };
    };
    expect(await broken('EPIPE')).toEqual({ code: 0, stderr: '' });
    expect(await broken('ENOSPC')).toEqual({
      code: 15,
      stderr: 'shoal-test: cannot write to standard output: write ENOSPC\n',
    });
  });
});

describe('command: logging', () => {
  const main = async (_options: Options, host: CommandHost): Promise<number> => {
    host.log.error('e');
    host.log.warn('w');
    host.log.child('part').info('i', { peer: '10.0.0.1:7' });
    host.log.debug('d');
    host.log.trace('t');
    return 0;
  };
  const levels = async (words: readonly string[], env: Record<string, string> = {}): Promise<string> =>
    (await run(words, { main, env })).stderr.replace(/^\S+ (\w)\w+ .*$/gm, '$1').replaceAll('\n', '');

  it('logs more with -v, less with -q, and what --log-level says', async () => {
    expect(await levels([])).toBe('ewi');
    expect(await levels(['-v'])).toBe('ewid');
    expect(await levels(['-vv'])).toBe('ewidt');
    expect(await levels(['-v', '-v'])).toBe('ewidt');
    expect(await levels(['-q'])).toBe('e');
    expect(await levels(['--log-level', 'warn'])).toBe('ew');
    expect(await levels([], { SHOAL_VERBOSE: '2' })).toBe('ewidt');
  });

  it('writes lines for people: time, level, component, message, fields', async () => {
    const { stderr } = await run([], { main });
    expect(stderr.split('\n')[2]).toMatch(/^\d\d:\d\d:\d\d info part: i peer=10\.0\.0\.1:7$/);
  });

  it('writes lines for machines, and the last error among them', async () => {
    const failing = async (options: Options, host: CommandHost): Promise<number> => {
      await main(options, host);
      throw new ShoalError('NETWORK', 'no route');
    };
    const { stderr, code } = await run(['--log-format', 'json'], { main: failing });
    expect(code).toBe(6);
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[2]).toMatchObject({ level: 'info', component: 'part', msg: 'i', peer: '10.0.0.1:7' });
    expect(lines.at(-1)).toMatchObject({ level: 'error', component: 'test', msg: 'no route' });
  });

  it('appends to a log file instead of standard error', async () => {
    const path = temporary('log.txt', 'before\n');
    const failing = async (options: Options, host: CommandHost): Promise<number> => {
      await main(options, host);
      throw new ShoalError('NETWORK', 'no route');
    };
    const { stderr } = await run(['--log-file', path], { main: failing });
    expect(stderr).toBe('shoal-test: no route\n');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe('before');
    expect(lines[4]).toMatch(/error test: no route$/);
  });

  it('says which log file cannot be written', async () => {
    const { code, stderr } = await run(['--log-file', '/nowhere/at/all.log']);
    expect(code).toBe(15);
    expect(stderr).toContain('/nowhere/at/all.log');
  });
});
