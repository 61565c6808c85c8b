import { describe, expect, it } from 'vitest';
import { Prefixes } from './prefixes.ts';

describe('prefixes of a buffer', () => {
  it('are views of it, the same for the same length', () => {
    const prefixes = new Prefixes(Uint8Array.of(1, 2, 3));
    expect(prefixes.of(2)).toEqual(Uint8Array.of(1, 2));
    expect(prefixes.of(2)).toBe(prefixes.of(2));
    prefixes.whole[0] = 9;
    expect([prefixes.of(0).length, prefixes.of(1)[0], prefixes.of(3).length]).toEqual([0, 9, 3]);
  });
});
