import { describe, expect, it } from 'vitest';
import { KIB, MIB } from '../base/limits.ts';
import { HashAllowance } from './hash-allowance.ts';

const CHUNK_BYTES = 512 * KIB;

describe('what the main thread hashes itself', () => {
  it('is all that a slow line brings, in whatever clusters', () => {
    let nowMs = 0;
    const allowance = new HashAllowance({ nowMs: () => nowMs });
    for (let second = 0; second < 600; second++) {
      nowMs = second * 1000;
      for (let chunk = 0; chunk < 4; chunk++) expect(allowance.takes(CHUNK_BYTES)).toBe(true);
    }
  });

  it('ends for good where a line is fast', () => {
    let nowMs = 0;
    const allowance = new HashAllowance({ nowMs: () => nowMs });
    let taken = 0;
    while (allowance.takes(CHUNK_BYTES)) taken++;
    expect(taken).toBe(4);
    nowMs = 60_000;
    expect(allowance.takes(CHUNK_BYTES)).toBe(false);
  });

  it('is no piece that takes long', () => {
    const allowance = new HashAllowance({ nowMs: () => 0 });
    expect(allowance.takes(2 * MIB)).toBe(false);
    expect(allowance.takes(MIB)).toBe(true);
  });
});
