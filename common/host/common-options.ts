import type { OptionsOf, OptionTable } from './option-spec.ts';

/** What every command understands. */
export const COMMON_OPTIONS = {
  help: { kind: 'flag', alias: 'h', describe: 'Print this help and exit' },
  version: { kind: 'flag', describe: 'Print the version and exit' },
  verbose: { kind: 'flag', alias: 'v', many: true, describe: 'Log more; -vv logs every message' },
  quiet: { kind: 'flag', alias: 'q', describe: 'Log errors only, show no progress' },
  logLevel: {
    kind: 'choice',
    choices: ['error', 'warn', 'info', 'debug', 'trace'],
    describe: 'Log this and what is graver',
  },
  logFormat: {
    kind: 'choice',
    choices: ['text', 'json'],
    default: 'text',
    describe: 'Log lines for people or, one JSON object each, for machines',
  },
  logFile: { kind: 'text', valueName: 'FILE', describe: 'Append the log to FILE instead of standard error' },
  noColor: { kind: 'flag', describe: 'No colours; so does the environment variable NO_COLOR' },
  config: {
    kind: 'text',
    valueName: 'FILE',
    describe: 'Read options from FILE, a JSON object such as {"logLevel": "debug"}',
  },
} as const satisfies OptionTable;

export type CommonValues = OptionsOf<{ readonly options: typeof COMMON_OPTIONS }>;

/** Asked for on the command line only: nobody wants help from a file. */
export const COMMAND_LINE_ONLY: ReadonlySet<string> = new Set(['help', 'version']);
