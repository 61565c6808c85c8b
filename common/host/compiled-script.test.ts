import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cacheOf, cachePath } from './compiled-script.ts';

const STARTER = fileURLToPath(new URL('../../dist/common/host/compiled-script.js', import.meta.url));
const PROGRAM = `console.log(__filename.endsWith('program.cjs'), require('node:path').sep, typeof module.exports);
`;

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-compiled-'));
  writeFileSync(join(directory, 'program.cjs'), PROGRAM);
  copyFileSync(STARTER, join(directory, 'starter.mjs'));
  writeFileSync(
    join(directory, 'program.js'),
    `import { runBeside } from './starter.mjs';\nrunBeside(import.meta.url);\n`,
  );
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const run = (): string => spawnSync(process.execPath, [join(directory, 'program.js')], { encoding: 'utf8' }).stdout;

it('runs the program beside a module with what was kept of it, or without, or with something else in its place', () => {
  const path = join(directory, 'program.cjs');
  const said = 'true / object\n';
  expect(run()).toBe(said);
  writeFileSync(cachePath(path), cacheOf(path));
  expect(run()).toBe(said);
  writeFileSync(cachePath(path), 'no data of V8');
  expect(run()).toBe(said);
});

it('is there for each command, and V8 takes it', () => {
  for (const name of ['tracker', 'seeder', 'leecher']) {
    const path = fileURLToPath(new URL(`../../dist/bin/${name}.cjs`, import.meta.url));
    expect(existsSync(cachePath(path))).toBe(true);
    const script = `
      const { Script } = require('node:vm');
      const { readFileSync } = require('node:fs');
      const { head, tail, path } = JSON.parse(process.argv[1]);
      const cachedData = readFileSync(path + '.cache');
      const text = head + readFileSync(path, 'utf8') + tail;
      console.log(new Script(text, { filename: path, cachedData }).cachedDataRejected);`;
    const head = '(function (exports, require, module, __filename, __dirname) {';
    const words = ['-e', script, JSON.stringify({ head, tail: '\n})', path })];
    expect(spawnSync(process.execPath, words, { encoding: 'utf8' }).stdout).toBe('false\n');
  }
});
