import yargs, { type Options } from 'yargs';
import { EXIT_CODES } from '../base/errors.ts';
import { COMMON_OPTIONS } from './common-options.ts';
import { exactBytes } from '../base/format.ts';
import { type CommandSpec, type OptionSpec, kebabCase, positionalLabel } from './option-spec.ts';

const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [0, 'complete and verified'],
  [EXIT_CODES.UNEXPECTED, 'unexpected failure'],
  [EXIT_CODES.USAGE, 'usage or configuration'],
  [EXIT_CODES.CONTENT_UNKNOWN, 'unknown to every tracker, or nothing shared'],
  [EXIT_CODES.TOO_FEW_SEEDERS, 'fewer seeders than the minimum'],
  [EXIT_CODES.TOO_SLOW, 'stalled below the minimum speed'],
  [EXIT_CODES.NETWORK, 'network or bind failure'],
  [EXIT_CODES.INTERRUPTED, 'interrupted or timed out; the same line resumes'],
  [EXIT_CODES.DISK_FULL, 'not enough disk space'],
  [EXIT_CODES.METADATA_INVALID, 'metadata invalid'],
  [EXIT_CODES.DOWNLOAD_LOCKED, 'another process holds this download'],
  [EXIT_CODES.TARGET_DIFFERS, 'target exists and does not verify'],
  [EXIT_CODES.FILE_ACCESS, 'cannot open, read or write a local file'],
  [EXIT_CODES.NAME_UNRESOLVED, 'tracker name does not resolve'],
  [EXIT_CODES.TORRENT_UNREADABLE, '.torrent or magnet unreadable'],
  [EXIT_CODES.NO_VALID_SOURCE, 'no source gave valid data'],
];

/** The text of `--help`, wrapped to `columns`. */
export async function helpText(spec: CommandSpec, columns: number): Promise<string> {
  const builder = yargs([])
    .scriptName(spec.name)
    .detectLocale(false)
    .exitProcess(false)
    .help(false)
    .version(false)
    .parserConfiguration({ 'camel-case-expansion': false, 'boolean-negation': false })
    .wrap(columns)
    .usage(`${spec.summary}\n\nUsage: ${spec.name} ${spec.usage}`);
  if (spec.positional !== undefined) {
    builder.positional(positionalLabel(spec.positional), { describe: spec.positional.describe });
  }
  for (const [group, table] of [
    ['Options:', spec.options],
    ['Common options:', COMMON_OPTIONS],
  ] as const) {
    for (const [name, option] of Object.entries<OptionSpec>(table)) {
      builder.option(kebabCase(name), optionHelp(group, option));
    }
  }
  for (const [line, what] of spec.examples) builder.example(line, what);
  builder.epilogue(
    `Every option has an environment twin (--log-level is SHOAL_LOG_LEVEL; several values are separated by commas) ` +
      `and a key in the --config file ("logLevel"). A flag counts before the environment, that before the file, ` +
      `that before the default.\n\nExit codes:\n` +
      EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(2)}  ${meaning}`).join('\n'),
  );
  return builder.getHelp();
}

function optionHelp(group: string, option: OptionSpec): Options {
  const value = option.valueName === undefined ? '' : `${option.valueName}: `;
  const choices = option.kind === 'choice' ? ` (${option.choices.join(', ')})` : '';
  const repeat = option.many && option.kind !== 'flag' ? ' (repeatable)' : '';
  const shown = defaultText(option);
  return {
    group,
    describe: `${value}${option.describe}${choices}${repeat}`,
    ...(option.alias === undefined ? {} : { alias: option.alias }),
    ...(shown === undefined ? {} : { defaultDescription: shown }),
    ...(option.required ? { demandOption: true } : {}),
  };
}

function defaultText(option: OptionSpec): string | undefined {
  if (option.kind === 'flag' || option.default === undefined) return undefined;
  const show = (value: string | number): string =>
    option.kind === 'size' && typeof value === 'number' ? exactBytes(value) : String(value);
  return typeof option.default === 'object' ? option.default.map(show).join(', ') : show(option.default);
}
