import { describe, expect, it } from 'vitest';
import type { Random } from '../../base/ports.ts';

/** What `Random` promises, for the secure one and the seeded one. */
export function describeRandomContract(name: string, makeRandom: () => Random): void {
  describe(`${name} is chance`, () => {
    it('gives as many bytes as asked for, of every value', () => {
      const random = makeRandom();
      expect(random.bytes(0)).toHaveLength(0);
      expect(random.bytes(20)).toHaveLength(20);
      expect(new Set(random.bytes(8_192)).size).toBe(256);
    });

    it('gives fresh bytes that belong to the caller', () => {
      const random = makeRandom();
      const first = random.bytes(16);
      const second = random.bytes(16);
      expect(second).not.toEqual(first);
      expect(first.buffer.byteLength).toBe(16);
    });

    it.each([1, 2, 7, 256, 2 ** 31, 2 ** 32])('gives whole numbers below %d, over the whole range', (bound) => {
      const random = makeRandom();
      const drawn = Array.from({ length: 400 }, () => random.below(bound));
      for (const value of drawn) {
        expect(Number.isInteger(value)).toBe(true);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(bound);
      }
      expect(Math.max(...drawn)).toBeGreaterThanOrEqual(Math.floor((bound - 1) * 0.9));
      expect(Math.min(...drawn)).toBeLessThanOrEqual(Math.ceil((bound - 1) * 0.1));
    });

    it('refuses a bound that nothing is below', () => {
      const random = makeRandom();
      expect(() => random.below(0)).toThrow();
      expect(() => random.below(-1)).toThrow();
    });
  });
}
