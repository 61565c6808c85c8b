import { parseAssignment } from '../../../../seeder/assignment.ts';
import type { Bitfield } from '../../../base/bitfield.ts';
import { pieceIndex } from '../../../base/ids.ts';
import type { SimStore } from '../../store.ts';
import type { Scenario } from '../scenario.ts';
import { pace, type World } from '../world.ts';

/** A read that takes this long is as good as never answered. */
const NEVER_MS = 3_000_000;

const share = (world: World, spec: string): Bitfield => {
  const held = parseAssignment(spec, world.content.pieceCount);
  if (!held.ok) throw new Error(held.reason);
  return held.value;
};

const lieAboutAll =
  (world: World) =>
  (store: SimStore): void => {
    for (let piece = 0; piece < world.content.pieceCount; piece++) store.lieAbout(pieceIndex(piece));
  };

/** What seeders do, and what befalls them. */
export const SEEDER_SCENARIOS: readonly Scenario[] = [
  {
    name: 'three seeders, as it should be',
    seeds: 16,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      world.addLeecher();
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'each seeder has a third',
    seeds: 12,
    play: async (world) => {
      world.addTracker();
      for (const third of ['1/3', '2/3', '3/3']) world.addSeeders(1, { held: share(world, third) });
      world.addLeecher();
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'the seeder of the last third comes late',
    seeds: 10,
    play: async (world) => {
      world.addTracker();
      for (const third of ['1/3', '2/3']) world.addSeeders(1, { held: share(world, third) });
      world.addLeecher({ minSeeders: 2 });
      await world.startAll();
      await world.run(world.between(0, 80_000));
      const [late] = world.addSeeders(1, { held: share(world, '3/3') });
      await world.do(late!.start());
      await world.allFinish();
    },
  },
  {
    name: 'seeders die, all but one',
    seeds: 20,
    play: async (world) => {
      world.addTracker();
      const [, ...mortal] = world.addSeeders(world.between(2, 5));
      const leecher = world.addLeecher({ minSeeders: 2 });
      for (const seeder of mortal) {
        world.midway(leecher, () => (world.random.chance(0.5) ? seeder.kill() : seeder.vanish()));
      }
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'seeders leave in good order, and one stays',
    seeds: 8,
    play: async (world) => {
      world.addTracker();
      const [, ...others] = world.addSeeders(4);
      const leecher = world.addLeecher();
      for (const seeder of others) world.midway(leecher, () => seeder.stop());
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'one or two seeders lie about everything',
    seeds: 20,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(2);
      world.addSeeders(world.between(1, 2), { lies: lieAboutAll(world) });
      world.addLeecher();
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'all seeders but one lie about a single piece',
    seeds: 12,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(1);
      const piece = pieceIndex(world.random.below(world.content.pieceCount));
      world.addSeeders(world.between(1, 3), { lies: (store) => store.lieAbout(piece) });
      world.addLeecher({ minSeeders: 2 });
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'a seeder accepts and never answers',
    seeds: 12,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 3));
      const [mute] = world.addSeeders(1);
      mute!.slowDown(NEVER_MS);
      world.addLeecher({ minSeeders: 2 });
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'seeders fall silent on the way, for ever or for a while',
    seeds: 16,
    play: async (world) => {
      world.addTracker();
      const [, ...others] = world.addSeeders(world.between(2, 4));
      const leecher = world.addLeecher({ minSeeders: 2 });
      for (const seeder of others) {
        world.midway(leecher, () => {
          seeder.slowDown(NEVER_MS);
          if (world.random.chance(0.5)) world.later(world.between(1_000, 40_000), () => seeder.slowDown(2));
        });
      }
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'a seeder trickles a byte a second',
    seeds: 12,
    play: async (world) => {
      world.addTracker();
      const [, trickler] = world.addSeeders(world.between(2, 3));
      const leecher = world.addLeecher({ minSeeders: 2 });
      world.midway(leecher, () => (trickler!.host.up.bytesPerSecond = 1));
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'a seeder dies and comes back, again and again',
    seeds: 16,
    play: async (world) => {
      world.addTracker();
      const [flapper] = world.addSeeders(world.between(1, 3));
      world.addLeecher({ minSeeders: 1, timeoutMs: 300_000 });
      await world.startAll();
      for (let i = 0; i < 8; i++) {
        await world.run(world.between(50, 5_000));
        if (world.random.chance(0.5)) flapper!.kill();
        else flapper!.vanish();
        await world.run(world.between(50, 5_000));
        await world.do(flapper!.restart());
      }
      await world.allFinish();
    },
  },
  {
    name: "a seeder's file is changed",
    seeds: 10,
    play: async (world) => {
      world.addTracker();
      const [, unlucky] = world.addSeeders(3);
      const leecher = world.addLeecher();
      world.midway(leecher, () => unlucky!.changeFile());
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'one seeder runs at a hundredth of the others',
    seeds: 12,
    play: async (world) => {
      world.addTracker();
      const seeders = world.addSeeders(3);
      for (const seeder of seeders) pace(seeder, 400);
      pace(seeders[0]!, 4);
      world.addLeecher();
      await world.startAll();
      // The two fast ones alone would take less than two seconds.
      await world.allFinish(12_000);
    },
  },
  {
    name: 'only slow seeders are left',
    seeds: 24,
    pieces: [8, 12],
    play: async (world) => {
      world.addTracker();
      const seeders = world.addSeeders(3);
      for (const seeder of seeders) pace(seeder, world.between(1, 8));
      world.addLeecher();
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'all seeders crawl',
    seeds: 12,
    pieces: [4, 6],
    play: async (world) => {
      world.addTracker();
      // Less than the pace that is asked of any source, and enough for --timeout; a piece takes minutes.
      for (const seeder of world.addSeeders(3)) seeder.host.up.bytesPerSecond = world.between(250, 450);
      world.addLeecher();
      await world.startAll();
      await world.allFinish();
    },
  },
];
