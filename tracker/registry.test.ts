import { describe, expect, it } from 'vitest';
import { addressBytes } from '../common/base/address.ts';
import { toHex } from '../common/base/bytes.ts';
import type { Instant, WireHash } from '../common/base/ids.ts';
import { instant, NEVER } from '../common/base/ids.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import { SeededRandom } from '../common/sim/random.ts';
import type { AddressBytes } from '../common/wire/tracker-packets.ts';
import { decodeAnnounceResponse, encodeAnnounceResponse } from '../common/wire/tracker-packets.ts';
import type { Announcement, RegistryLimits } from './registry.ts';
import { Registry } from './registry.ts';

const ROOM: RegistryLimits = { swarms: 100, peers: 1_000, peersPerSwarm: 1_000, peersPerSource: 1_000 };

const hashOf = (n: number): WireHash => new Uint8Array(20).fill(n) as WireHash;
const HASH = hashOf(1);
const HERE = addressBytes('192.0.2.1')!;
const START = instant(1_000_000);

const made = (limits: Partial<RegistryLimits> = {}, barren: (hash: WireHash) => void = () => {}): Registry =>
  new Registry({
    memory: new OwnMemory(),
    random: new SeededRandom({ seed: 1 }),
    limits: { ...ROOM, ...limits },
    now: START,
    barren,
  });

const announcement = (over: Partial<Announcement> = {}): Announcement => ({
  infoHash: HASH,
  address: HERE,
  port: 7000,
  role: 'leecher',
  event: 'alive',
  ttlS: 90,
  wanted: 50,
  ...over,
});

/** The endpoints in an answer. */
function peersIn(peers: Uint8Array, addressLength: AddressBytes): string[] {
  const answer = decodeAnnounceResponse(
    encodeAnnounceResponse(0, { intervalS: 0, leechers: 0, seeders: 0, peers }),
    addressLength,
  );
  return answer.ok ? answer.value.peers.map((peer) => `${peer.host} ${peer.port}`) : [];
}

interface Answered {
  readonly peers: string[];
  readonly seeders: number;
  readonly leechers: number;
}
function announced(registry: Registry, over: Partial<Announcement> = {}, now: Instant = START): Answered {
  const one = announcement(over);
  const into = new Uint8Array(5_000);
  registry.sweep(now, 64);
  const outcome = registry.announce(one, now, into);
  if (!outcome.ok) throw new Error(outcome.reason);
  const peers = peersIn(into.subarray(0, outcome.peerBytes), one.address.length as AddressBytes);
  return { peers, seeders: outcome.seeders, leechers: outcome.leechers };
}
const refusal = (registry: Registry, over: Partial<Announcement>, now: Instant = START): string => {
  registry.sweep(now, 64);
  const outcome = registry.announce(announcement(over), now, new Uint8Array(5_000));
  return outcome.ok ? 'taken in' : outcome.reason;
};
const later = (seconds: number): Instant => instant(START + seconds * 1000);

describe('who is handed out', () => {
  it('tells a peer of the others and never of itself', () => {
    const registry = made();
    expect(announced(registry, { port: 1 })).toEqual({ peers: [], seeders: 0, leechers: 1 });
    expect(announced(registry, { port: 2 }).peers).toEqual(['192.0.2.1 1']);
    expect(announced(registry, { port: 1 })).toEqual({ peers: ['192.0.2.1 2'], seeders: 0, leechers: 2 });
  });

  it('gives seeders and partial seeds to a leecher before other leechers', () => {
    const registry = made();
    for (let port = 1; port <= 20; port++) announced(registry, { port });
    announced(registry, { port: 100, role: 'seeder' });
    announced(registry, { port: 101, role: 'partial' });
    const { peers } = announced(registry, { port: 99, wanted: 2 });
    expect(peers.toSorted()).toEqual(['192.0.2.1 100', '192.0.2.1 101']);
    expect(announced(registry, { port: 99, wanted: 10 }).peers).toHaveLength(10);
  });

  it.each(['seeder', 'partial'] as const)('gives a %s nothing but leechers', (role) => {
    const registry = made();
    announced(registry, { port: 1, role: 'seeder' });
    announced(registry, { port: 2, role: 'partial' });
    announced(registry, { port: 3 });
    expect(announced(registry, { port: 4, role }).peers).toEqual(['192.0.2.1 3']);
  });

  it('counts a partial seed as a leecher in the answer', () => {
    const registry = made();
    announced(registry, { port: 1, role: 'partial' });
    expect(announced(registry, { port: 2, role: 'seeder' })).toMatchObject({ seeders: 1, leechers: 1 });
    expect(registry.state(HASH, 4)).toMatchObject({ seeders: 1, partialSeeds: 1, leechers: 0 });
  });

  it('gives none when none are wanted', () => {
    const registry = made();
    announced(registry, { port: 1, role: 'seeder' });
    expect(announced(registry, { port: 2, wanted: 0 })).toEqual({ peers: [], seeders: 1, leechers: 1 });
  });

  it('gives every peer its turn', () => {
    const registry = made();
    for (let port = 1; port <= 40; port++) announced(registry, { port, role: 'seeder' });
    const turns = new Map<string, number>();
    for (let i = 0; i < 400; i++) {
      const { peers } = announced(registry, { port: 99, wanted: 10 });
      expect(new Set(peers).size).toBe(10);
      for (const peer of peers) turns.set(peer, (turns.get(peer) ?? 0) + 1);
    }
    expect(turns.size).toBe(40);
    for (const count of turns.values()) expect(count).toBeGreaterThan(50);
    for (const count of turns.values()) expect(count).toBeLessThan(170);
  });

  it('[fault 16] keeps IPv4 and IPv6 apart', () => {
    const registry = made();
    const v6 = addressBytes('2001:db8::1')!;
    announced(registry, { port: 1, role: 'seeder' });
    expect(announced(registry, { port: 2, address: v6 })).toEqual({ peers: [], seeders: 0, leechers: 1 });
    expect(announced(registry, { port: 3, address: v6 }).peers).toEqual(['2001:db8::1 2']);
    expect(announced(registry, { port: 4 }).peers).toEqual(['192.0.2.1 1']);
  });
});

describe('coming and going', () => {
  it('removes at once who says stopped, and gives nothing for it', () => {
    const registry = made();
    announced(registry, { port: 1, role: 'seeder' });
    announced(registry, { port: 2 });
    expect(announced(registry, { port: 2, event: 'stopped' })).toEqual({ peers: [], seeders: 1, leechers: 0 });
    expect(announced(registry, { port: 1, role: 'seeder' }).peers).toEqual([]);
  });

  it('takes no notice of a stranger who says stopped', () => {
    const registry = made();
    expect(announced(registry, { event: 'stopped' })).toEqual({ peers: [], seeders: 0, leechers: 0 });
    expect([registry.swarms, registry.peers]).toEqual([0, 0]);
  });

  it('[fault 14] drops a silent peer after its own ttl, and takes it back when it returns', () => {
    const registry = made();
    announced(registry, { port: 1, role: 'seeder', ttlS: 90 });
    announced(registry, { port: 2, role: 'seeder', ttlS: 660 });
    expect(announced(registry, { port: 9 }, later(89)).peers).toHaveLength(2);
    expect(announced(registry, { port: 9 }, later(90))).toEqual({ peers: ['192.0.2.1 2'], seeders: 1, leechers: 1 });
    expect(announced(registry, { port: 9 }, later(659)).peers).toEqual(['192.0.2.1 2']);
    expect(announced(registry, { port: 9 }, later(660)).peers).toEqual([]);
    announced(registry, { port: 1, role: 'seeder' }, later(661));
    expect(announced(registry, { port: 9 }, later(661)).peers).toEqual(['192.0.2.1 1']);
  });

  it('lives on by heartbeats, which touch only what is there', () => {
    const registry = made();
    announced(registry, { role: 'seeder', ttlS: 90 });
    expect(registry.beat(HASH, HERE, 7000, later(80))).toBe(true);
    expect(registry.beat(HASH, HERE, 7001, later(80))).toBe(false);
    expect(registry.beat(hashOf(2), HERE, 7000, later(80))).toBe(false);
    registry.sweep(later(169), 64);
    expect(registry.state(HASH, 4).seeders).toBe(1);
    expect(registry.beat(HASH, HERE, 7000, later(170))).toBe(false);
    expect(registry.state(HASH, 4).seeders).toBe(0);
  });

  it('follows a peer that changes what it is', () => {
    const registry = made();
    announced(registry, { role: 'leecher' });
    expect(registry.roleOf(HASH, HERE, 7000, START)).toBe('leecher');
    announced(registry, { role: 'seeder' });
    expect(registry.state(HASH, 4)).toMatchObject({ seeders: 1, leechers: 0 });
    expect(registry.remove(HASH, HERE, 7000, START)).toBe(true);
    expect(registry.roleOf(HASH, HERE, 7000, START)).toBeUndefined();
    expect(registry.remove(HASH, HERE, 7000, START)).toBe(false);
  });

  it('[fault 12] counts completed once per peer, however often it is said', () => {
    const registry = made();
    announced(registry, { port: 1, event: 'completed', role: 'leecher' });
    expect(registry.state(HASH, 4).completed).toBe(0);
    for (let i = 0; i < 3; i++) announced(registry, { port: 1, event: 'completed', role: 'seeder' });
    announced(registry, { port: 2, event: 'completed', role: 'seeder' });
    expect(registry.state(HASH, 4).completed).toBe(2);
  });

  it('remembers completed when all are gone', () => {
    const registry = made();
    announced(registry, { event: 'completed', role: 'seeder' });
    announced(registry, { event: 'stopped' });
    expect(registry.state(HASH, 4)).toMatchObject({ completed: 1, seeders: 0 });
    expect(registry.peers).toBe(0);
  });

  it('says when the last giver is gone: stopped, expired, withdrawn or turned leecher', () => {
    const gone: string[] = [];
    const registry = made({}, (hash) => gone.push(toHex(hash).slice(0, 2)));
    announced(registry, { infoHash: hashOf(1), role: 'seeder' });
    announced(registry, { infoHash: hashOf(1), role: 'seeder' });
    announced(registry, { infoHash: hashOf(1), port: 2, role: 'partial' });
    expect(gone).toEqual([]);
    announced(registry, { infoHash: hashOf(1), event: 'stopped' });
    expect(gone).toEqual([]);
    announced(registry, { infoHash: hashOf(1), port: 2, event: 'stopped' });
    expect(gone).toEqual(['01']);
    announced(registry, { infoHash: hashOf(2), role: 'seeder' });
    announced(registry, { infoHash: hashOf(2), role: 'leecher' });
    announced(registry, { infoHash: hashOf(3), role: 'seeder' });
    registry.remove(hashOf(3), HERE, 7000, START);
    announced(registry, { infoHash: hashOf(4), role: 'seeder' });
    registry.sweep(later(90), 100);
    expect(gone).toEqual(['01', '02', '03', '04']);
  });
});

describe('bounds', () => {
  it('[fault 11] refuses what is past one address’s share, not what is already in', () => {
    const registry = made({ peersPerSource: 3 });
    for (let port = 1; port <= 3; port++) announced(registry, { port });
    expect(refusal(registry, { port: 4 })).toBe('source_full');
    expect(refusal(registry, { port: 4, infoHash: hashOf(2) })).toBe('source_full');
    expect(refusal(registry, { port: 3 })).toBe('taken in');
    expect(refusal(registry, { port: 4, address: addressBytes('192.0.2.2')! })).toBe('taken in');
    announced(registry, { port: 1, event: 'stopped' });
    expect(refusal(registry, { port: 4 })).toBe('taken in');
  });

  it('[fault 11] takes a /64 of IPv6 as one source', () => {
    const registry = made({ peersPerSource: 2 });
    const from = (host: string): string => refusal(registry, { address: addressBytes(host)! });
    expect([from('2001:db8::1'), from('2001:db8::2'), from('2001:db8::ffff:3')]).toEqual([
      'taken in',
      'taken in',
      'source_full',
    ]);
    expect(from('2001:db8:0:1::1')).toBe('taken in');
  });

  it('refuses what is past a swarm or the whole', () => {
    const registry = made({ peersPerSwarm: 2, peers: 3 });
    for (let port = 1; port <= 2; port++) announced(registry, { port });
    expect(refusal(registry, { port: 3 })).toBe('swarm_full');
    expect(refusal(registry, { port: 3, infoHash: hashOf(2) })).toBe('taken in');
    expect(refusal(registry, { port: 4, infoHash: hashOf(2) })).toBe('registry_full');
    expect(refusal(registry, { port: 4, infoHash: hashOf(2) }, later(90))).toBe('taken in');
  });

  it('[fault 10] forgets the swarm not heard of for longest when too many are named', () => {
    const gone: number[] = [];
    const registry = made({ swarms: 3 }, (hash) => gone.push(hash[0]!));
    for (const n of [1, 2, 3]) announced(registry, { infoHash: hashOf(n), role: 'seeder' });
    registry.beat(hashOf(1), HERE, 7000, START);
    announced(registry, { infoHash: hashOf(4) });
    expect([1, 2, 3, 4].map((n) => registry.roleOf(hashOf(n), HERE, 7000, START) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(gone).toEqual([2]);
    expect([registry.swarms, registry.peers]).toEqual([3, 3]);
  });

  it('[fault 10] forgets empty swarms first', () => {
    const registry = made({ swarms: 3 });
    announced(registry, { infoHash: hashOf(1) });
    announced(registry, { infoHash: hashOf(2), role: 'seeder', event: 'completed' });
    announced(registry, { infoHash: hashOf(2), event: 'stopped' });
    announced(registry, { infoHash: hashOf(3) });
    announced(registry, { infoHash: hashOf(4) });
    expect(registry.state(hashOf(1), 4).leechers).toBe(1);
    expect(registry.state(hashOf(2), 4).completed).toBe(0);
  });

  it('[fault 10] stays as small as its bounds through a flood of random hashes', () => {
    const registry = made({ swarms: 50, peers: 200, peersPerSource: 40 });
    const random = new SeededRandom({ seed: 7 });
    for (let i = 0; i < 20_000; i++) {
      const address = Uint8Array.of(10, 0, 0, random.below(20));
      const event = random.below(3) === 0 ? 'stopped' : 'completed';
      const infoHash = new Uint8Array(20).fill(random.below(256));
      infoHash[0] = random.below(256);
      const one = announcement({ address, infoHash, event, role: 'seeder', port: 1 + random.below(9), ttlS: 10 });
      registry.announce(one, later(i / 100), new Uint8Array(1_200));
      expect(registry.swarms).toBeLessThanOrEqual(50);
      expect(registry.peers).toBeLessThanOrEqual(200);
    }
    registry.sweep(later(10_000), 100_000);
    expect([registry.peers, registry.nextDue]).toEqual([0, NEVER]);
    expect(registry.swarms).toBeLessThanOrEqual(50);
  });

  it('sweeps within its budget and says when it wants to go on', () => {
    const registry = made();
    for (let port = 1; port <= 10; port++) announced(registry, { port });
    expect(registry.nextDue).toBe(later(90));
    registry.sweep(later(90), 4);
    expect([registry.peers, registry.expiredPeers]).toEqual([6, 4]);
    expect(registry.nextDue).toBeLessThanOrEqual(later(90));
    registry.sweep(later(90), 100);
    expect([registry.peers, registry.swarms, registry.nextDue]).toEqual([0, 0, NEVER]);
  });

  it('hands out nobody whose time is over, even when the sweep is far behind', () => {
    const registry = made();
    for (let port = 1; port <= 500; port++) announced(registry, { port, role: 'seeder', ttlS: 60 });
    announced(registry, { port: 1_000, role: 'seeder', ttlS: 600 });
    expect(announced(registry, { port: 2_000 }, later(60)).peers).toEqual(['192.0.2.1 1000']);
  });
});
