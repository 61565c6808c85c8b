import type { Scenario } from '../scenario.ts';
import { pace, type World } from '../world.ts';

const MINUTE_MS = 60_000;

/** Lets time pass in which connections are cut now and then. */
async function cutConnections(world: World, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await world.run(world.between(20, 1_500));
    world.oneOf(world.leechers).host.resetStreamsWith(world.oneOf(world.seeders).host);
  }
}

/** What networks and trackers do. */
export const NETWORK_SCENARIOS: readonly Scenario[] = [
  {
    name: 'connections are reset again and again',
    seeds: 16,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 3));
      world.addLeecher({ minSeeders: 1 });
      await world.startAll();
      await cutConnections(world, 30);
      await world.allFinish();
    },
  },
  {
    name: 'any segment may be the last of its connection, and dials fail',
    seeds: 16,
    traits: { segmentReset: 0.03, dialFailure: 0.3 },
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      world.addLeecher({ minSeeders: 1, waitMs: 5 * MINUTE_MS, timeoutMs: 10 * MINUTE_MS });
      await world.startAll();
      await world.allFinish(2 * 60 * MINUTE_MS);
    },
  },
  {
    name: 'datagrams are lost, doubled and late',
    seeds: 16,
    traits: { datagramLoss: 0.4, datagramDoubling: 0.3, jitterMs: 300 },
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      world.addLeecher({ waitMs: 10 * MINUTE_MS });
      world.addLeecher({ waitMs: 10 * MINUTE_MS });
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'the tracker is restarted',
    seeds: 16,
    play: async (world) => {
      const tracker = world.addTracker();
      world.addSeeders(3);
      world.addLeecher();
      await world.startAll();
      for (let i = 0; i < 3; i++) {
        await world.run(world.between(100, MINUTE_MS));
        tracker.kill({ losesSecret: world.random.chance(0.5) });
        await world.run(world.between(0, 20_000));
        await world.do(tracker.restart());
      }
      // All seeders are back within a beat, and a failed beat or two.
      const late = world.addLeecher({ waitMs: 100_000 });
      await world.do(late.start());
      await world.allFinish();
    },
  },
  {
    name: 'the tracker comes late',
    seeds: 10,
    play: async (world) => {
      const tracker = world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher({ waitMs: 5 * MINUTE_MS });
      for (const actor of [...world.seeders, leecher]) await world.do(actor.start());
      await world.run(world.between(1_000, 2 * MINUTE_MS));
      await world.do(tracker.start());
      await world.allFinish();
    },
  },
  {
    name: 'one of two trackers is dead',
    seeds: 6,
    play: async (world) => {
      world.addTracker();
      const dead = world.addTracker();
      world.addSeeders(3);
      world.addLeecher();
      await world.startAll();
      dead.host.vanish();
      const late = world.addLeecher();
      await world.do(late.start());
      await world.allFinish();
    },
  },
  {
    name: 'the network falls apart and heals',
    seeds: 16,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      world.addLeecher({ minSeeders: 1, waitMs: 5 * MINUTE_MS, timeoutMs: 5 * MINUTE_MS });
      world.addLeecher({ minSeeders: 1, waitMs: 5 * MINUTE_MS, timeoutMs: 5 * MINUTE_MS });
      const hosts = [...world.trackers, ...world.seeders, ...world.leechers].map(({ host }) => host);
      await world.startAll();
      for (let i = 0; i < 4; i++) {
        await world.run(world.between(100, 3_000));
        const side = hosts.filter(() => world.random.chance(0.5));
        const other = hosts.filter((host) => !side.includes(host));
        world.verdict.note('network', `falls apart: ${side.map(({ addresses }) => addresses[0]).join(' ')} alone`);
        world.network.cut(side, other);
        await world.run(world.between(100, 100_000));
        world.network.heal(side, other);
        world.verdict.note('network', 'heals');
      }
      await world.allFinish();
    },
  },
  {
    name: 'a leecher is unplugged for a while',
    seeds: 8,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher({ timeoutMs: 5 * MINUTE_MS });
      world.midway(leecher, () => {
        leecher.host.unplug();
        world.later(world.between(1_000, 3 * MINUTE_MS), () => leecher.host.plug());
      });
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'machines vanish, and soon nobody is sent to them',
    seeds: 12,
    play: async (world) => {
      world.addTracker({ ttlS: 20, intervalS: 6 });
      const [, ...mortal] = world.addSeeders(4);
      world.addLeecher({ minSeeders: 1 });
      await world.startAll();
      for (const seeder of mortal) world.later(world.between(0, 10_000), () => seeder.vanish());
      // Some of them come within the time that those have left, some after it.
      for (let i = 0; i < 5; i++) {
        await world.run(world.between(1_000, 10_000));
        await world.do(world.addLeecher({ minSeeders: 1 }).start());
      }
      await world.allFinish();
    },
  },
  {
    name: 'no tracker, and a link that names a seeder',
    seeds: 12,
    play: async (world) => {
      const seeders = world.addSeeders(3);
      const endpoints = [seeders[0]!.endpoint];
      for (let i = 0; i < 3; i++) world.addLeecher({ endpoints, minSeeders: 1, lingers: true });
      // A leecher that came before tells those that come later of the others (BEP 11).
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'a web seed that is right, wrong, slow, broken or gone, beside one seeder',
    seeds: 24,
    play: async (world) => {
      world.addTracker();
      pace(world.addSeeder(), world.between(20, 100));
      const { bytes } = world.content;
      const somewhere = world.random.below(bytes.length);
      const edited = bytes.slice();
      edited[somewhere]! ^= 1;
      const leecher = world.addLeecher({
        minSeeders: 1,
        web: world.oneOf([
          { bytes },
          { bytes: edited },
          { bytes: bytes.subarray(0, somewhere) },
          { bytes, ignoresRanges: true },
          { bytes, cutAfter: somewhere },
          { bytes, silentAfter: somewhere },
          { bytes, status: 503 },
        ]),
      });
      if (world.random.chance(0.3)) world.midway(leecher, () => leecher.changeWeb(undefined));
      await world.startAll();
      await world.allFinish();
    },
  },
];
