/**
 * The house rules that a machine can check. `breachesOf` looks at one file alone, so that it can be fed with
 * samples; `tidy.test.ts` runs it over the whole tree, and over a sample of each breach to prove the check itself.
 */
import { posix } from 'node:path';
import { declaresPorts, floorOf, importBreaches, inHost, inScripts, isMain, isTest } from './floors.ts';
import { lineOf, readSource, type SourceText } from './source-text.ts';

export const MAX_LINES = 400;

/** One line of text per breach, `path:line: what`; `path` is relative to the root, with forward slashes. */
export function breachesOf(path: string, text: string): string[] {
  const source = readSource(path, text);
  return [
    ...fileBreaches(source),
    ...source.imports.flatMap((one) => importBreaches(path, one).map((what) => `${path}:${one.line}: ${what}`)),
    ...(isTest(path) ? testBreaches(source) : sourceBreaches(source)),
  ];
}

const UNFINISHED = /\b(?:TODO|FIXME|XXX)\b/g;
const DEFAULT_EXPORT = /\bexport\s+default\b|\bas\s+default\b/g;
const ANY = /(?:[:<|&=([,]|=>|\bas|\bis|\bextends|\breadonly)\s*any\b(?!\s*[:(=.])|\bany\s*\[\]/g;

function fileBreaches(source: SourceText): string[] {
  const { path, lineCount, code, comments } = source;
  const name = posix.basename(path);
  return [
    ...(lineCount > MAX_LINES ? [`${path}: ${lineCount} lines, more than ${MAX_LINES}`] : []),
    ...(/^(?:index|utils?|helpers?|misc)\.ts$/.test(name) ? [`${path}: a file is named after the noun it owns`] : []),
    ...each(source, code, DEFAULT_EXPORT, () => 'default export'),
    ...each(source, code, ANY, () => 'the type any'),
    ...each(source, comments, UNFINISHED, (word) => `${word}: do it or leave it out`),
  ];
}

const TIME_AND_CHANCE =
  /(?<![\w$.#])(?:Date\s*\.\s*now\b|new\s+Date\s*\(\s*\)|Math\s*\.\s*random\b|(?:setTimeout|setInterval|setImmediate|performance|globalThis)\b)/g;
const PROCESS = /(?<![\w$.#])(?:process|console)(?=\s*(?:\.|\[|\?\.))/g;
const BUFFER = /(?<![\w$.#])Buffer\b/g;
/** Uses the one thing that only a Buffer can do, and shows no Buffer to anybody. */
const COPIES = 'common/base/copy-bytes.ts';
const WAITING = /(?<![\w$.#])(?:await|async|Promise)\b/g;

function sourceBreaches(source: SourceText): string[] {
  const { path, code } = source;
  if (inHost(path) || inScripts(path)) return [];
  const floor = floorOf(path);
  const decides = floor !== undefined && floor <= 2 && !declaresPorts(path);
  return [
    ...each(source, code, TIME_AND_CHANCE, (word) => `${word} outside common/host: time and chance are arguments`),
    ...(isMain(path) ? [] : each(source, code, PROCESS, (word) => `${word} outside common/host and main`)),
    ...(floor !== undefined && floor <= 3 && path !== COPIES
      ? each(source, code, BUFFER, () => 'Buffer below the host floor')
      : []),
    ...(decides ? each(source, code, WAITING, (word) => `${word} below the drivers`) : []),
  ];
}

const NOT_RUN = /\b(?:describe|it|test|suite|bench)(?:\.\w+)*\.(?:only|skip|todo)\b/g;
const WALL_CLOCK = /(?<![\w$.#])(?:(?:setTimeout|setInterval|sleep|delay)(?=\s*\()|Date\s*\.\s*now\b|performance\b)/g;
const CHANCE = /(?<![\w$.#])Math\s*\.\s*random\b/g;
/** Ports are only numbers in the test of a codec or a rule; they are real where sockets or processes are. */
const REAL_PORTS = /^node:(?:net|dgram|http|child_process)$|\/host\/|\/(?:udp|tcp[\w-]*|main)\.ts$/;
const FIXED_PORT =
  /\b(?:listen|bind)\s*\([^)]*?(?<![\w.'"])[1-9]\d{2,4}\b|(['"])(?:-p|--port)\1\s*,\s*(['"`])[1-9]\d*\2/g;

function testBreaches(source: SourceText): string[] {
  const { code, uncommented, imports } = source;
  const real = imports.some((one) => REAL_PORTS.test(one.specifier));
  const timers = imports.filter((one) => one.specifier.startsWith('node:timers'));
  return [
    ...each(source, code, NOT_RUN, (word) => `${word}: a test that is here runs`),
    ...each(source, code, WALL_CLOCK, (word) => `${word}: a test waits for events, not for time`),
    ...timers.map((one) => `${source.path}:${one.line}: ${one.specifier}: a test waits for events, not for time`),
    ...each(source, code, CHANCE, (word) => `${word}: chance without a seed`),
    ...(real ? each(source, uncommented, FIXED_PORT, () => 'a fixed port: bind port 0') : []),
  ];
}

function each(source: SourceText, text: string, pattern: RegExp, say: (word: string) => string): string[] {
  return [...text.matchAll(pattern)].map((match) => {
    const word = match[0].replace(/\s+/g, ' ');
    return `${source.path}:${lineOf(text, match.index)}: ${say(word)}`;
  });
}
