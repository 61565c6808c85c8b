import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type Disk, realDisk } from './disk.ts';
import { StateFile } from './state-file.ts';

const STATE = { name: 'content.bin', pieceBytes: 524_288, have: 'gIA=', ümläut: ['漢字', 1.5, null, true], 7: 'seven' };

const stateIn = (directory: string, disk: Disk = realDisk): StateFile =>
  new StateFile({ path: join(directory, 'content.bin.part.json'), disk });

/** What a disk does, step by step, and then refuses: the process died there. */
function dyingDisk(steps: number): { readonly disk: Disk; readonly died: () => boolean } {
  let left = steps;
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw Object.assign(new Error('EIO: dead'), { code: 'EIO' });
    return work();
  };
  const disk: Disk = {
    ...realDisk,
    openToWrite: (path) =>
      step(async () => {
        const file = await realDisk.openToWrite(path);
        return {
          fd: file.fd,
          read: (into, offset) => file.read(into, offset),
          readNow: (into, offset) => file.readNow(into, offset),
          // A few bytes at a time, so that death may come in the middle.
          write: (bytes, offset) => step(() => file.write(bytes.subarray(0, 40), offset)),
          status: () => file.status(),
          truncate: (sizeBytes) => step(() => file.truncate(sizeBytes)),
          datasync: () => step(() => file.datasync()),
          sync: () => step(() => file.sync()),
          close: () => file.close(),
        };
      }),
    rename: (from, to) => step(() => realDisk.rename(from, to)),
    // A dead process cleans nothing up.
    remove: () => step(async () => {}),
    syncDirectory: (path) => step(() => realDisk.syncDirectory(path)),
  };
  return { disk, died: () => left < 0 };
}

describe('state file', () => {
  it('gives back what was saved, and nothing before and after', async () => {
    const directory = temporaryDirectory();
    const file = stateIn(directory);
    expect(await file.read()).toBeUndefined();
    await file.save(STATE);
    expect(await stateIn(directory).read()).toEqual(STATE);
    await file.save({ other: 1 });
    expect(await file.read()).toEqual({ other: 1 });
    expect(readdirSync(directory)).toEqual(['content.bin.part.json']);
    await file.remove();
    expect(await file.read()).toBeUndefined();
    await file.remove();
  });

  it('is JSON that people can read', async () => {
    const directory = temporaryDirectory();
    await stateIn(directory).save(STATE);
    const text = readFileSync(join(directory, 'content.bin.part.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ format: 'shoal state 1', state: STATE });
  });

  it('gives back any JSON value', async () => {
    const directory = temporaryDirectory();
    const file = stateIn(directory);
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        await file.save({ value });
        expect(await file.read()).toEqual(JSON.parse(JSON.stringify({ value })));
      }),
      { numRuns: 30 },
    );
  });

  it('[fault 49] takes a state that is cut anywhere, empty or altered for none', async () => {
    const directory = temporaryDirectory();
    const file = stateIn(directory);
    await file.save(STATE);
    const whole = readFileSync(file.path);
    // Without its last line break it is still all there.
    for (let length = 0; length < whole.length - 1; length++) {
      truncateSync(file.path, length);
      expect(await file.read()).toBeUndefined();
      writeFileSync(file.path, whole);
    }
    const altered = whole.toString().replace('524288', '524289');
    writeFileSync(file.path, altered);
    expect(await file.read()).toBeUndefined();
    writeFileSync(file.path, new Uint8Array(whole.length));
    expect(await file.read()).toBeUndefined();
  });

  it.each([
    '[]',
    'null',
    '1',
    '{}',
    '{"format":"shoal state 1"}',
    '{"format":"shoal state 9","state":1}',
    '\u0000',
    '{"a":',
  ])('[fault 49] takes the foreign file %j for none', async (text) => {
    const directory = temporaryDirectory();
    const file = stateIn(directory);
    writeFileSync(file.path, text);
    expect(await file.read()).toBeUndefined();
  });

  it('[fault 49] takes a directory, a huge file, a link or a pipe for none', async () => {
    const directory = temporaryDirectory();
    const file = stateIn(directory);
    mkdirSync(file.path);
    expect(await file.read()).toBeUndefined();
    const huge = stateIn(temporaryDirectory());
    writeFileSync(huge.path, '');
    truncateSync(huge.path, 2 ** 40);
    expect(await huge.read()).toBeUndefined();
    if (process.platform === 'win32') return;
    const pipe = stateIn(temporaryDirectory());
    execFileSync('mkfifo', [pipe.path]);
    expect(await pipe.read()).toBeUndefined();
    const link = stateIn(temporaryDirectory());
    symlinkSync('/dev/zero', link.path);
    expect(await link.read()).toBeUndefined();
  });

  it('[fault 49] after death at any step there is the old state or the new, and the next save works', async () => {
    let deaths = 0;
    for (let steps = 0; ; steps++) {
      const directory = temporaryDirectory();
      await stateIn(directory).save({ version: 'old' });
      const { disk, died } = dyingDisk(steps);
      const saved = await stateIn(directory, disk)
        .save({ version: 'new', padding: 'x'.repeat(200) })
        .then(
          () => true,
          () => false,
        );
      const found = (await stateIn(directory).read()) as { version: string };
      expect(found.version).toMatch(saved ? /^new$/ : /^(old|new)$/);
      await stateIn(directory).save({ version: 'next' });
      expect(await stateIn(directory).read()).toEqual({ version: 'next' });
      if (!died()) break;
      deaths++;
    }
    expect(deaths).toBeGreaterThan(8);
  });

  it('[fault 47] says that there is no room, and keeps the old state', async () => {
    const directory = temporaryDirectory();
    await stateIn(directory).save({ version: 'old' });
    const full: Disk = {
      ...realDisk,
      openToWrite: () => Promise.reject(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })),
    };
    await expect(stateIn(directory, full).save({})).rejects.toMatchObject({ name: 'StoreError', failure: 'full' });
    expect(await stateIn(directory).read()).toEqual({ version: 'old' });
    expect(existsSync(join(directory, 'content.bin.part.json.new'))).toBe(false);
  });

  it('[fault 48] names the path it cannot write', async () => {
    const file = new StateFile({ path: '/no/such/folder/x.json', disk: realDisk });
    await expect(file.save({})).rejects.toMatchObject({
      failure: 'failed',
      message: expect.stringMatching(/^cannot write \/no\/such\/folder\/x\.json: ENOENT/) as string,
    });
  });

  it('ends with the latest of many states saved at a time', async () => {
    const directory = temporaryDirectory();
    const file = stateIn(directory);
    let writes = 0;
    const counting = stateIn(directory, { ...realDisk, rename: (from, to) => (writes++, realDisk.rename(from, to)) });
    await Promise.all(Array.from({ length: 50 }, (_, n) => counting.save({ n })));
    expect(await file.read()).toEqual({ n: 49 });
    expect(writes).toBeLessThan(5);
  });
});
