import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Instant, after, instant } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { HostClock } from './clock.ts';
import { DownloadLock } from './lock.ts';
import { type ProcessTable, realProcessTable } from './process-table.ts';

const PLACE = '0123456789abcdef';
const ELSEWHERE = 'fedcba9876543210';

/** Processes by number and start. */
const table = (pid: number, start: string, running: Record<number, string> = {}, place = PLACE): ProcessTable => ({
  self: { place, pid, start },
  startOf: (other) => {
    const found = { ...running, [pid]: start }[other];
    return found === undefined ? 'gone' : { start: found };
  },
});

/** Time that passes only when somebody waits for it: each wait ends as soon as the event loop has nothing else. */
class EagerClock implements Clock {
  #now = 0;
  onWake: () => void = () => {};

  now(): Instant {
    return instant(this.#now);
  }

  at(when: Instant, wake: () => void): () => void {
    // The beat of a held lock is not awaited by anybody here.
    if (when > after(this.now(), 1_000)) return () => {};
    const pending = setImmediate(() => {
      this.#now = Math.max(this.#now, when);
      this.onWake();
      wake();
    });
    return () => clearImmediate(pending);
  }
}

const locks: DownloadLock[] = [];
afterEach(async () => {
  for (const lock of locks.splice(0)) await lock.release();
});

async function take(
  directory: string,
  processes: ProcessTable,
  clock: Clock = new EagerClock(),
): Promise<DownloadLock> {
  const lock = await DownloadLock.acquire({ directory, clock, processes });
  locks.push(lock);
  return lock;
}

const lockName = (): string => join(temporaryDirectory(), 'content.bin.part.lock');

function putClaim(directory: string, identity: string, held = true): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${identity}-00000000000000ff`), '');
  if (held) writeFileSync(join(directory, `${identity}-00000000000000ff.held`), '');
}

describe('lock', () => {
  it('[fault 51] is had by one at a time, and leaves nothing behind', async () => {
    const directory = lockName();
    const running = { 10: '500', 11: '600' };
    const first = await take(directory, table(10, '500', running));
    await expect(take(directory, table(11, '600', running))).rejects.toMatchObject({
      code: 'DOWNLOAD_LOCKED',
      message: expect.stringContaining('another process (10) holds this download') as string,
    });
    await first.release();
    const second = await take(directory, table(11, '600', running));
    await second.release();
    expect(existsSync(directory)).toBe(false);
  });

  it('[fault 51] is not had twice by one process', async () => {
    const directory = lockName();
    await take(directory, table(10, '500'));
    await expect(take(directory, table(10, '500'))).rejects.toMatchObject({ code: 'DOWNLOAD_LOCKED' });
  });

  it('works at once after its process has died', async () => {
    const directory = lockName();
    putClaim(directory, `${PLACE}-99-400`);
    await take(directory, table(10, '500'));
    expect(readdirSync(directory)).toHaveLength(2);
  });

  it('is not fooled by a later process with the same number', async () => {
    const directory = lockName();
    putClaim(directory, `${PLACE}-99-400`);
    await take(directory, table(10, '500', { 99: '450' }));
  });

  it('is not fooled by files of others', async () => {
    const directory = lockName();
    mkdirSync(directory);
    for (const name of ['README', '.nfs0001', 'x.held', `${PLACE}-1-1`]) writeFileSync(join(directory, name), '');
    await take(directory, table(10, '500', { 1: '1' }));
  });

  it('[fault 51] is had by exactly one of many who come at a time, dead claims or not', async () => {
    for (let round = 0; round < 5; round++) {
      const directory = lockName();
      for (let pid = 1; pid <= 3; pid++) putClaim(directory, `${PLACE}-${pid}-1`);
      const running = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [100 + n, String(n)]));
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, (_, n) => take(directory, table(100 + n, String(n), running), new HostClock())),
      );
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      for (const lock of locks.splice(0)) await lock.release();
      expect(existsSync(directory)).toBe(false);
    }
  });

  it('passes from one to the next without ever being had twice', async () => {
    const directory = lockName();
    const running = Object.fromEntries(Array.from({ length: 6 }, (_, n) => [100 + n, String(n)]));
    let holders = 0;
    let turns = 0;
    await Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        while (turns < 30) {
          const lock = await DownloadLock.acquire({
            directory,
            clock: new EagerClock(),
            processes: table(100 + n, String(n), running),
          }).catch(() => undefined);
          if (lock === undefined) continue;
          expect(++holders).toBe(1);
          turns++;
          await new Promise((resolve) => setImmediate(resolve));
          holders--;
          await lock.release();
        }
      }),
    );
    expect(existsSync(directory)).toBe(false);
  });

  it('[fault 48] says why a lock cannot be made', async () => {
    await expect(take('/no/such/folder/x.lock', table(10, '500'))).rejects.toMatchObject({
      failure: 'failed',
      message: expect.stringMatching(/^cannot lock \/no\/such\/folder\/x\.lock: ENOENT/) as string,
    });
    const file = join(temporaryDirectory(), 'x.lock');
    writeFileSync(file, '');
    await expect(take(file, table(10, '500'))).rejects.toMatchObject({ failure: 'failed' });
    expect(existsSync(file)).toBe(true);
  });
});

describe('lock: claims from another container or machine', () => {
  it('waits for a beat, and gives up when it comes', async () => {
    const directory = lockName();
    putClaim(directory, `${ELSEWHERE}-10-500`);
    const claim = join(directory, `${ELSEWHERE}-10-500-00000000000000ff`);
    const clock = new EagerClock();
    let waits = 0;
    clock.onWake = () => {
      // Its owner touches it.
      if (++waits === 5) writeFileSync(claim, '.');
    };
    utimesSync(claim, new Date(), statTime(claim) / 1_000 - 3);
    await expect(take(directory, table(10, '500'), clock)).rejects.toMatchObject({ code: 'DOWNLOAD_LOCKED' });
    expect(waits).toBeGreaterThanOrEqual(5);
  });

  it('takes over from a claim that nobody has touched for long', async () => {
    const directory = lockName();
    putClaim(directory, `${ELSEWHERE}-10-500`);
    const claim = join(directory, `${ELSEWHERE}-10-500-00000000000000ff`);
    utimesSync(claim, new Date(), statTime(claim) / 1_000 - 16);
    await take(directory, table(10, '500'));
    expect(existsSync(claim)).toBe(false);
  });
});

const statTime = (path: string): number => statSync(path).mtimeMs;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that takes the lock and keeps it; resolves with what it says: `held` or an error's code. */
async function holder(directory: string): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const built = (name: string): string =>
    JSON.stringify(new URL(`../../dist/common/host/${name}`, import.meta.url).href);
  const source = `
    import { DownloadLock } from ${built('lock.js')};
    import { HostClock } from ${built('clock.js')};
    import { realProcessTable } from ${built('process-table.js')};
    try {
      await DownloadLock.acquire({ directory: ${JSON.stringify(directory)}, clock: new HostClock(), processes: realProcessTable() });
      console.log('held');
    } catch (error) { console.log(error.code); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [bytes] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: bytes.toString().trim() };
}

describe.runIf(process.platform === 'linux')('lock between real processes', () => {
  it('[fault 51] [fault 49] holds while its process lives and not a moment longer, kill -9 or not', async () => {
    const directory = lockName();
    const processes = realProcessTable();
    const first = await holder(directory);
    expect(first.said).toBe('held');
    expect((await holder(directory)).said).toBe('DOWNLOAD_LOCKED');
    await expect(take(directory, processes, new HostClock())).rejects.toMatchObject({
      code: 'DOWNLOAD_LOCKED',
      message: expect.stringContaining(`(${first.child.pid})`) as string,
    });
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const lock = await take(directory, processes, new HostClock());
    await lock.release();
    expect(existsSync(directory)).toBe(false);
  });

  it('knows its own process, and that there is no such other', () => {
    const processes = realProcessTable();
    expect(processes.startOf(process.pid)).toEqual({ start: processes.self.start });
    expect(processes.self.start).toMatch(/^\d+$/);
    expect(processes.startOf(2 ** 22 + 1)).toBe('gone');
  });
});
