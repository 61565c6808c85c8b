import { pieceIndex } from '../../../base/ids.ts';
import type { Scenario } from '../scenario.ts';

/** How downloads end that cannot end well: with the code that says why, and never by waiting for ever. */
export const ENDING_SCENARIOS: readonly Scenario[] = [
  {
    name: 'all seeders lie about everything',
    seeds: 10,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 4), {
        lies: (store) => {
          for (let piece = 0; piece < world.content.pieceCount; piece++) store.lieAbout(pieceIndex(piece));
        },
      });
      world.addLeecher();
      await world.startAll();
      await world.allEnd('NO_VALID_SOURCE', 300_000);
    },
  },
  {
    name: 'all seeders lie about one piece',
    seeds: 10,
    play: async (world) => {
      world.addTracker();
      const piece = pieceIndex(world.random.below(world.content.pieceCount));
      world.addSeeders(world.between(1, 4), { lies: (store) => store.lieAbout(piece) });
      const leecher = world.addLeecher();
      await world.startAll();
      await world.allEnd('NO_VALID_SOURCE', 300_000);
      const { count, size } = leecher.held;
      if (count !== size - 1) throw new Error(`${count} of ${size} pieces were kept`);
    },
  },
  {
    name: 'too few seeders',
    seeds: 6,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 2));
      world.addLeecher({ minSeeders: 3 });
      await world.startAll();
      await world.allEnd('TOO_FEW_SEEDERS', 120_000);
    },
  },
  {
    name: 'nobody shares it',
    seeds: 4,
    play: async (world) => {
      world.addTracker();
      world.addLeecher({ minSeeders: 1, knows: 'hash' });
      await world.startAll();
      await world.allEnd('CONTENT_UNKNOWN', 120_000);
    },
  },
  {
    name: 'no tracker answers',
    seeds: 4,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher({ knows: 'hash' });
      for (const actor of [...world.seeders, leecher]) await world.do(actor.start());
      await world.allEnd('NETWORK', 120_000);
    },
  },
  {
    name: 'all seeders die, and others come when the user has started it again',
    seeds: 10,
    play: async (world) => {
      world.addTracker();
      const seeders = world.addSeeders(3);
      const leecher = world.addLeecher();
      const count = world.random.below(world.content.pieceCount - 1);
      leecher.when(count, () => {
        for (const seeder of seeders) seeder.kill();
      });
      await world.startAll();
      await world.until(() => leecher.ending !== undefined, 600_000);
      if (leecher.ending?.code !== 'TIMED_OUT' && leecher.ending?.code !== 'OK') await world.allEnd('TIMED_OUT');
      for (const seeder of seeders) await world.do(seeder.restart());
      await world.do(leecher.start());
      await world.allFinish();
    },
  },
  {
    name: 'there is no room for the file',
    seeds: 4,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher();
      leecher.disk.roomBytes = world.random.below(world.content.totalBytes);
      await world.startAll();
      await world.allEnd('DISK_FULL', 120_000);
      if (leecher.disk.files.size > 0) throw new Error('something was left behind');
    },
  },
  {
    name: 'the disk fails',
    seeds: 6,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(3);
      const leecher = world.addLeecher();
      leecher.when(world.random.below(world.content.pieceCount - 1), () => (leecher.disk.writeFailure = 'failed'));
      await world.startAll();
      await world.until(() => leecher.ending !== undefined, 120_000);
      if (leecher.ending?.code === 'OK') return;
      await world.allEnd('FILE_ACCESS', 1_000);
    },
  },
];
