/**
 * File patterns as shells have them: `*` and `?` stay within a name, `**` goes through directories, `[a-z]` is one
 * character. A pattern without a slash is about the name alone, in whatever directory. Upper and lower case differ.
 */
export function globMatcher(glob: string): (path: readonly string[]) => boolean {
  const pattern = new RegExp(`^${translated(glob.replace(/^\.?\//, ''))}$`, 'su');
  const isAboutName = !glob.includes('/');
  return (path) => pattern.test(isAboutName ? path.at(-1)! : path.join('/'));
}

function translated(glob: string): string {
  let pattern = '';
  for (let at = 0; at < glob.length;) {
    const part = PART.exec(glob.slice(at))![0];
    pattern += translatedPart(part);
    at += part.length;
  }
  return pattern;
}

/** The next thing with a meaning of its own: stars, a set of characters, or one character. */
const PART = /^(?:\*\*\/|\*+|\[[!^]?\]?[^\]/]*\]|[\s\S])/u;

function translatedPart(part: string): string {
  if (part === '**/') return '(?:[^/]+/)*';
  if (part === '*') return '[^/]*';
  if (part.startsWith('**')) return '.*';
  if (part === '?') return '[^/]';
  if (part.length > 1 && part.startsWith('[')) {
    const isNegated = /^\[[!^]/.test(part);
    const members = part.slice(isNegated ? 2 : 1, -1).replaceAll(/[\\\]^[]/g, '\\$&');
    return isNegated ? `(?!/)[^${members}]` : `[${members}]`;
  }
  return part.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
}
