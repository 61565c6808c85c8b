/**
 * Programs of one file that are kept compiled: V8 takes its own data from `NAME.cjs.cache` and need not read the text.
 * A command of ours would spend a fifth of its start on that, and a flash crowd starts many at once.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

/** What stands around the text of a CommonJS module. */
const HEAD = '(function (exports, require, module, __filename, __dirname) {';
const TAIL = '\n})';

type Body = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  filename: string,
  directory: string,
) => void;

export const cachePath = (path: string): string => `${path}.cache`;

/** Compiles a CommonJS program, which cannot `import()`; of the cache, which another version of Node cannot use, only what fits is taken. */
function compile(path: string, text: string, cache: Buffer | undefined): Script {
  return new Script(`${HEAD}${text}${TAIL}`, {
    filename: path,
    ...(cache === undefined ? {} : { cachedData: cache }),
  });
}

/** What is to be kept of the program at `path`: all of its functions. */
export function cacheOf(path: string): Buffer {
  setFlagsFromString('--no-lazy');
  const script = compile(path, readFileSync(path, 'utf8'), undefined);
  // V8 refuses data that were made with other flags than it runs with.
  setFlagsFromString('--lazy');
  return script.createCachedData();
}

/** Runs the CommonJS program `NAME.cjs` beside the module `NAME.js`, whose URL is given. */
export function runBeside(url: string): void {
  const path = fileURLToPath(url).replace(/\.js$/, '.cjs');
  const script = compile(path, readFileSync(path, 'utf8'), readCache(path));
  const module = { exports: {} };
  const body = script.runInThisContext() as Body;
  body(module.exports, createRequire(path), module, path, dirname(path));
}

/** Without it the program only starts later. */
function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(cachePath(path));
  } catch {
    return undefined;
  }
}
