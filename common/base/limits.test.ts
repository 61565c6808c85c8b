import { describe, expect, it } from 'vitest';
import * as limits from './limits.ts';

describe('limits', () => {
  it('[fault 21] are whole numbers that arithmetic is exact on', () => {
    for (const [name, value] of Object.entries(limits))
      expect([name, Number.isSafeInteger(value)]).toEqual([name, true]);
  });

  it('time limits leave room for one another', () => {
    expect(limits.METADATA_REQUEST_TIMEOUT_MS).toBeLessThan(limits.REQUEST_TIMEOUT_MS);
    expect(limits.RETRY_FIRST_MS).toBeLessThan(limits.RETRY_LAST_MS);
    expect(limits.REDIAL_FIRST_MS).toBeLessThan(limits.REDIAL_LAST_MS);
  });

  it('a piece of the largest kind can be addressed with one exact number', () => {
    expect(limits.MAX_PIECES * limits.MAX_PIECE_BYTES).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  });
});
