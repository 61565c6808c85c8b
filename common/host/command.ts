import { isatty } from 'node:tty';
import { EXIT_CODES, ShoalError } from '../base/errors.ts';
import type { Log } from '../base/ports.ts';
import type { CommonValues } from './common-options.ts';
import { describeFailure } from './failure.ts';
import { ProcessLog, type LogLevel } from './log.ts';
import { type LogFile, openLogFile } from './log-file.ts';
import type { CommandSpec, OptionsOf } from './option-spec.ts';
import { Output, type TextStream } from './output.ts';
import type { Environment } from './paths.ts';
import { askLine } from './prompt.ts';
import { Screen } from './screen.ts';
import { readSettings } from './settings.ts';
import { MAX_STOP_MS, type SignalSource, StopSignals, type StopSignal } from './signals.ts';
import { projectVersion } from './version.ts';

/** What a command's `main` gets of the process it runs in. */
export interface CommandHost {
  readonly log: Log;
  /** One line of result to standard output. A reader who left is no error. */
  out(line: string): void;
  /** One line to standard error, above a progress bar when there is one. */
  err(line: string): void;
  /** Resolves at the first SIGINT or SIGTERM; the process is ended `MAX_STOP_MS` later, or at the second. */
  readonly stopRequested: Promise<StopSignal>;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** Whether standard error may show colours. */
  readonly colour: boolean;
  /** -1 with --quiet, else how often -v was given. */
  readonly verbosity: number;
  readonly env: Environment;
  /** Standard error, with room for a progress bar. */
  readonly screen: Screen;
  /** Asks the user for a line; undefined at the end of standard input or when a stop is requested. */
  ask(question: string): Promise<string | undefined>;
}

/** The process as a command sees it; a test brings its own. */
export interface ProcessWorld {
  readonly words: readonly string[];
  readonly env: Environment;
  /** Opened only when it is asked for. */
  readonly stdin: () => NodeJS.ReadableStream;
  readonly stdinIsTty: boolean;
  readonly stdout: TextStream;
  readonly stderr: TextStream & NodeJS.WritableStream;
  readonly signals: SignalSource;
  readonly maxStopMs: number;
  /** Calls back for an error that nobody caught. */
  onUncaught(take: (error: unknown) => void): void;
  /** Ends the process now. */
  exit(code: number): void;
}

type Main<S extends CommandSpec> = (options: OptionsOf<S>, host: CommandHost) => Promise<number>;

/** After `main` and the last byte of output, something that still holds the process open gets this long. */
const DRAIN_MS = 500;
const MOST_HELP_COLUMNS = 100;

/** Runs a command in this process and ends it with the exit code that `main` gives or its error means. */
export async function runCommand<const S extends CommandSpec>(spec: S, main: Main<S>): Promise<void> {
  // Before and after main nothing else listens, and then a signal would end the process with a code of its own.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  const code = await execute(spec, main, {
    words: process.argv.slice(2),
    env: process.env,
    stdin: () => process.stdin,
    stdinIsTty: isatty(0),
    stdout: process.stdout,
    stderr: process.stderr,
    signals: process,
    maxStopMs: MAX_STOP_MS,
    onUncaught: (take) => process.on('uncaughtException', take),
    exit: (forced) => process.exit(forced),
  });
  process.exitCode = code;
  setTimeout(() => process.exit(code), DRAIN_MS).unref();
}

/** The same with everything of the process handed in. Resolves with the exit code, all output flushed. */
export async function execute<const S extends CommandSpec>(
  spec: S,
  main: Main<S>,
  world: ProcessWorld,
): Promise<number> {
  const stdout = new Output({ stream: world.stdout });
  const stderr = new Output({ stream: world.stderr });
  const screen = new Screen({ output: stderr });
  let code: number;
  try {
    const settings = await readSettings(spec, world.words, world.env);
    if (settings.kind === 'run') {
      const { options, common } = settings;
      code = await runMain({ spec, main, world, stdout, stderr, screen, options, common });
    } else {
      stdout.write(await aboutText(settings.kind, spec, stdout.columns ?? 80));
      stdout.write('\n');
      code = 0;
    }
  } catch (error) {
    const failure = describeFailure(error);
    screen.line(`${spec.name}: ${failure.message}`);
    code = failure.exitCode;
  }
  await Promise.all([stdout.flush(), stderr.flush()]);
  if (stdout.failure !== undefined && code === 0) {
    screen.line(`${spec.name}: cannot write to standard output: ${stdout.failure.message}`);
    code = EXIT_CODES.FILE_ACCESS;
  }
  return code;
}

interface Run<S extends CommandSpec> {
  readonly spec: S;
  readonly main: Main<S>;
  readonly world: ProcessWorld;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly screen: Screen;
  readonly options: OptionsOf<S>;
  readonly common: CommonValues;
}

async function runMain<S extends CommandSpec>(run: Run<S>): Promise<number> {
  const { spec, world, screen, common } = run;
  const colour = screen.isTty && !common.noColor && !world.env['NO_COLOR'] && world.env['TERM'] !== 'dumb';
  const file: LogFile | undefined = common.logFile === undefined ? undefined : openLogFile(common.logFile);
  const logs = new ProcessLog({
    level: chosenLevel(spec, common),
    target: {
      line: (text) => (file === undefined ? screen.line(text) : file.line(text)),
      format: common.logFormat,
      colour: colour && file === undefined,
    },
  });
  const log = logs.log(spec.name.replace(/^shoal-/, ''));
  const say = (text: string): void => {
    if (file !== undefined || common.logFormat === 'json') log.error(text);
    if (file !== undefined || common.logFormat === 'text') screen.line(`${spec.name}: ${text}`);
  };
  const signals = new StopSignals({
    source: world.signals,
    maxStopMs: world.maxStopMs,
    onRequest: (signal) => {
      if (!common.quiet) screen.line(`${spec.name}: ${signal}: stopping; once more to leave at once`);
    },
    onForce: (why) => {
      if (!common.quiet) screen.line(`${spec.name}: left without a clean end (${why})`);
      world.exit(EXIT_CODES.INTERRUPTED);
    },
  });
  const uncaught = new Promise<never>((_, reject) => world.onUncaught(reject));
  try {
    return await Promise.race([run.main(run.options, hostOf(run, { log, signals, colour })), uncaught]);
  } catch (error) {
    const failure = describeFailure(error);
    say(failure.message);
    if (common.verbose >= 2 && !(error instanceof ShoalError && error.code === 'USAGE')) screen.line(failure.details);
    return failure.exitCode;
  } finally {
    await logs.close();
    await file?.close();
    await Promise.all([run.stdout.flush(), run.stderr.flush()]);
    signals.close();
  }
}

function chosenLevel(spec: CommandSpec, common: CommonValues): LogLevel {
  if (common.logLevel !== undefined) return common.logLevel;
  if (common.quiet) return 'error';
  if (common.verbose > 0) return common.verbose > 1 ? 'trace' : 'debug';
  return spec.logLevel ?? 'info';
}

function hostOf<S extends CommandSpec>(
  run: Run<S>,
  made: { readonly log: Log; readonly signals: StopSignals; readonly colour: boolean },
): CommandHost {
  const { world, stdout, screen } = run;
  return {
    log: made.log,
    // Both streams may be the same terminal, where a bar must make room.
    out: (line) => (stdout.isTty ? screen.around(() => stdout.write(`${line}\n`)) : stdout.write(`${line}\n`)),
    err: (line) => screen.line(line),
    stopRequested: made.signals.requested,
    stdinIsTty: world.stdinIsTty,
    stdoutIsTty: stdout.isTty,
    stderrIsTty: screen.isTty,
    colour: made.colour,
    verbosity: run.common.quiet ? -1 : run.common.verbose,
    env: world.env,
    screen,
    ask: (question) => askLine({ input: world.stdin(), output: world.stderr }, question, made.signals.requested),
  };
}

/** What `--help` or `--version` prints. yargs is loaded for that one only. */
async function aboutText(kind: 'help' | 'version', spec: CommandSpec, columns: number): Promise<string> {
  if (kind === 'version') return `${spec.name} ${projectVersion()}`;
  const { helpText } = await import('./help.ts');
  return helpText(spec, Math.min(MOST_HELP_COLUMNS, columns));
}
