/**
 * Programs of one file that are kept compiled: V8 takes its own data from `NAME.cjs.cache` and need not read the text.
 * A command of ours would spend a fifth of its start on that, and a flash crowd starts many at once.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { compileAsUsual } from './late-compiler.ts';

/** What stands around the text of a CommonJS module. It is in the file, since to add it here would copy the whole text. */
export const HEAD = '(function (exports, require, module, __filename, __dirname) {';
export const TAIL = '\n})';

type Body = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  filename: string,
  directory: string,
) => void;

/** A program's own `require`, and where it is. */
export interface Place {
  readonly path: string;
  readonly directory: string;
  readonly require: NodeJS.Require;
}

export const cachePath = (path: string): string => `${path}.cache`;

/** Runs the CommonJS program at `path`, which cannot `import()`; of the cache, which another version of Node cannot use, only what fits is taken. */
export function run(place: Place): Script {
  const { path } = place;
  const cachedData = readCache(path);
  // The text is in ASCII, which takes the least time.
  const text = readFileSync(path, 'latin1');
  const script = new Script(text, { filename: path, ...(cachedData === undefined ? {} : { cachedData }) });
  const module = { exports: {} };
  const body = script.runInThisContext() as Body;
  body(module.exports, place.require, module, path, place.directory);
  return script;
}

/**
 * Runs the program, and keeps what V8 has compiled of it by the end: the functions that a run needs, which are a third
 * of all. To take in the others would cost more than to compile a few of them when they are needed after all.
 */
export function rehearse(place: Place): void {
  // What was not called for a while is needed at the next start again.
  setFlagsFromString('--no-flush-bytecode');
  const script = run(place);
  process.on('exit', () => {
    // V8 refuses data that were made with other flags than it runs with.
    setFlagsFromString('--flush-bytecode');
    compileAsUsual();
    writeFileSync(cachePath(place.path), script.createCachedData());
  });
}

/** Keeps what V8 makes of a program that was not run: little more than where its functions are. */
export function keepUnplayed(path: string): void {
  const script = new Script(readFileSync(path, 'latin1'), { filename: path });
  writeFileSync(cachePath(path), script.createCachedData());
}

/** Without it the program only starts later. */
function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(cachePath(path));
  } catch {
    return undefined;
  }
}
