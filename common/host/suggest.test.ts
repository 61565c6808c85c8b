import { describe, expect, it } from 'vitest';
import { didYouMean, suggestions } from './suggest.ts';

const FLAGS = [
  'port',
  'tracker',
  'min-seeders',
  'wait',
  'timeout',
  'log-level',
  'log-file',
  'log-format',
  'out',
  'host',
];

describe('suggest', () => {
  it.each([
    ['prot', ['port']],
    ['trakcer', ['tracker']],
    ['PORT', ['port']],
    ['seeders', ['min-seeders']],
    ['minseeders', ['min-seeders']],
    ['log', ['log-level', 'log-file', 'log-format']],
    ['trackers', ['tracker']],
    ['zzz', []],
    ['', []],
    ['x'.repeat(100_000), []],
  ])('%s', (word, expected) => {
    expect(suggestions(word, FLAGS)).toEqual(expected);
  });

  it('makes a phrase, or nothing', () => {
    expect(didYouMean('prot', FLAGS, (name) => `--${name}`)).toBe(' (did you mean --port?)');
    expect(didYouMean('zzz', FLAGS, String)).toBe('');
  });
});
