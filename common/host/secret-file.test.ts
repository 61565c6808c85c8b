import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSecret } from './secret-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-secret-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('a secret file', () => {
  it('is made once, for its owner alone, and read from then on', async () => {
    const path = join(folder, 'secret');
    const made = await readSecret(path);
    expect(made).toHaveLength(32);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readSecret(path)).toEqual(made);
  });

  it('is the same for trackers that start together', async () => {
    const path = join(folder, 'secret');
    const secrets = await Promise.all(Array.from({ length: 8 }, () => readSecret(path)));
    for (const secret of secrets) expect(secret).toEqual(secrets[0]);
    expect(await readdir(folder)).toEqual(['secret']);
  });

  it('is refused when it is something else', async () => {
    const path = join(folder, 'secret');
    await writeFile(path, 'short');
    await expect(readSecret(path)).rejects.toMatchObject({ code: 'FILE_ACCESS' });
    await expect(readSecret(folder)).rejects.toMatchObject({ code: 'FILE_ACCESS' });
    await expect(readSecret(join(folder, 'no', 'such'))).rejects.toMatchObject({ code: 'FILE_ACCESS' });
  });
});
