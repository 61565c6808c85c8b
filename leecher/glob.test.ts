import { describe, expect, it } from 'vitest';
import { globMatcher } from './glob.ts';

const matches = (glob: string, path: string): boolean => globMatcher(glob)(path.split('/'));

describe('glob', () => {
  it.each([
    ['*.txt', 'a.txt', true],
    ['*.txt', 'dir/sub/a.txt', true],
    ['*.txt', 'a.txt.gz', false],
    ['dir/*.txt', 'dir/a.txt', true],
    ['dir/*.txt', 'dir/sub/a.txt', false],
    ['dir/**', 'dir/sub/a.txt', true],
    ['dir/**', 'dirt/a.txt', false],
    ['**/a.txt', 'a.txt', true],
    ['**/a.txt', 'x/y/a.txt', true],
    ['dir/**/a.txt', 'dir/a.txt', true],
    ['?.bin', 'b.bin', true],
    ['?.bin', 'bb.bin', false],
    ['[a-c].bin', 'b.bin', true],
    ['[!a-c].bin', 'b.bin', false],
    ['[!a-c].bin', 'd.bin', true],
    ['[unclosed', '[unclosed', true],
    ['a+b(1){2}.$^|\\', 'a+b(1){2}.$^|\\', true],
    ['./a.txt', 'a.txt', true],
    ['A.TXT', 'a.txt', false],
    ['日?.txt', '日本.txt', true],
    ['*', 'any/thing', true],
  ])('%s and %s: %s', (glob, path, expected) => {
    expect(matches(glob, path)).toBe(expected);
  });
});
