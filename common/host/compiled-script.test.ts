import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cachePath, HEAD, TAIL } from './compiled-script.ts';

const STARTER = fileURLToPath(new URL('../../dist/common/host/compiled-script.js', import.meta.url));
const PROGRAM = `${HEAD}console.log(__filename.endsWith('program.cjs'), require('node:path').sep, typeof module.exports);
function never() { return 'this is not called'; }${TAIL}`;

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-compiled-'));
  writeFileSync(join(directory, 'program.cjs'), PROGRAM);
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const node = (...words: readonly string[]): string => spawnSync(process.execPath, words, { encoding: 'utf8' }).stdout;

const start = (act: 'run' | 'rehearse'): string => {
  const path = join(directory, 'start.mjs');
  const place = `{ path: ${JSON.stringify(join(directory, 'program.cjs'))}, directory: ${JSON.stringify(directory)} }`;
  writeFileSync(
    path,
    `import { createRequire } from 'node:module';
    import { ${act} } from ${JSON.stringify(STARTER)};
    ${act}({ ...${place}, require: createRequire(import.meta.url) });`,
  );
  return node(path);
};

/** Whether V8 takes what was kept of the program at the path. */
const isTaken = (path: string): boolean => {
  const script = `
    const { Script } = require('node:vm');
    const { readFileSync } = require('node:fs');
    const path = process.argv[1];
    const cachedData = readFileSync(path + '.cache');
    console.log(new Script(readFileSync(path, 'latin1'), { filename: path, cachedData }).cachedDataRejected);`;
  return node('-e', script, path) === 'false\n';
};

it('runs a program with what was kept of it, or without, or with something else in its place', () => {
  const path = join(directory, 'program.cjs');
  const said = 'true / object\n';
  expect(start('run')).toBe(said);
  expect(existsSync(cachePath(path))).toBe(false);
  expect(start('rehearse')).toBe(said);
  expect(isTaken(path)).toBe(true);
  expect(start('run')).toBe(said);
  writeFileSync(cachePath(path), 'no data of V8');
  expect(start('run')).toBe(said);
});

it('is there for each command, which is all in ASCII, and V8 takes it', () => {
  for (const name of ['tracker', 'seeder', 'leecher']) {
    const path = fileURLToPath(new URL(`../../dist/bin/${name}.cjs`, import.meta.url));
    expect(isTaken(path)).toBe(true);
    expect(readFileSync(path).every((byte) => byte < 0x80)).toBe(true);
  }
});
