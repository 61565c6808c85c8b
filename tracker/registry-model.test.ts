import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes } from '../common/base/address.ts';
import type { Instant, WireHash } from '../common/base/ids.ts';
import { instant } from '../common/base/ids.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import { SeededRandom } from '../common/sim/random.ts';
import type { AddressBytes } from '../common/wire/tracker-packets.ts';
import { decodeAnnounceResponse, encodeAnnounceResponse } from '../common/wire/tracker-packets.ts';
import type { Announcement } from './registry.ts';
import { Registry } from './registry.ts';

const LIMITS = { swarms: 100, peers: 1_000, peersPerSwarm: 1_000, peersPerSource: 1_000 };
const START = instant(1_000_000);
const tickOf = (now: Instant): number => Math.floor(now / 1000);

interface Known {
  readonly swarm: string;
  readonly name: string;
  readonly role: Announcement['role'];
  readonly ttlS: number;
  readonly expiryTick: number;
  readonly completed: boolean;
}

/** The rules over a plain Map, by looking at everything every time. */
class NaiveRegistry {
  readonly peers = new Map<string, Known>();
  readonly completed = new Map<string, number>();

  expire(now: Instant): void {
    for (const [key, one] of this.peers) if (one.expiryTick <= tickOf(now)) this.peers.delete(key);
  }

  inSwarm(swarm: string): Known[] {
    return [...this.peers.values()].filter((one) => one.swarm === swarm);
  }

  announce(swarm: string, name: string, one: Announcement, now: Instant): void {
    const key = `${swarm} ${name}`;
    if (one.event === 'stopped') {
      this.peers.delete(key);
      return;
    }
    const already = this.peers.get(key)?.completed ?? false;
    const completes = one.event === 'completed' && one.role === 'seeder' && !already;
    if (completes) this.completed.set(swarm, (this.completed.get(swarm) ?? 0) + 1);
    const { role, ttlS } = one;
    const expiryTick = Math.ceil(now / 1000 + ttlS);
    this.peers.set(key, { swarm, name, role, ttlS, expiryTick, completed: already || completes });
  }

  beat(swarm: string, name: string, now: Instant): boolean {
    const known = this.peers.get(`${swarm} ${name}`);
    if (known === undefined) return false;
    this.peers.set(`${swarm} ${name}`, { ...known, expiryTick: Math.ceil(now / 1000 + known.ttlS) });
    return true;
  }
}

const who = {
  hash: fc.nat({ max: 2 }),
  host: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'),
  port: fc.integer({ min: 1, max: 3 }),
};
const announce = fc.record({
  ...who,
  kind: fc.constant('announce' as const),
  role: fc.constantFrom<Announcement['role']>('seeder', 'partial', 'leecher'),
  event: fc.constantFrom<Announcement['event']>('alive', 'alive', 'completed', 'stopped'),
  ttlS: fc.constantFrom(10, 30, 90, 660, 3_600),
  wanted: fc.nat({ max: 5 }),
});
const touch = fc.record({ ...who, kind: fc.constantFrom('beat' as const, 'remove' as const) });
const pass = fc.record({ kind: fc.constant('pass' as const), ms: fc.oneof(fc.nat(20_000), fc.nat(4_000_000)) });
const history = fc.array(
  fc.oneof({ weight: 6, arbitrary: announce }, { weight: 2, arbitrary: touch }, { weight: 2, arbitrary: pass }),
  { maxLength: 80 },
);

/** Announces on both sides and compares the answer with everything that is known. */
function compareAnnounce(
  registry: Registry,
  naive: NaiveRegistry,
  swarm: string,
  name: string,
  one: Announcement,
  now: Instant,
): void {
  const others = naive.inSwarm(swarm).filter((other) => other.name !== name);
  naive.announce(swarm, name, one, now);
  const into = new Uint8Array(200);
  const outcome = registry.announce(one, now, into);
  if (!outcome.ok) throw new Error(outcome.reason);
  const all = naive.inSwarm(swarm);
  const seeders = all.filter((other) => other.role === 'seeder').length;
  expect([outcome.seeders, outcome.leechers]).toEqual([seeders, all.length - seeders]);

  const bytes = encodeAnnounceResponse(0, { ...outcome, intervalS: 0, peers: into.slice(0, outcome.peerBytes) });
  const answer = decodeAnnounceResponse(bytes, one.address.length as AddressBytes);
  if (!answer.ok) throw new Error(answer.reason);
  const peers = answer.value.peers.map((peer) => `${peer.host} ${peer.port}`);
  const useful = others.filter((other) => one.role === 'leecher' || other.role === 'leecher');
  const givers = useful.filter((other) => other.role !== 'leecher').map((other) => other.name);
  const wanted = one.event === 'stopped' ? 0 : one.wanted;
  expect(new Set(peers).size).toBe(Math.min(wanted, useful.length));
  expect(useful.map((other) => other.name)).toEqual(expect.arrayContaining(peers));
  expect(peers.filter((peer) => givers.includes(peer))).toHaveLength(Math.min(wanted, givers.length));
}

describe('the registry beside a naive one', () => {
  it('agrees in every answer and every count, after any history', () => {
    fc.assert(
      fc.property(history, fc.nat(), (steps, seed) => {
        const random = new SeededRandom({ seed });
        const registry = new Registry({
          memory: new OwnMemory(),
          random,
          limits: LIMITS,
          now: START,
          barren: () => {},
        });
        const naive = new NaiveRegistry();
        let now = START;
        for (const step of steps) {
          if (step.kind === 'pass') {
            now = instant(now + step.ms);
            continue;
          }
          naive.expire(now);
          registry.sweep(now, 64);
          const address = addressBytes(step.host)!;
          const infoHash = new Uint8Array(20).fill(step.hash) as WireHash;
          const swarm = `${step.hash} of ${address.length}`;
          const name = `${step.host} ${step.port}`;
          if (step.kind === 'announce') {
            compareAnnounce(registry, naive, swarm, name, { ...step, infoHash, address }, now);
          } else {
            const known = step.kind === 'beat' ? naive.beat(swarm, name, now) : naive.peers.delete(`${swarm} ${name}`);
            expect(registry[step.kind](infoHash, address, step.port, now)).toBe(known);
          }
          expect(registry.peers).toBe(naive.peers.size);
          expect(registry.state(infoHash, address.length).completed).toBe(naive.completed.get(swarm) ?? 0);
        }
        naive.expire(now);
        registry.sweep(now, 1_000);
        expect(registry.peers).toBe(naive.peers.size);
        expect(registry.nextDue).toBeGreaterThan(now);
      }),
      { numRuns: 400 },
    );
  });
});
