import { describe, expect, it } from 'vitest';
import type { WireHash } from '../base/ids.ts';
import { CombinedPresence } from './combined-presence.ts';

const hash = (byte: number): WireHash => new Uint8Array(20).fill(byte) as WireHash;

function combined(...bytes: readonly number[]): { presence: CombinedPresence; calls: string[] } {
  const calls: string[] = [];
  const presence = new CombinedPresence({
    wireHashes: bytes.map(hash),
    make: ([byte]) => ({
      start: async () => void calls.push(`start ${byte}`),
      announceNow: () => void calls.push(`announce ${byte}`),
      completed: () => void calls.push(`completed ${byte}`),
      stop: async () => void calls.push(`stop ${byte}`),
    }),
  });
  return { presence, calls };
}

describe('the presence of a hybrid', () => {
  it('does everything in both swarms', async () => {
    const { presence, calls } = combined(2, 1);
    await presence.start();
    presence.announceNow();
    presence.completed();
    await presence.stop();
    const both = ['start', 'announce', 'completed', 'stop'].flatMap((what) => [`${what} 2`, `${what} 1`]);
    expect(calls).toEqual(both);
  });

  it('starts in a swarm that is learned later, once, and not after the end', async () => {
    const { presence, calls } = combined(1);
    await presence.start();
    presence.add(hash(2));
    presence.add(hash(2));
    presence.add(hash(1));
    expect(calls).toEqual(['start 1', 'start 2']);
    await presence.stop();
    presence.add(hash(3));
    expect(calls).toEqual(['start 1', 'start 2', 'stop 1', 'stop 2']);
  });

  it('starts a swarm that was added early with the others', async () => {
    const { presence, calls } = combined(1);
    presence.add(hash(2));
    expect(calls).toEqual([]);
    await presence.start();
    expect(calls).toEqual(['start 1', 'start 2']);
  });
});
