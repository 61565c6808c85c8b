/** Text from outside, made harmless for a terminal, a log or a report: no control, direction or zero-width characters. */
export function printableText(text: string, mostCharacters = 80): string {
  const clean = text.replace(HARMFUL, '\u{fffd}');
  if (clean.length <= mostCharacters) return clean;
  const characters = Array.from(clean);
  return characters.length <= mostCharacters ? clean : `${characters.slice(0, mostCharacters - 1).join('')}…`;
}

/** Control (Cc), format (Cf: bidi, zero width), line and paragraph separators, lone surrogates. */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
