import { ShoalError } from '../base/errors.ts';
import { quoted } from './escape.ts';
import { type CommandSpec, flagName, kebabCase, type OptionTable } from './option-spec.ts';
import { didYouMean } from './suggest.ts';

/**
 * The words of a command line in their long form, so that nothing is left to guess: `-vvp7000` becomes
 * `--verbose=true --verbose=true --port=7000`, and a bare flag gets a value, so that the next word is not taken for
 * one. Words after `--` stay as they are. Throws a `ShoalError` of code USAGE for a flag that is none of `table`.
 */
export function spellOut(spec: CommandSpec, table: OptionTable, words: readonly string[]): string[] {
  const names = Object.keys(table);
  const byFlag = new Map(names.map((name) => [flagName(name), name]));
  const byAlias = new Map(names.map((name) => [table[name]!.alias, name]));
  const long: string[] = [];

  // Each tells whether it took the next word as well: a lone dash, which yargs would not take for a value.
  const flag = (name: string, inline: string | undefined, next: string | undefined): boolean => {
    const value = inline ?? (table[name]!.kind === 'flag' ? 'true' : next === '-' ? next : undefined);
    long.push(value === undefined ? flagName(name) : `${flagName(name)}=${value}`);
    return inline === undefined && value === '-';
  };
  const unknown = (word: string, key: string): ShoalError => {
    const near = didYouMean(key, names.map(kebabCase), (name) => `--${name}`);
    return new ShoalError('USAGE', `${quoted(word)} is no option${near}; see ${spec.name} --help`);
  };
  const cluster = (letters: string, next: string | undefined): boolean => {
    for (let at = 0; at < letters.length; at++) {
      const name = byAlias.get(letters[at]);
      if (name === undefined) throw unknown(`-${letters[at]!}`, '');
      const rest = letters.slice(at + 1);
      if (rest.startsWith('=')) return flag(name, rest.slice(1), next);
      if (table[name]!.kind !== 'flag') return flag(name, rest === '' ? undefined : rest, next);
      flag(name, undefined, next);
    }
    return false;
  };
  const spelled = (word: string, next: string | undefined): boolean => {
    const equals = word.indexOf('=');
    const typed = equals < 0 ? word : word.slice(0, equals);
    const name = byFlag.get(typed);
    if (name === undefined) throw unknown(typed, typed.slice(2));
    return flag(name, equals < 0 ? undefined : word.slice(equals + 1), next);
  };

  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    let tookNext = false;
    if (word === '--') return [...long, ...words.slice(at)];
    if (word.startsWith('--')) tookNext = spelled(word, words[at + 1]);
    else if (/^-[^-]/.test(word) && !/^-\d+(\.\d+)?$/.test(word)) tookNext = cluster(word.slice(1), words[at + 1]);
    else long.push(word);
    if (tookNext) at++;
  }
  return long;
}
