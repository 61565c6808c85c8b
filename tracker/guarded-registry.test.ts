import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { WireHash } from '../common/base/ids.ts';
import { instant, NEVER } from '../common/base/ids.ts';
import { SharedMemory } from '../common/host/shared-memory.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { GuardedRegistry } from './guarded-registry.ts';
import { Registry, type RegistryLimits } from './registry.ts';

const LIMITS: RegistryLimits = { swarms: 50, peers: 10_000, peersPerSwarm: 5_000, peersPerSource: 10_000 };
const NOW = 1_000_000;
const SWARMS = 12;
const hashOf = (swarm: number): WireHash => new Uint8Array(20).fill(swarm + 1) as WireHash;
const addressOf = (swarm: number, port: number): Uint8Array =>
  port % 2 === 0 ? Uint8Array.of(10, 0, swarm, 1) : new Uint8Array(16).fill(swarm + 1);

function shared(memory: SharedMemory, barren: (hash: WireHash) => void = () => {}): GuardedRegistry {
  const registry = (tell: (hash: WireHash) => void): Registry =>
    new Registry({ memory, random: new SeededRandom({ seed: 1 }), limits: LIMITS, now: instant(NOW), barren: tell });
  return new GuardedRegistry({ lock: memory.lock, registry, barren });
}

/**
 * Announces and removes peers of its own ports, of swarms that all share, and tells which are left. Small swarms come
 * and go all the time; a few grow over several pages.
 */
const HAMMER = `
const { parentPort, workerData } = require('node:worker_threads');
const at = (path) => import(new URL(path, workerData.dist).href);
(async () => {
  const { SharedMemory } = await at('common/host/shared-memory.js');
  const { GuardedRegistry } = await at('tracker/guarded-registry.js');
  const { Registry } = await at('tracker/registry.js');
  const { buffers, limits, now, swarms, steps, thread } = workerData;
  const memory = new SharedMemory({ buffers });
  const random = { bytes: (count) => new Uint8Array(count), below: () => thread };
  const registry = new GuardedRegistry({
    lock: memory.lock,
    registry: (barren) => new Registry({ memory, random, limits, now, barren }),
    barren: () => {},
  });
  let chance = 0x1234567 + thread;
  const below = (bound) => {
    chance ^= chance << 13; chance ^= chance >>> 17; chance ^= chance << 5;
    return Math.floor(((chance >>> 0) / 2 ** 32) * bound);
  };
  const mine = new Map();
  const into = new Uint8Array(1200);
  for (let step = 0; step < steps; step++) {
    const swarm = below(swarms);
    const port = 2 + 2 * below(swarm < 2 ? 700 : 12) + 20000 * thread + below(2);
    const address = port % 2 === 0 ? Uint8Array.of(10, 0, swarm, 1) : new Uint8Array(16).fill(swarm + 1);
    const infoHash = new Uint8Array(20).fill(swarm + 1);
    const role = ['seeder', 'partial', 'leecher'][below(3)];
    const event = below(100) < (step < steps / 2 ? 25 : 60) ? 'stopped' : 'alive';
    const outcome = registry.announce({ infoHash, address, port, role, event, ttlS: 90, wanted: 30 }, now, into);
    if (!outcome.ok) throw new Error(outcome.reason);
    const key = swarm + ' ' + port;
    if (event === 'alive') mine.set(key, role);
    else mine.delete(key);
    if (step % 7 === 0 && registry.beat(infoHash, address, port, now) !== mine.has(key)) throw new Error('beat ' + key);
  }
  parentPort.postMessage(mine);
})();
`;

describe('a registry that threads share', () => {
  it('loses nobody, has nobody twice and nobody who left, while two threads change it', async () => {
    const memory = new SharedMemory({ buffers: undefined });
    const registry = shared(memory);
    const data = { buffers: memory.buffers, limits: LIMITS, now: NOW, swarms: SWARMS, steps: 60_000 };
    const dist = new URL('../dist/', import.meta.url).href;
    const threads = [1, 2].map((thread) => new Worker(HAMMER, { eval: true, workerData: { ...data, dist, thread } }));
    const left = await Promise.all(
      threads.map(async (thread) => ((await once(thread, 'message')) as [Map<string, string>])[0]),
    );
    const all = new Map(left.flatMap((one) => [...one]));
    expect(all.size).toBe(left[0]!.size + left[1]!.size);
    expect(registry.peers).toBe(all.size);
    for (const [key, role] of all) {
      const [swarm, port] = key.split(' ').map(Number) as [number, number];
      expect(registry.roleOf(hashOf(swarm), addressOf(swarm, port), port, instant(NOW))).toBe(role);
    }
    let counted = 0;
    for (let swarm = 0; swarm < SWARMS; swarm++) {
      for (const family of [4, 16]) {
        const { seeders, partialSeeds, leechers } = registry.state(hashOf(swarm), family);
        counted += seeders + partialSeeds + leechers;
      }
    }
    expect(counted).toBe(all.size);
    registry.sweep(instant(NOW + 200_000), 1_000_000);
    expect([registry.peers, registry.swarms, registry.nextDue]).toEqual([0, 0, NEVER]);
    await Promise.all(threads.map((thread) => thread.terminate()));
  });

  it('tells of a swarm without seeders when it can be asked again', () => {
    const states: number[] = [];
    const registry = shared(new SharedMemory({ buffers: undefined }), (hash) =>
      states.push(registry.state(hash, 4).seeders),
    );
    const one = {
      infoHash: hashOf(1),
      address: addressOf(1, 2),
      port: 2,
      role: 'seeder',
      ttlS: 90,
      wanted: 0,
    } as const;
    registry.announce({ ...one, event: 'alive' }, instant(NOW), new Uint8Array(0));
    registry.announce({ ...one, event: 'stopped' }, instant(NOW), new Uint8Array(0));
    expect(states).toEqual([0]);
  });
});
