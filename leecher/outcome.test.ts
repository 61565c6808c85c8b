import { describe, expect, it } from 'vitest';
import { Outcome } from './outcome.ts';

describe('outcome', () => {
  it('is for whoever asks, before or after; the first end counts', async () => {
    const outcome = new Outcome<number>();
    const early = outcome.promise;
    outcome.resolve(1);
    outcome.resolve(2);
    outcome.reject(new Error('late'));
    expect(await early).toBe(1);
    expect(await outcome.promise).toBe(1);
  });

  it('may fail before anybody asks', async () => {
    const outcome = new Outcome<number>();
    outcome.reject(new Error('it failed'));
    await new Promise((resolve) => setImmediate(resolve));
    await expect(outcome.promise).rejects.toThrow('it failed');
  });
});
