import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cacheDirectory, stateDirectory } from './paths.ts';

afterEach(() => vi.unstubAllEnvs());

describe('paths', () => {
  it('follows the XDG variables, then the home directory', () => {
    const base = temporaryDirectory();
    expect(cacheDirectory({ XDG_CACHE_HOME: join(base, 'c'), HOME: '/nowhere' })).toBe(join(base, 'c', 'shoal'));
    expect(stateDirectory({ XDG_STATE_HOME: join(base, 's'), HOME: '/nowhere' })).toBe(join(base, 's', 'shoal'));
    expect(cacheDirectory({ HOME: base })).toBe(join(base, '.cache', 'shoal'));
    expect(stateDirectory({ HOME: base })).toBe(join(base, '.local', 'state', 'shoal'));
    expect(statSync(join(base, '.cache', 'shoal')).mode & 0o777).toBe(0o700);
  });

  it('ignores an XDG variable that is relative', () => {
    const base = temporaryDirectory();
    expect(cacheDirectory({ XDG_CACHE_HOME: 'relative', HOME: base })).toBe(join(base, '.cache', 'shoal'));
  });

  it('[fault 60] goes to a private temporary directory when there is no usable home', () => {
    vi.stubEnv('TMPDIR', temporaryDirectory());
    const blocked = join(temporaryDirectory(), 'home');
    // A file where the home should be cannot be written into, not even by root.
    writeFileSync(blocked, '');
    for (const env of [{ HOME: blocked }, { HOME: '' }, { HOME: 'relative' }]) {
      const found = cacheDirectory(env);
      expect(found).toBe(join(tmpdir(), `shoal-${process.getuid?.() ?? 'user'}`));
      expect(existsSync(found!)).toBe(true);
    }
  });

  it('[fault 60] does without a cache when that directory is not ours alone', () => {
    vi.stubEnv('TMPDIR', temporaryDirectory());
    const found = cacheDirectory({ HOME: '' })!;
    chmodSync(found, 0o777);
    expect(cacheDirectory({ HOME: '' })).toBeUndefined();
  });
});
