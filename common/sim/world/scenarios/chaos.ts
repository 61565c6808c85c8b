import { pieceIndex } from '../../../base/ids.ts';
import type { Scenario } from '../scenario.ts';
import type { SimLeecher } from '../sim-leecher.ts';
import type { SimSeeder } from '../sim-seeder.ts';
import { pace, type World } from '../world.ts';

const MINUTE_MS = 60_000;
const NEVER_MS = 3_000_000;
/** Then nothing more is done to anybody. */
const CHAOS_MS = 2 * MINUTE_MS;

/** What may happen to a seeder at some moment. */
const SEEDER_FAULTS: readonly ((world: World, seeder: SimSeeder) => unknown)[] = [
  (world, seeder) => {
    if (!seeder.isRunning) return;
    if (world.random.chance(0.5)) seeder.kill();
    else seeder.vanish();
    if (world.random.chance(0.7)) world.later(world.between(100, 30_000), () => seeder.restart());
  },
  (world, seeder) => {
    seeder.slowDown(NEVER_MS);
    world.later(world.between(100, MINUTE_MS), () => seeder.slowDown(2));
  },
  (world, seeder) => pace(seeder, world.between(1, 400)),
  (_world, seeder) => seeder.changeFile(),
  (world, seeder) => {
    seeder.host.unplug();
    world.later(world.between(100, MINUTE_MS), () => seeder.host.plug());
  },
];

const LEECHER_FAULTS: readonly ((world: World, leecher: SimLeecher) => unknown)[] = [
  (world, leecher) => {
    if (leecher.leech === undefined) return undefined;
    leecher.kill({ losesPower: world.random.chance(0.3) });
    return leecher.restart();
  },
  (world, leecher) => leecher.host.resetStreamsWith(world.oneOf(world.seeders).host),
  (world, leecher) => {
    leecher.host.unplug();
    world.later(world.between(100, MINUTE_MS), () => leecher.host.plug());
  },
  (world, leecher) => {
    leecher.disk.roomBytes = world.random.below(300_000);
    world.later(world.between(100, 5_000), () => (leecher.disk.roomBytes = Number.POSITIVE_INFINITY));
  },
  (world, leecher) => {
    leecher.disk.delayMs = world.oneOf([1, 50, 500]);
  },
];

async function trackerFault(world: World): Promise<void> {
  const tracker = world.oneOf(world.trackers);
  tracker.kill({ losesSecret: world.random.chance(0.5) });
  await tracker.restart();
}

/** The first seeder is never touched; all else may happen, at any time. */
function scheduleFaults(world: World): void {
  const count = world.between(3, 12);
  for (let i = 0; i < count; i++) {
    world.later(world.random.below(world.random.chance(0.7) ? 5_000 : CHAOS_MS), () => {
      const kind = world.random.fraction();
      if (kind < 0.1) return trackerFault(world);
      if (kind < 0.5) return world.oneOf(LEECHER_FAULTS)(world, world.oneOf(world.leechers));
      return world.oneOf(SEEDER_FAULTS)(world, world.oneOf(world.seeders.slice(1)));
    });
  }
}

/** What a user would do: start it again when it ended for a reason that has passed. */
async function startAgain(world: World): Promise<void> {
  const failed = world.leechers.filter(({ ending }) => ending !== undefined && ending.code !== 'OK');
  for (const leecher of failed) await world.do(leecher.start());
}

export const CHAOS_SCENARIOS: readonly Scenario[] = [
  {
    name: 'junk peers beside honest ones',
    seeds: 50,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(2);
      for (let i = world.between(1, 4); i > 0; i--) world.addJunk();
      world.addLeecher({ minSeeders: 2 });
      world.addLeecher({ minSeeders: 1 });
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'chaos',
    seeds: 120,
    play: async (world) => {
      for (let i = world.between(1, 2); i > 0; i--) world.addTracker();
      world.addSeeders(1);
      for (let i = world.between(1, 4); i > 0; i--) {
        const piece = pieceIndex(world.random.below(world.content.pieceCount));
        world.addSeeders(1, world.random.chance(0.3) ? { lies: (store) => store.lieAbout(piece) } : {});
      }
      if (world.random.chance(0.3)) world.addJunk();
      for (let i = world.between(1, 3); i > 0; i--) {
        world.addLeecher({ minSeeders: 1, waitMs: 3 * MINUTE_MS, timeoutMs: 5 * MINUTE_MS });
      }
      await world.startAll();
      scheduleFaults(world);
      await world.run(CHAOS_MS + MINUTE_MS);
      await startAgain(world);
      await world.allFinish();
    },
  },
];
