import { ShoalError } from '../base/errors.ts';
import { type RawValue, parseArguments } from './arguments.ts';
import { COMMON_OPTIONS, type CommonValues } from './common-options.ts';
import { readConfig, readEnvironment } from './config.ts';
import { quoted } from './escape.ts';
import { type CommandSpec, flagName, type OptionSpec, type OptionsOf, type OptionTable } from './option-spec.ts';
import { expectedValue, type OptionValue, parseOptionValue } from './option-values.ts';

export type Settings<S extends CommandSpec> =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly options: OptionsOf<S>; readonly common: CommonValues };

/**
 * What the user wants, from all four places: flag, then environment, then configuration file, then default. Throws a
 * `ShoalError` of code USAGE that names the place, the value and what would be right.
 */
export async function readSettings<S extends CommandSpec>(
  spec: S,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Settings<S>> {
  const table: OptionTable = { ...spec.options, ...COMMON_OPTIONS };
  // Whoever asks for help gets it, whatever else is wrong.
  const asked = askedFor(words);
  if (asked !== undefined) return { kind: asked };
  const given = parseArguments(spec, table, words);
  if (given.options.has('help')) return { kind: 'help' };
  const variables = readEnvironment(environment, table);
  const configPath = resolve('config', COMMON_OPTIONS.config, given.options.get('config') ?? variables.get('config'));
  const file = typeof configPath === 'string' ? readConfig(configPath, table) : new Map<string, RawValue>();

  const pick = (name: string): RawValue | undefined => given.options.get(name) ?? variables.get(name) ?? file.get(name);
  const values = (options: OptionTable): Record<string, unknown> =>
    Object.fromEntries(Object.entries(options).map(([name, option]) => [name, resolve(name, option, pick(name))]));

  const common = values(COMMON_OPTIONS) as unknown as CommonValues;
  if (common.quiet && common.verbose > 0) {
    throw new ShoalError('USAGE', '--quiet and --verbose contradict each other; give one of them');
  }
  const options = values(spec.options);
  if (spec.positional !== undefined) options[spec.positional.name] = given.positional;
  return { kind: 'run', options: options as OptionsOf<S>, common };
}

function askedFor(words: readonly string[]): 'help' | 'version' | undefined {
  const end = words.indexOf('--');
  const before = end < 0 ? words : words.slice(0, end);
  if (before.some((word) => word === '--help' || word === '-h')) return 'help';
  return before.includes('--version') ? 'version' : undefined;
}

/** One option's typed value: a single one, a list, a truth or a count. */
function resolve(
  name: string,
  option: OptionSpec,
  raw: RawValue | undefined,
): OptionValue | readonly OptionValue[] | undefined {
  if (raw === undefined) {
    if (option.required) {
      throw new ShoalError(
        'USAGE',
        `${flagName(name)}${option.alias === undefined ? '' : ` (-${option.alias})`} is missing`,
      );
    }
    if (option.kind === 'flag') return option.many ? 0 : false;
    const standard = option.default;
    return option.many && !Array.isArray(standard)
      ? standard === undefined
        ? []
        : [standard as OptionValue]
      : standard;
  }
  if (option.kind === 'flag' && option.many) return countOf(option, raw);
  if (!option.many && raw.texts.length !== 1) {
    throw new ShoalError(
      'USAGE',
      `${raw.source} is given ${raw.texts.length} times (${raw.texts.map(quoted).join(', ')}); it takes one value`,
    );
  }
  const typed = raw.texts.map((text) => typedValue(option, raw.source, text));
  return option.many ? typed : typed[0]!;
}

function typedValue(option: OptionSpec, source: string, text: string): OptionValue {
  const result = parseOptionValue(option, text);
  if (!result.ok) throw wrongValue(source, text, result.reason);
  return result.value;
}

function wrongValue(source: string, text: string, wanted: string): ShoalError {
  const is = text === '' ? 'is empty' : `${quoted(text)} is not right`;
  return new ShoalError('USAGE', `${source}: ${is}; it takes ${wanted}`);
}

/** `-vv`, `SHOAL_VERBOSE=2` or `"verbose": true`. */
function countOf(option: OptionSpec, raw: RawValue): number {
  let count = 0;
  for (const text of raw.texts) {
    if (/^\d$/.test(text)) count += Number(text);
    else {
      const result = parseOptionValue(option, text);
      if (!result.ok) throw wrongValue(raw.source, text, `a count, or ${expectedValue(option)}`);
      count += result.value === true ? 1 : 0;
    }
  }
  return count;
}
