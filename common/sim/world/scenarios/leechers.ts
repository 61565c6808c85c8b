import { Bitfield } from '../../../base/bitfield.ts';
import type { Scenario } from '../scenario.ts';
import type { SimLeecher } from '../sim-leecher.ts';
import { pace, type World } from '../world.ts';

/** Lets a download run for a while, or until it has ended. */
const runWhile = (world: World, leecher: SimLeecher, limitMs: number): Promise<boolean> =>
  world.until(() => leecher.ending !== undefined, limitMs);

/** All that the leechers have, taken together. */
export function heldByAny(leechers: readonly SimLeecher[]): Bitfield {
  const held = new Bitfield(leechers[0]!.held.size);
  for (const leecher of leechers) for (const piece of leecher.held) held.add(piece);
  return held;
}

/** What leechers and their disks do. */
export const LEECHER_SCENARIOS: readonly Scenario[] = [
  {
    name: 'a leecher is killed and started again',
    seeds: 20,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher({ minSeeders: 2 });
      await world.startAll();
      for (let i = 0; i < 5 && !(await runWhile(world, leecher, world.between(20, 2_500))); i++) {
        leecher.kill({ losesPower: false });
        await world.do(leecher.restart());
      }
      await world.allFinish();
      // What it has got is there, and is not fetched again.
      await world.do(leecher.start());
      await world.allFinish();
    },
  },
  {
    name: 'a leecher loses power and is started again',
    seeds: 16,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher({ minSeeders: 2 });
      await world.startAll();
      for (let i = 0; i < 5 && !(await runWhile(world, leecher, world.between(20, 5_000))); i++) {
        leecher.kill({ losesPower: true });
        await world.run(world.between(0, 10_000));
        await world.do(leecher.restart());
      }
      await world.allFinish();
    },
  },
  {
    name: 'the user stops a leecher and starts it again',
    seeds: 10,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher();
      await world.startAll();
      for (let i = 0; i < 4 && !(await runWhile(world, leecher, world.between(20, 2_000))); i++) {
        const before = leecher.held.count;
        await world.do(leecher.stop());
        await world.do(leecher.start());
        if (leecher.held.count < before) throw new Error('what was verified was not kept');
      }
      await world.allFinish();
    },
  },
  {
    name: 'the disk is full, then has room, then is full again',
    seeds: 16,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher();
      for (let i = 0; i < 3; i++) {
        world.midway(leecher, () => (leecher.disk.roomBytes = world.random.below(100_000)));
      }
      await world.startAll();
      for (;;) {
        await world.until(() => leecher.ending !== undefined, 600_000);
        if (leecher.ending?.code !== 'DISK_FULL') break;
        leecher.disk.roomBytes = Number.POSITIVE_INFINITY;
        await world.do(leecher.start());
      }
      await world.allFinish();
    },
  },
  {
    name: 'one seeder, which dies when every piece is with some leecher',
    seeds: 20,
    play: async (world) => {
      world.addTracker();
      const [seeder] = world.addSeeders(1);
      const count = world.between(2, 4);
      for (let i = 0; i < count; i++) world.addLeecher({ minSeeders: 1, lingers: true });
      await world.startAll();
      await world.until(() => heldByAny(world.leechers).isFull, 600_000);
      seeder!.kill();
      await world.allFinish();
    },
  },
  {
    name: 'leechers come one after the other, with few upload slots',
    seeds: 12,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 2), { uploadSlots: 1 });
      await world.do(world.trackers[0]!.start());
      for (const seeder of world.seeders) await world.do(seeder.start());
      for (let i = 0; i < 4; i++) {
        await world.do(world.addLeecher({ minSeeders: 1, waitMs: 120_000, timeoutMs: 300_000 }).start());
        await world.run(world.between(0, 3_000));
      }
      await world.allFinish();
    },
  },
  {
    name: 'a second leecher on the same disk is turned away',
    seeds: 4,
    play: async (world) => {
      world.addTracker();
      for (const seeder of world.addSeeders(3)) pace(seeder, 20);
      const first = world.addLeecher();
      await world.startAll();
      await world.until(() => first.held.count > 0, 60_000);
      const second = world.addLeecher({ disk: first.disk });
      await world.do(second.start());
      await world.until(() => second.ending !== undefined, 60_000);
      if (second.ending?.code !== 'DOWNLOAD_LOCKED') throw new Error(`the second ended with ${second.ending?.code}`);
      world.leechers.pop();
      await world.allFinish();
    },
  },
  {
    name: 'the part file is damaged between two runs',
    seeds: 12,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher({ minSeeders: 2 });
      await world.startAll();
      await runWhile(world, leecher, world.between(500, 2_000));
      if (leecher.leech === undefined) return;
      leecher.kill({ losesPower: false });
      const file = leecher.disk.files.get(`${leecher.path}.part`);
      for (let i = world.between(1, 20); file !== undefined && i > 0; i--) {
        file.bytes[world.random.below(file.bytes.length)]! ^= 1 + world.random.below(255);
      }
      if (world.random.chance(0.3)) file?.resize(world.random.below(file.bytes.length));
      await world.do(leecher.restart());
      await world.allFinish();
    },
  },
  {
    name: 'what a leecher wrote cannot be read back',
    seeds: 8,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(1);
      const leechers = [1, 2, 3].map(() => world.addLeecher({ minSeeders: 1 }));
      world.midway(leechers[0]!, () => (leechers[0]!.disk.readFailure = 'failed'));
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'disks that take half a second for everything',
    seeds: 8,
    play: async (world) => {
      world.addTracker();
      for (const seeder of world.addSeeders(3)) seeder.slowDown(500);
      const leechers = [world.addLeecher({ waitMs: 120_000 }), world.addLeecher({ waitMs: 120_000 })];
      for (const { disk } of leechers) disk.delayMs = 500;
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'a crowd',
    seeds: 4,
    pieces: [20, 30],
    play: async (world) => {
      world.addTracker();
      world.addSeeders(2, { uploadSlots: 3 });
      for (let i = 0; i < 10; i++) {
        world.addLeecher({ minSeeders: 1, waitMs: 300_000, timeoutMs: 300_000, lingers: world.random.chance(0.5) });
      }
      await world.startAll();
      await world.allFinish();
    },
  },
];
