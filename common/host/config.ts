import { readFileSync, statSync } from 'node:fs';
import { ShoalError } from '../base/errors.ts';
import { MIB } from '../base/limits.ts';
import type { RawValue } from './arguments.ts';
import { COMMAND_LINE_ONLY } from './common-options.ts';
import { printable, quoted } from './escape.ts';
import { environmentName, kebabCase, type OptionTable } from './option-spec.ts';
import { didYouMean } from './suggest.ts';

/** A configuration file is read into memory whole. */
const MAX_CONFIG_BYTES = MIB;

/**
 * The options a configuration file gives: a JSON object with camelCase or kebab-case keys. Throws a `ShoalError` of
 * code USAGE that names the file and the key.
 */
export function readConfig(path: string, table: OptionTable): Map<string, RawValue> {
  const names = Object.keys(table).filter((name) => !COMMAND_LINE_ONLY.has(name) && name !== 'config');
  const found = new Map<string, RawValue>();
  for (const [key, value] of Object.entries(readObject(path))) {
    const name = names.find((each) => each === key || kebabCase(each) === key);
    const where = `${printable(key)} in ${printable(path)}`;
    if (name === undefined) {
      throw new ShoalError('USAGE', `${where}: no such option${didYouMean(key, names, String)}`);
    }
    if (found.has(name)) throw new ShoalError('USAGE', `${where}: given twice, as ${name} and ${kebabCase(name)}`);
    found.set(name, {
      source: where,
      texts: (Array.isArray(value) ? value : [value]).map((one) => asText(where, one)),
    });
  }
  return found;
}

function readObject(path: string): Readonly<Record<string, unknown>> {
  const refuse = (why: string): ShoalError => new ShoalError('USAGE', `config file ${printable(path)}: ${why}`);
  let text: string;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw refuse('is not a file');
    if (stat.size > MAX_CONFIG_BYTES) throw refuse('is larger than 1MiB');
    text = readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    throw error instanceof ShoalError ? error : refuse(`cannot be read (${printable((error as Error).message)})`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`is not JSON (${printable((error as Error).message)})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refuse('must hold a JSON object such as {"port": 6969}');
  }
  return value as Readonly<Record<string, unknown>>;
}

function asText(where: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new ShoalError('USAGE', `${where}: ${quoted(JSON.stringify(value))} is no text, number or truth value`);
}

/**
 * The options the environment gives: `SHOAL_MIN_SEEDERS=1`. An empty variable counts as not set, as compose files
 * leave them; several values are separated by commas.
 */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  table: OptionTable,
): Map<string, RawValue> {
  const found = new Map<string, RawValue>();
  for (const [name, option] of Object.entries(table)) {
    const text = environment[environmentName(name)];
    if (text === undefined || text === '' || COMMAND_LINE_ONLY.has(name)) continue;
    const several = option.many === true && option.kind !== 'flag';
    const texts = several ? text.split(',').map((part) => part.trim()) : [text];
    found.set(name, { source: environmentName(name), texts });
  }
  return found;
}
