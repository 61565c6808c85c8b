import { describe, expect, it } from 'vitest';
import { addressBytes } from '../common/base/address.ts';
import { readU16, readU32, writeU32 } from '../common/base/bytes.ts';
import type { WireHash } from '../common/base/ids.ts';
import { instant, NEVER } from '../common/base/ids.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import { SeededRandom } from '../common/sim/random.ts';
import type { Announcement } from './registry.ts';
import { Registry } from './registry.ts';

const LIMITS = { swarms: 200, peers: 30_000, peersPerSwarm: 20_000, peersPerSource: 30_000 };

interface Known {
  readonly swarm: number;
  readonly role: Announcement['role'];
  readonly expiryTick: number;
}

const hashOf = (swarm: number): WireHash => {
  const hash = new Uint8Array(20).fill(5);
  writeU32(hash, 0, swarm);
  return hash as WireHash;
};

/** Swarms of all sizes at once: most are small, a few fill many pages; by turns they fill, live and empty. */
class Crowd {
  readonly random: SeededRandom;
  readonly registry: Registry;
  readonly known = new Map<string, Known>();
  now = instant(1_000_000);

  constructor(seed: number) {
    this.random = new SeededRandom({ seed });
    this.registry = new Registry({
      memory: new OwnMemory(),
      random: this.random,
      limits: LIMITS,
      now: this.now,
      barren: () => {},
    });
  }

  /** One announce; its answer is compared with all that is known. */
  step(fullness: number): void {
    const swarm = Math.min(this.random.below(40), this.random.below(40), this.random.below(40));
    const peer = this.random.below(swarm < 2 ? 5_000 : swarm < 6 ? 600 : 40);
    const address = addressBytes(
      peer % 2 === 0 ? `10.0.${peer >> 8}.${peer & 255}` : `2001:db8::${peer.toString(16)}`,
    )!;
    const role = (['seeder', 'partial', 'leecher', 'leecher'] as const)[this.random.below(4)]!;
    const event = this.random.below(100) < fullness ? 'alive' : 'stopped';
    const ttlS = [20, 60, 3_600][this.random.below(3)]!;
    const one = {
      infoHash: hashOf(swarm),
      address,
      port: 1 + peer,
      role,
      event,
      ttlS,
      wanted: this.random.below(60),
    } as const;
    const into = new Uint8Array(1_200);
    const outcome = this.registry.announce(one, this.now, into);
    if (!outcome.ok) throw new Error(outcome.reason);
    const key = `${swarm} ${peer}`;
    if (event === 'stopped') this.known.delete(key);
    else this.known.set(key, { swarm, role, expiryTick: Math.ceil(this.now / 1000 + ttlS) });
    this.expectPeers(swarm, peer, role, into.subarray(0, outcome.peerBytes), address.length);
  }

  expectPeers(
    swarm: number,
    asker: number,
    role: Announcement['role'],
    peers: Uint8Array,
    addressLength: number,
  ): void {
    const given = new Set<number>();
    for (let at = 0; at < peers.length; at += addressLength + 2) {
      const peer = readU16(peers, at + addressLength) - 1;
      const low = readU32(peers, at + addressLength - 4);
      if (addressLength === 4 ? low !== 0x0a00_0000 + peer : low !== peer) throw new Error('no address of theirs');
      const known = this.known.get(`${swarm} ${peer}`);
      if (known === undefined || known.expiryTick <= this.now / 1000) throw new Error('gone');
      if (peer === asker || given.has(peer) || (role !== 'leecher' && known.role !== 'leecher'))
        throw new Error('of no use');
      given.add(peer);
    }
  }

  expire(): void {
    for (const [key, one] of this.known) if (one.expiryTick <= this.now / 1000) this.known.delete(key);
    this.registry.sweep(this.now, 100_000);
  }

  expectCounts(): void {
    expect(this.registry.peers).toBe(this.known.size);
    const counts = new Map<number, [number, number]>();
    for (const { swarm, role } of this.known.values()) {
      const [seeders, all] = counts.get(swarm) ?? [0, 0];
      counts.set(swarm, [seeders + (role === 'seeder' ? 1 : 0), all + 1]);
    }
    for (let swarm = 0; swarm < 40; swarm++) {
      const states = [4, 16].map((length) => this.registry.state(hashOf(swarm), length));
      const seeders = states.reduce((sum, one) => sum + one.seeders, 0);
      const all = states.reduce((sum, one) => sum + one.seeders + one.partialSeeds + one.leechers, 0);
      expect([seeders, all]).toEqual(counts.get(swarm) ?? [0, 0]);
    }
  }
}

describe('a registry of many', () => {
  it.each([1, 2, 3])('keeps count of everybody while swarms grow and shrink, seed %d', (seed) => {
    const crowd = new Crowd(seed);
    for (const fullness of [95, 80, 20, 95, 5]) {
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 400; i++) crowd.step(fullness);
        crowd.now = instant(crowd.now + 500 + crowd.random.below(4_000));
        crowd.expire();
        crowd.expectCounts();
      }
    }
    crowd.now = instant(crowd.now + 3_700_000);
    crowd.expire();
    crowd.expectCounts();
    expect([crowd.registry.peers, crowd.registry.swarms, crowd.registry.nextDue]).toEqual([0, 0, NEVER]);
  });
});
