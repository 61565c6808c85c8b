import parse from 'yargs-parser';
import { ShoalError } from '../base/errors.ts';
import { quoted } from './escape.ts';
import { spellOut } from './flag-words.ts';
import { type CommandSpec, flagName, kebabCase, type OptionTable, positionalLabel } from './option-spec.ts';

/** What was given for one option, as text, and where: `--port`, `SHOAL_PORT`, `port in /etc/shoal.json`. */
export interface RawValue {
  readonly source: string;
  readonly texts: readonly string[];
}

export interface Arguments {
  /** By camelCase option name. */
  readonly options: ReadonlyMap<string, RawValue>;
  readonly positional: string | undefined;
}

/**
 * The parser of yargs finds the words; what they mean is decided here and in `option-values`. Everything stays text:
 * left to itself, it makes NaN of `--port abc` and an array of a repeated flag. yargs itself is loaded for `--help`
 * only: it spends more time on tables of characters than a command needs to have its first datagram out.
 */
const PARSER = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'greedy-arrays': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'strip-aliased': true,
};

/** Throws a `ShoalError` of code USAGE that names the word, and what would be right. */
export function parseArguments(spec: CommandSpec, table: OptionTable, words: readonly string[]): Arguments {
  const found = parse([...spellOut(spec, table, words)], { configuration: PARSER });
  const names = new Map(Object.keys(table).map((name) => [kebabCase(name), name]));
  const options = new Map<string, RawValue>();
  for (const [key, given] of Object.entries(found)) {
    const name = names.get(key);
    if (name !== undefined) options.set(name, { source: flagName(name), texts: givenTexts(name, given) });
  }
  const rest: unknown = found['_'];
  return { options, positional: onlyPositional(spec, Array.isArray(rest) ? rest.map(String) : []) };
}

function givenTexts(name: string, given: unknown): string[] {
  return (Array.isArray(given) ? given : [given]).map((text: unknown) => {
    // The parser says true for a flag that nothing follows.
    if (typeof text === 'string') return text;
    throw new ShoalError(
      'USAGE',
      `${flagName(name)} needs a value; when the value begins with a dash, write ${flagName(name)}=VALUE`,
    );
  });
}

function onlyPositional(spec: CommandSpec, words: readonly string[]): string | undefined {
  const { positional } = spec;
  const extra = words[positional === undefined ? 0 : 1];
  if (extra !== undefined) {
    throw new ShoalError('USAGE', `${quoted(extra)} is one argument too many; see ${spec.name} --help`);
  }
  const word = words[0];
  if (positional === undefined) return undefined;
  if (word === undefined && positional.required) {
    throw new ShoalError('USAGE', `${positionalLabel(positional)} is missing; see ${spec.name} --help`);
  }
  if (word === '') throw new ShoalError('USAGE', `${positionalLabel(positional)} is empty; see ${spec.name} --help`);
  return word;
}
