import { describe, expect, it } from 'vitest';
import { decoded, ERROR_CODES, EXIT_CODES, exitCodeOf, malformed, ShoalError } from './errors.ts';

describe('errors', () => {
  it('have exit codes that other download programs use, never 0', () => {
    expect(Object.keys(EXIT_CODES).sort()).toEqual([...ERROR_CODES].sort());
    for (const code of Object.values(EXIT_CODES)) expect(code).toBeGreaterThan(0);
    expect(exitCodeOf(new ShoalError('TOO_FEW_SEEDERS', 'text'))).toBe(4);
    expect(exitCodeOf(new ShoalError('NO_VALID_SOURCE', 'text'))).toBe(32);
  });

  it.each([new Error('ours'), 'text', undefined, { code: 'USAGE' }])('%s is unexpected: 1', (thrown) => {
    expect(exitCodeOf(thrown)).toBe(1);
  });

  it('keep their cause', () => {
    const cause = new Error('EIO');
    const error = new ShoalError('FILE_ACCESS', 'cannot read', { cause });
    expect([error.name, error.code, error.message, error.cause]).toEqual([
      'ShoalError',
      'FILE_ACCESS',
      'cannot read',
      cause,
    ]);
  });

  it('of decoding are values', () => {
    expect(decoded(7)).toEqual({ ok: true, value: 7 });
    expect(malformed('too short')).toEqual({ ok: false, reason: 'too short' });
  });
});
