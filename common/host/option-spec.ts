/**
 * What a command accepts, declared as a value. Flags, environment twins, configuration keys, help text and the type
 * of what `main` gets are all derived from it.
 */

interface OptionBase {
  /** One letter. */
  readonly alias?: string;
  readonly describe: string;
  /** How help shows the value: `--port PORT`. */
  readonly valueName?: string;
  /** Without it from any source, the command line is refused. */
  readonly required?: true;
}

export interface TextOption extends OptionBase {
  readonly kind: 'text';
  readonly many?: true;
  readonly default?: string | readonly string[];
  /** Returns what would be right ("an address such as udp://host:port") when the value is not. */
  readonly check?: (value: string) => string | undefined;
}

export interface NumberOption extends OptionBase {
  /** `seconds` takes 90, 1.5, 2m or 1h; `size` takes 524288, 512K, 512KiB or 1M and gives bytes. */
  readonly kind: 'integer' | 'decimal' | 'seconds' | 'size';
  readonly many?: true;
  readonly default?: number | readonly number[];
  readonly min?: number;
  readonly max?: number;
  readonly check?: (value: number) => string | undefined;
}

export interface FlagOption extends OptionBase {
  readonly kind: 'flag';
  /** May be repeated: the value is how often. */
  readonly many?: true;
}

export interface ChoiceOption extends OptionBase {
  readonly kind: 'choice';
  readonly many?: true;
  readonly choices: readonly string[];
  readonly default?: string | readonly string[];
}

export type OptionSpec = TextOption | NumberOption | FlagOption | ChoiceOption;

export type OptionTable = Readonly<Record<string, OptionSpec>>;

export interface PositionalSpec {
  /** camelCase; help shows it in capitals. */
  readonly name: string;
  readonly describe: string;
  readonly required?: true;
}

export interface CommandSpec {
  /** `shoal-tracker`: begins every message. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** What follows the name: `[WHAT] [-t URL]... [-o PATH]`. */
  readonly usage: string;
  /** A command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  readonly positional?: PositionalSpec;
  /** By camelCase name. */
  readonly options: OptionTable;
  /** The level that is logged when nobody asks for another; `info` unless said. */
  readonly logLevel?: 'warn' | 'info';
}

type SingleOf<O> = O extends { kind: 'text' }
  ? string
  : O extends { kind: 'choice'; choices: readonly (infer C)[] }
    ? C
    : O extends { kind: 'integer' | 'decimal' | 'seconds' | 'size' }
      ? number
      : boolean;

type ValueOf<O> = O extends { kind: 'flag'; many: true }
  ? number
  : O extends { kind: 'flag' }
    ? boolean
    : O extends { many: true }
      ? readonly SingleOf<O>[]
      : O extends { default: unknown } | { required: true }
        ? SingleOf<O>
        : SingleOf<O> | undefined;

type PositionalOf<S> = S extends { positional: { name: infer N extends string; required: true } }
  ? { readonly [K in N]: string }
  : S extends { positional: { name: infer N extends string } }
    ? { readonly [K in N]: string | undefined }
    : unknown;

/** The options of a command as `main` gets them. */
export type OptionsOf<S extends { readonly options: OptionTable }> = {
  readonly [K in keyof S['options']]: ValueOf<S['options'][K]>;
} & PositionalOf<S>;

/** Keeps the literal types of a spec that is declared apart from its use. */
export const defineCommand = <const S extends CommandSpec>(spec: S): S => spec;

/** `minSeeders` -> `min-seeders`. */
export const kebabCase = (camel: string): string => camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** `minSeeders` -> `SHOAL_MIN_SEEDERS`. */
export const environmentName = (camel: string): string =>
  `SHOAL_${kebabCase(camel).replaceAll('-', '_').toUpperCase()}`;

/** `--min-seeders`, as messages name it. */
export const flagName = (camel: string): string => `--${kebabCase(camel)}`;

/** `whatToGet` -> `WHAT_TO_GET`: a positional as help shows it. */
export const positionalLabel = (positional: PositionalSpec): string =>
  kebabCase(positional.name).replaceAll('-', '_').toUpperCase();
