import { describe, expect, it } from 'vitest';
import { after } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { HostClock } from './clock.ts';
import { HashPool } from './hasher.ts';

describe('while pieces are hashed', () => {
  it('[fault 53] the clock goes on waking: a busy seeder beats on time', async () => {
    const clock = new HostClock();
    const hasher = new HashPool({ threads: 2 });
    const bytes = new Uint8Array(new SharedArrayBuffer(4 * MIB));
    let beats = 0;
    let cancel = (): void => {};
    const beat = (): void => {
      beats++;
      cancel = clock.at(after(clock.now(), 1), beat);
    };
    beat();
    // As much as keeps both threads busy for many beats, on any machine.
    await Promise.all(Array.from({ length: 96 }, () => hasher.pieceRoot(bytes, 256)));
    cancel();
    await hasher.close();
    expect(beats).toBeGreaterThan(10);
  });
});
