/**
 * A source file as the tidy check reads it: its imports, its code without comments and without what stands in
 * quotes, and its comments alone. Three states of one small scanner are enough for that; a parser is not needed.
 *
 * Positions are kept: each view has the length and the line breaks of the source, blanked with spaces.
 */
export interface SourceText {
  readonly path: string;
  readonly lineCount: number;
  /** Without comments; quoted text is kept. */
  readonly uncommented: string;
  /** Without comments, quoted text and regular expressions; `${…}` of a template is code and stays. */
  readonly code: string;
  readonly comments: string;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly specifier: string;
  /** Names between the braces, as the other file calls them; empty for a bare or namespace import. */
  readonly names: readonly string[];
  /** `export … from`: the file hands on what it took. */
  readonly handsOn: boolean;
  readonly line: number;
}

/** What a stretch of the source is. */
type Kind = 'code' | 'quoted' | 'comment';

export function readSource(path: string, text: string): SourceText {
  const kinds = kindsOf(text);
  const uncommented = keep(text, kinds, ['code', 'quoted']);
  const code = keep(text, kinds, ['code']);
  return {
    path,
    lineCount: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    uncommented,
    code,
    comments: keep(text, kinds, ['comment']),
    imports: importsOf(uncommented, code),
  };
}

export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

const FROM =
  /\b(?<verb>import|export)\s+(?<clause>(?:type\s+)?[\w$*\s{},]*?)\s*\bfrom\s*(?<quote>['"])(?<from>[^'"\n]+)\k<quote>/g;
const BARE = /\bimport\s*\(?\s*(['"`])([^'"`\n]+)\1/g;

function importsOf(uncommented: string, code: string): Import[] {
  const found: Import[] = [];
  // The words must be code: a sample inside a template literal is not an import of this file.
  const isCode = (offset: number): boolean => code[offset] === uncommented[offset];
  for (const match of uncommented.matchAll(FROM)) {
    const { verb, clause, from } = match.groups as { verb: string; clause: string; from: string };
    if (!isCode(match.index)) continue;
    found.push({
      specifier: from,
      names: namesIn(clause),
      handsOn: verb === 'export',
      line: lineOf(uncommented, match.index),
    });
  }
  for (const match of uncommented.matchAll(BARE)) {
    if (!isCode(match.index)) continue;
    found.push({ specifier: match[2]!, names: [], handsOn: false, line: lineOf(uncommented, match.index) });
  }
  return found;
}

function namesIn(clause: string): string[] {
  const braces = /\{([^}]*)\}/.exec(clause);
  if (braces === null) return [];
  return braces[1]!
    .split(',')
    .map((part) =>
      part
        .trim()
        .replace(/^type\s+/, '')
        .replace(/\s+as\s.*$/s, ''),
    )
    .filter((name) => name !== '');
}

function keep(text: string, kinds: readonly Kind[], wanted: readonly Kind[]): string {
  let kept = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    kept += char === '\n' || wanted.includes(kinds[i]!) ? char : ' ';
  }
  return kept;
}

function kindsOf(text: string): Kind[] {
  const kinds: Kind[] = [];
  // One entry per open `${`: how many braces of its own are still open.
  const templates: number[] = [];
  let at = 0;
  const mark = (until: number, kind: Kind): void => {
    for (; at < until && at < text.length; at++) kinds[at] = kind;
  };
  /** The text part of a template, up to its end or to the next `${`. */
  const template = (from: number): void => {
    const stop = endOfTemplateText(text, from);
    mark(stop, 'quoted');
    if (text.startsWith('${', stop)) {
      mark(stop + 2, 'code');
      templates.push(0);
    } else mark(stop + 1, 'quoted');
  };
  while (at < text.length) {
    const char = text[at]!;
    const open = templates.length - 1;
    if (text.startsWith('//', at)) mark(offsetAfter(text, '\n', at) - 1, 'comment');
    else if (text.startsWith('/*', at)) mark(offsetAfter(text, '*/', at + 2), 'comment');
    else if (char === "'" || char === '"') mark(endOfQuoted(text, at, char), 'quoted');
    else if (char === '`') template(at + 1);
    else if (char === '/' && opensRegExp(text, kinds, at)) mark(endOfRegExp(text, at), 'quoted');
    else if (char === '}' && open >= 0 && templates[open] === 0) {
      templates.pop();
      mark(at + 1, 'code');
      template(at);
    } else {
      if (open >= 0 && char === '{') templates[open] = templates[open]! + 1;
      if (open >= 0 && char === '}') templates[open] = templates[open]! - 1;
      mark(at + 1, 'code');
    }
  }
  return kinds;
}

/** Just behind the next `sought`, or behind the whole text when there is none. */
function offsetAfter(text: string, sought: string, from: number): number {
  const found = text.indexOf(sought, from);
  return found < 0 ? text.length + 1 : found + sought.length;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfTemplateText(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) at += text[at] === '\\' ? 2 : 1;
  return at;
}

function endOfRegExp(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true;
    if (text[at] === ']') inClass = false;
    at += text[at] === '\\' ? 2 : 1;
  }
  return at + 1;
}

/** A slash divides after a value (a name, a number, a closing bracket) and opens a regular expression elsewhere. */
function opensRegExp(text: string, kinds: readonly Kind[], slash: number): boolean {
  let at = slash - 1;
  while (at >= 0 && (/\s/.test(text[at]!) || kinds[at] === 'comment')) at--;
  if (at < 0) return true;
  if (kinds[at] === 'quoted' || /[)\]}.]/.test(text[at]!)) return false;
  const word = /[\w$]+$/.exec(text.slice(Math.max(0, at - 20), at + 1));
  return word === null || /^(?:return|typeof|case|in|of|do|else|void|await|yield|delete|throw)$/.test(word[0]);
}
