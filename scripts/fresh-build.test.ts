import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isStaleBundle, staleSources } from './fresh-build.ts';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'shoal-fresh-build-'));
  mkdirSync(join(root, 'tracker'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function put(path: string, changedAtS: number): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  utimesSync(file, changedAtS, changedAtS);
}

it('names a source that was never built', () => {
  put('tracker/main.ts', 100);
  expect(staleSources(root, ['tracker'])).toEqual([join('tracker', 'main.ts')]);
});

it('names a source that changed after it was built, in folders of folders too', () => {
  put('tracker/deep/main.ts', 101);
  put('dist/tracker/deep/main.js', 100);
  expect(staleSources(root, ['tracker'])).toEqual([join('tracker', 'deep', 'main.ts')]);
});

it('leaves alone what is built, tests, the simulation and other files', () => {
  put('tracker/main.ts', 100);
  put('dist/tracker/main.js', 100);
  put('tracker/main.test.ts', 200);
  put('common/sim/clock.ts', 200);
  put('common/fixtures/a.json', 200);
  expect(staleSources(root, ['tracker', 'common'])).toEqual([]);
});

it('takes a bundle for old when one is missing, or a source changed since, and for new otherwise', () => {
  put('tracker/main.ts', 100);
  put('tracker/main.test.ts', 200);
  put('dist/bin/tracker.cjs.cache', 101);
  expect(isStaleBundle(root, ['tracker'], ['tracker.cjs.cache', 'seeder.cjs.cache'])).toBe(true);
  put('dist/bin/seeder.cjs.cache', 99);
  expect(isStaleBundle(root, ['tracker'], ['tracker.cjs.cache', 'seeder.cjs.cache'])).toBe(true);
  put('dist/bin/seeder.cjs.cache', 101);
  expect(isStaleBundle(root, ['tracker'], ['tracker.cjs.cache', 'seeder.cjs.cache'])).toBe(false);
});
