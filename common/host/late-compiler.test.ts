import { cachedDataVersionTag } from 'node:v8';
import { afterEach, expect, it } from 'vitest';
import { compileAsUsual, compileLate, threadStarts } from './late-compiler.ts';

/** Other data than those of this number V8 does not take. */
const usual = cachedDataVersionTag();
const isUsual = (): boolean => cachedDataVersionTag() === usual;
/** Elsewhere there is no such flag. */
const hasFlag = process.versions.v8.startsWith('11.');

afterEach(() => {
  compileAsUsual();
});

it.runIf(hasFlag)('what Node has compiled is taken while threads start, and not after', () => {
  compileLate();
  expect(isUsual()).toBe(false);
  const first = threadStarts();
  const second = threadStarts();
  expect(isUsual()).toBe(true);
  first();
  first();
  expect(isUsual()).toBe(true);
  second();
  expect(isUsual()).toBe(false);
  compileAsUsual();
  expect(isUsual()).toBe(true);
});

it.runIf(hasFlag)('a command that asks while threads start is heard when they have', () => {
  const started = threadStarts();
  compileLate();
  expect(isUsual()).toBe(true);
  started();
  expect(isUsual()).toBe(false);
});

it('a thread that starts before anything was asked for changes nothing', () => {
  threadStarts()();
  expect(isUsual()).toBe(true);
});
