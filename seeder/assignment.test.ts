import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignmentText, parseAssignment } from './assignment.ts';

const chunks = (spec: string, count: number): number[] | string => {
  const parsed = parseAssignment(spec, count);
  return parsed.ok ? [...parsed.value] : parsed.reason;
};

describe('--chunks', () => {
  it('takes runs, single chunks and lists of them', () => {
    expect(chunks('0-2', 10)).toEqual([0, 1, 2]);
    expect(chunks('5', 10)).toEqual([5]);
    expect(chunks('0-1, 8-9,4', 10)).toEqual([0, 1, 4, 8, 9]);
  });

  it('takes shares that cover everything once, whatever the count', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 400 }), (of, extra) => {
        const count = of + extra;
        const all = Array.from({ length: of }, (_, i) => chunks(`${i + 1}/${of}`, count) as number[]);
        expect(all.flat()).toEqual(Array.from({ length: count }, (_, i) => i));
        const sizes = all.map((share) => share.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it.each([
    ['', 'neither a chunk'],
    ['a-b', 'neither a chunk'],
    ['1-', 'neither a chunk'],
    ['-1', 'neither a chunk'],
    ['3-1', 'ends before it begins'],
    ['0-10', 'there is no chunk 10'],
    ['0/3', 'does not exist'],
    ['4/3', 'does not exist'],
    ['1/0', 'does not exist'],
    ['1/11', 'is empty'],
  ])('refuses %j and says why', (spec, says) => {
    expect(chunks(spec, 10)).toContain(says);
  });

  it('is written the way it is read', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1 }), (members) => {
        const parsed = parseAssignment(members.join(','), 100);
        const text = assignmentText(parsed.ok ? parsed.value : expect.fail(parsed.reason));
        expect(chunks(text, 100)).toEqual([...members].sort((a, b) => a - b));
      }),
    );
  });
});
