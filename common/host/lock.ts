import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../base/bytes.ts';
import { ShoalError } from '../base/errors.ts';
import { after } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { errnoOf } from './errno.ts';
import { printable } from './escape.ts';
import type { ProcessIdentity, ProcessTable } from './process-table.ts';
import { storeError } from './store-error.ts';

/*
 * One process at a time on one download, and nothing to clean up by hand, whatever happened before.
 *
 * The lock is a directory. Whoever wants it puts a claim in, an empty file named after its own process, and then looks:
 *
 * - A claim of a process that has ended is removed. Its name is never used again, so removing it harms nobody, and no
 *   claim is ever taken over: that is where locks with a single file have their race.
 * - With nobody else there, it marks its claim as held (a second file) and has the lock. Of two that come at a time the
 *   later one sees the earlier, since each puts its claim in before it looks.
 * - If both see each other, the one with the greater name withdraws.
 *
 * Whether a process runs, and is not a later one with its number, /proc tells. About a process in another container or
 * on another machine only the age of its claim tells: a holder touches it every BEAT_MS.
 */

const BEAT_MS = 5_000;
/** A claim from elsewhere that was not touched this long is a dead one's. */
const SILENCE_MS = 15_000;
const LOOK_AGAIN_MS = 50;
/** A live claim from elsewhere is touched in this time; a dead one has become silent. */
const PATIENCE_MS = SILENCE_MS + 2 * BEAT_MS;

interface Claim extends ProcessIdentity {
  readonly name: string;
}

interface LockOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly processes: ProcessTable;
}

const HELD = '.held';
const CLAIM = /^([0-9a-f]{16})-(\d{1,10})-(\d{0,20})-[0-9a-f]{16}$/;

function parseClaim(name: string): Claim | undefined {
  const match = CLAIM.exec(name);
  return match === null ? undefined : { name, place: match[1]!, pid: Number(match[2]), start: match[3]! };
}

export class DownloadLock {
  readonly #options: LockOptions;
  readonly #claim: string;
  #cancelBeat: () => void = () => {};

  private constructor(options: LockOptions) {
    const { place, pid, start } = options.processes.self;
    this.#options = options;
    this.#claim = `${place}-${pid}-${start}-${toHex(randomBytes(8))}`;
  }

  /**
   * Takes the lock, a directory that is made for it and removed with it. Rejects with a `ShoalError` of code
   * DOWNLOAD_LOCKED when another process has it, or with a `StoreError`.
   */
  static async acquire(options: LockOptions): Promise<DownloadLock> {
    const lock = new DownloadLock(options);
    try {
      await lock.#acquire();
    } catch (error) {
      await lock.release();
      throw error instanceof ShoalError ? error : storeError(error, 'lock', options.directory);
    }
    lock.#beat();
    return lock;
  }

  /** Never rejects: a claim that cannot be removed is a dead one as soon as this process ends. */
  async release(): Promise<void> {
    this.#cancelBeat();
    const { directory } = this.#options;
    await this.#withdraw();
    // Fails while somebody else has a claim in it, as it should.
    await rmdir(directory).catch(() => {});
  }

  async #acquire(): Promise<void> {
    const { clock } = this.#options;
    const giveUpAt = after(clock.now(), PATIENCE_MS);
    /** Ages at first sight, of claims from elsewhere. BOUNDED: by the claims in the directory. */
    const seen = new Map<string, number>();
    await this.#putClaim();
    let isClaimed = true;
    for (;;) {
      const verdict = await this.#look(seen);
      if (verdict === 'alone' && isClaimed) return this.#mark();
      if (typeof verdict === 'object' || clock.now() >= giveUpAt) {
        const who = typeof verdict === 'object' ? ` (${verdict.holder.pid})` : '';
        const where = printable(this.#options.directory);
        throw new ShoalError(
          'DOWNLOAD_LOCKED',
          `another process${who} holds this download; wait for it, or stop it (lock: ${where})`,
        );
      }
      if (verdict === 'withdraw') {
        // And not back before the other has decided: it waits for the way to be free.
        if (isClaimed) await this.#withdraw();
        isClaimed = false;
      } else if (!isClaimed) {
        await this.#putClaim();
        isClaimed = true;
        continue;
      }
      await this.#pause();
    }
  }

  async #look(seen: Map<string, number>): Promise<'alone' | 'wait' | 'withdraw' | { readonly holder: Claim }> {
    const names = await readdir(this.#options.directory).catch((error: unknown) => {
      // Without a claim of ours in it, it may be gone.
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    const held = new Set(names.filter((name) => name.endsWith(HELD)).map((name) => name.slice(0, -HELD.length)));
    let verdict: 'alone' | 'wait' | 'withdraw' = 'alone';
    for (const name of names) {
      const claim = parseClaim(name);
      if (claim === undefined || name === this.#claim) continue;
      const life = await this.#lifeOf(claim, seen);
      if (life === 'dead') await this.#remove(name);
      else if (life === 'unsure') verdict = 'wait';
      else if (held.has(name)) return { holder: claim };
      else if (name < this.#claim) return 'withdraw';
      else verdict = 'wait';
    }
    return verdict;
  }

  async #lifeOf(claim: Claim, seen: Map<string, number>): Promise<'alive' | 'dead' | 'unsure'> {
    const { processes } = this.#options;
    if (claim.place === processes.self.place) {
      const found = processes.startOf(claim.pid);
      if (found === 'gone') return 'dead';
      if (found !== 'unknown') return found.start === claim.start ? 'alive' : 'dead';
    }
    // Both ages by the clock of the file system, which may be another machine's.
    const [theirs, ours] = await Promise.all([this.#touchedAtMs(claim.name), this.#touchOwn()]);
    if (theirs === undefined || ours === undefined) return 'unsure';
    const first = seen.get(claim.name);
    seen.set(claim.name, first ?? theirs);
    if (ours - theirs > SILENCE_MS) return 'dead';
    return first !== undefined && theirs !== first ? 'alive' : 'unsure';
  }

  async #putClaim(): Promise<void> {
    const { directory } = this.#options;
    for (;;) {
      await mkdir(directory).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error;
      });
      try {
        return await this.#create(this.#claim);
      } catch (error) {
        // Somebody released the lock, and its directory, in between.
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
    }
  }

  #mark(): Promise<void> {
    return this.#create(`${this.#claim}${HELD}`);
  }

  async #create(name: string): Promise<void> {
    const file = await open(join(this.#options.directory, name), 'wx', 0o644);
    await file.close();
  }

  async #withdraw(): Promise<void> {
    await this.#remove(this.#claim).catch(() => {});
  }

  /** The mark first: a claim with its mark gone is only a claim. */
  async #remove(name: string): Promise<void> {
    await rm(join(this.#options.directory, `${name}${HELD}`), { force: true });
    await rm(join(this.#options.directory, name), { force: true });
  }

  async #touchedAtMs(name: string): Promise<number | undefined> {
    const found = await stat(join(this.#options.directory, name)).catch(() => undefined);
    return found?.mtimeMs;
  }

  /** Makes the claim new, and gives the time that the file system wrote down for it. */
  async #touchOwn(): Promise<number | undefined> {
    try {
      // Not `utimes`, which would write down this machine's time; nor a way that makes the file when it is gone.
      const file = await open(join(this.#options.directory, this.#claim), 'r+');
      try {
        await file.write('.', 0);
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
    return this.#touchedAtMs(this.#claim);
  }

  #pause(): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => clock.at(after(clock.now(), LOOK_AGAIN_MS), resolve));
  }

  #beat(): void {
    const { clock } = this.#options;
    this.#cancelBeat = clock.at(after(clock.now(), BEAT_MS), () => {
      void this.#touchOwn();
      this.#beat();
    });
  }
}
