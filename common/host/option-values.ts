import { type Decoded, decoded, malformed } from '../base/errors.ts';
import { exactBytes } from '../base/format.ts';
import type { NumberOption, OptionSpec } from './option-spec.ts';

/** One typed value of an option: text, number or truth. */
export type OptionValue = string | number | boolean;

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const SECOND_UNITS: Readonly<Record<string, number>> = { '': 1, ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };
const TRUE_WORDS: ReadonlySet<string> = new Set(['true', 'yes', 'on', '1']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['false', 'no', 'off', '0']);

/**
 * The typed value of one text, wherever it came from. The reason of a failure is what would have been right, for
 * people: "a whole number from 0 to 65535".
 */
export function parseOptionValue(option: OptionSpec, text: string): Decoded<OptionValue, string> {
  switch (option.kind) {
    case 'flag': {
      const word = text.toLowerCase();
      if (TRUE_WORDS.has(word)) return decoded(true);
      if (FALSE_WORDS.has(word)) return decoded(false);
      return malformed(expectedValue(option));
    }
    case 'choice':
      return option.choices.includes(text) ? decoded(text) : malformed(expectedValue(option));
    case 'text': {
      if (text === '') return malformed('some text');
      // The operating system would silently end the text there.
      if (text.includes('\0')) return malformed('text without NUL characters');
      const wanted = option.check?.(text);
      return wanted === undefined ? decoded(text) : malformed(wanted);
    }
    case 'integer':
    case 'decimal':
    case 'seconds':
    case 'size': {
      const value = parseNumber(option.kind, text);
      if (value === undefined || value < (option.min ?? 0) || value > (option.max ?? Number.MAX_SAFE_INTEGER)) {
        return malformed(expectedValue(option));
      }
      const wanted = option.check?.(value);
      return wanted === undefined ? decoded(value) : malformed(wanted);
    }
    default:
      return option satisfies never;
  }
}

/** A number in the notation of its kind; undefined when the text is anything else. Never NaN. */
function parseNumber(kind: NumberOption['kind'], text: string): number | undefined {
  if (kind === 'integer') {
    if (!/^[+-]?\d{1,16}$/.test(text)) return undefined;
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  if (kind === 'decimal') return /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
  if (kind === 'seconds') {
    const match = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d|)$/i.exec(text);
    return match === null ? undefined : Number(match[1]) * SECOND_UNITS[match[2]!.toLowerCase()]!;
  }
  // `KB` is left out: half of the readers would take it for 1000 bytes.
  const match = /^(\d{1,16}(?:\.\d{1,9})?)(?:([kmgt])(?:i?b)?|b|)$/i.exec(text);
  if (match === null || /^[^i]*[kmgt]b$/i.test(text)) return undefined;
  const bytes = Number(match[1]) * SIZE_UNITS[(match[2] ?? '').toLowerCase()]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** What would be right, for people. */
export function expectedValue(option: OptionSpec): string {
  switch (option.kind) {
    case 'flag':
      return 'true or false';
    case 'choice':
      return `one of ${option.choices.join(', ')}`;
    case 'text':
      return 'some text';
    case 'integer':
      return `a whole number${rangeText(option, String)}`;
    case 'decimal':
      return `a number such as 2 or 1.5${rangeText(option, String)}`;
    case 'seconds':
      return `seconds such as 30, 1.5 or 2m${rangeText(option, String)}`;
    case 'size':
      return `a size such as 524288, 512KiB or 1M${rangeText(option, exactBytes)}`;
    default:
      return option satisfies never;
  }
}

function rangeText(option: NumberOption, show: (value: number) => string): string {
  const min = option.min ?? 0;
  if (option.max !== undefined) return `, from ${show(min)} to ${show(option.max)}`;
  return option.kind === 'integer' || min > 0 ? `, at least ${show(min)}` : '';
}
