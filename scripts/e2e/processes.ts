/**
 * The three commands in processes of their own, started as a user starts them and watched line by line. Whatever a
 * test starts is killed when it ends. Tests only.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Nothing here takes a tenth of it; two loaded cores may. */
const PATIENCE_MS = 60_000;
/** A container is killed 10 s after it was asked to end; ours are to be gone before. */
const MOST_STOP_SECONDS = 8;
/** For tests: a wait that fails says what it waited for, long before the test as a whole gives up. */
export const PATIENT = { timeout: 3 * PATIENCE_MS } as const;

export type Command = 'tracker' | 'seeder' | 'leecher';
type Channel = 'stdout' | 'stderr';

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** When it ended, in seconds from some beginning. */
  readonly atSeconds: number;
}

/** One object of `leecher --json`. */
export interface Event {
  readonly event: string;
  readonly [key: string]: unknown;
}

interface Wait {
  readonly channel: Channel;
  /** Whether the line is the one; called once for each line. */
  readonly take: (line: string) => boolean;
  readonly fail: (why: string) => void;
}

export class Running {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #text: Record<Channel, string> = { stdout: '', stderr: '' };
  readonly #waits = new Set<Wait>();
  #hasEnded = false;
  readonly exit: Promise<Exit>;

  constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    this.#listen('stdout');
    this.#listen('stderr');
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#hasEnded = true;
        for (const wait of [...this.#waits]) wait.fail('it ended');
        resolve({ code, signal, ...this.#text, atSeconds: now() });
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Everything said until now. */
  get stdout(): string {
    return this.#text.stdout;
  }

  get stderr(): string {
    return this.#text.stderr;
  }

  /** The first line, of those already there and those to come, that `pick` makes something of. */
  seek<T>(channel: Channel, what: string, pick: (line: string) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const close = (): void => {
        clearTimeout(timer);
        this.#waits.delete(wait);
      };
      const wait: Wait = {
        channel,
        take: (line) => {
          const picked = pick(line);
          if (picked === undefined) return false;
          close();
          resolve(picked);
          return true;
        },
        fail: (why) => {
          close();
          reject(new Error(`no ${what} from ${this.#name}: ${why}\n${this.#transcript()}`));
        },
      };
      const timer = setTimeout(() => wait.fail(`waited ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
      this.#waits.add(wait);
      const ready = this.#text[channel].split('\n').slice(0, -1);
      if (!ready.some((line) => wait.take(line)) && this.#hasEnded) wait.fail('it has ended');
    });
  }

  line(pattern: RegExp, channel: Channel = 'stdout'): Promise<RegExpExecArray> {
    return this.seek(channel, `line like ${pattern}`, (line) => pattern.exec(line) ?? undefined);
  }

  /** The n-th event of this name, with `--json`. */
  event(name: string, nth = 1): Promise<Event> {
    let seen = 0;
    return this.seek('stdout', `event ${name} number ${nth}`, (line) => {
      const event = JSON.parse(line) as Event;
      return event.event === name && ++seen === nth ? event : undefined;
    });
  }

  /** The value of a `key: value` line. */
  async fact(key: string): Promise<string> {
    return (await this.line(new RegExp(`^${key}: (.*)$`)))[1]!;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for the end. By another exit code than this, it is an error with everything that was said. */
  async endsWith(code: number): Promise<Exit> {
    const exit = await this.exit;
    if (exit.code === code) return exit;
    throw new Error(`${this.#name} ended with ${exit.code ?? exit.signal}, not ${code}\n${this.#transcript()}`);
  }

  /** Sends a signal that is to end it in time, with this exit code. */
  async stop(name: 'SIGINT' | 'SIGTERM', code: number): Promise<Exit> {
    const from = now();
    this.signal(name);
    const exit = await this.endsWith(code);
    const seconds = exit.atSeconds - from;
    if (seconds < MOST_STOP_SECONDS) return exit;
    throw new Error(`${this.#name} took ${seconds} s to end\n${this.#transcript()}`);
  }

  async kill(): Promise<Exit> {
    this.signal('SIGKILL');
    return this.exit;
  }

  /** Takes away whoever reads what it says. */
  stopReading(channel: Channel): void {
    this.#child[channel]!.destroy();
  }

  #listen(channel: Channel): void {
    this.#child[channel]!.setEncoding('utf8').on('data', (part: string) => {
      const text = this.#text[channel] + part;
      const from = this.#text[channel].lastIndexOf('\n') + 1;
      this.#text[channel] = text;
      for (const line of text.slice(from).split('\n').slice(0, -1)) {
        for (const wait of [...this.#waits]) if (wait.channel === channel) wait.take(line);
      }
    });
  }

  #transcript(): string {
    return (['stdout', 'stderr'] as const).map((channel) => `--- ${channel}\n${this.#text[channel]}`).join('\n');
  }
}

const now = (): number => performance.now() / 1000;

/** A temporary directory with a home in it, and the processes that run there. */
export class Sandbox {
  readonly directory = mkdtempSync(join(tmpdir(), 'shoal-e2e-'));
  readonly #running: Running[] = [];

  path(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  /** A new folder in it; its path. */
  folder(name: string): string {
    mkdirSync(this.path(name));
    return this.path(name);
  }

  /** Settings, caches and keys of whoever runs the tests neither help nor harm, and are not changed. */
  get #environment(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !/^(?:SHOAL_|XDG_|NODE_|VITEST|NO_COLOR)/.test(name));
    return { ...Object.fromEntries(own), HOME: this.directory };
  }

  start(command: Command, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    const words = [join(ROOT, `${command}.js`), ...args];
    return this.#watch(`${command} ${args.join(' ')}`, process.execPath, words, env);
  }

  /** The same through a shell: `exec "$@" REDIRECTION`. */
  shell(command: Command, args: readonly string[], script: string): Running {
    const words = ['-c', script, 'sh', process.execPath, join(ROOT, `${command}.js`), ...args];
    return this.#watch(`${command} ${args.join(' ')}`, '/bin/sh', words, {});
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #watch(name: string, file: string, words: readonly string[], env: NodeJS.ProcessEnv): Running {
    const child = spawn(file, words, {
      cwd: this.directory,
      env: { ...this.#environment, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const running = new Running(name, child);
    this.#running.push(running);
    return running;
  }
}

/** For one test. */
export function sandbox(): Sandbox {
  const made = new Sandbox();
  onTestFinished(() => made.close());
  return made;
}
