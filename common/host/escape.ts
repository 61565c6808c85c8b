/**
 * Characters that must not reach a terminal from outside: C0 and C1 controls, DEL, marks that reorder or break
 * lines, and lone surrogates. A file name or a peer's client string with an escape sequence in it would otherwise
 * drive the user's terminal.
 */
const HOSTILE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Text that is safe to print: each hostile character becomes `\xNN` or `\uNNNN`. */
export function printable(text: string): string {
  return text.replace(HOSTILE, (character) =>
    character <= '\u009f' ? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}` : unicodeEscape(character),
  );
}

/** The same for text that is JSON already: it stays valid JSON of the same value, whatever terminal shows it. */
export const printableJson = (json: string): string => json.replace(HOSTILE, unicodeEscape);

/** Text in double quotes, safe to print: how messages show what a user or a peer said. */
export const quoted = (text: string): string => `"${printable(text).replaceAll('"', '\\"')}"`;
