import { describe, expect, it } from 'vitest';
import { SeededRandom } from './random.ts';

describe('SeededRandom', () => {
  it('is xoshiro128**: the first numbers from the state 1, 2, 3, 4', () => {
    const random = SeededRandom.ofState([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, () => random.next())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('gives the same for the same seed and something else for another', () => {
    const draw = (seed: number): number[] => {
      const random = new SeededRandom({ seed });
      return Array.from({ length: 20 }, () => random.next());
    };
    expect(draw(0)).toEqual(draw(0));
    expect(draw(0)).not.toEqual(draw(1));
    expect(new Set([...draw(0), ...draw(1), ...draw(2)]).size).toBe(60);
  });

  it('forks into a stream that draws on either side do not change', () => {
    const [one, two] = [new SeededRandom({ seed: 5 }), new SeededRandom({ seed: 5 })];
    const [forkOne, forkTwo] = [one.fork(), two.fork()];
    one.bytes(100);
    expect(forkOne.next()).toBe(forkTwo.next());
  });

  it('draws nothing for what never happens', () => {
    const [one, two] = [new SeededRandom({ seed: 5 }), new SeededRandom({ seed: 5 })];
    expect(one.chance(0)).toBe(false);
    expect(one.next()).toBe(two.next());
    expect(one.chance(1)).toBe(true);
  });
});
