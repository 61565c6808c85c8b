import { expect, it } from 'vitest';
import { MAX_KNOWN_ENDPOINTS } from '../base/limits.ts';
import { Refusals } from './refusals.ts';

it('refusals are counted for each endpoint, of so many endpoints', () => {
  const refusals = new Refusals();
  const [one, other] = [{ host: '10.0.0.1', port: 1 }, { host: '10.0.0.1', port: 2 }]; // prettier-ignore
  refusals.note(one);
  refusals.note(one);
  expect([refusals.of(one), refusals.of(other)]).toEqual([2, 0]);
  for (let port = 3; port < MAX_KNOWN_ENDPOINTS + 10; port++) refusals.note({ host: '10.0.0.2', port });
  expect(refusals.of({ host: '10.0.0.2', port: MAX_KNOWN_ENDPOINTS + 1 })).toBe(1);
  expect(refusals.of({ host: '10.0.0.2', port: MAX_KNOWN_ENDPOINTS + 2 })).toBe(0);
  refusals.note(one);
  expect(refusals.of(one)).toBe(3);
});
