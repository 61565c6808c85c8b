import { expect, it } from 'vitest';
import { chokeTerms } from './choke-terms.ts';

it('terms of choking are given in seconds, and slots are measured unless somebody knows better', () => {
  const given = { uploadSlots: undefined, unchokeInterval: 10, optimisticInterval: 1.5 };
  expect(chokeTerms(given)).toEqual({ slots: 'measured', intervalMs: 10_000, optimisticIntervalMs: 1_500 });
  expect(chokeTerms({ ...given, uploadSlots: 3 }).slots).toBe(3);
});
