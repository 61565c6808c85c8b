import { pieceIndex } from '../../../base/ids.ts';
import type { Wanted } from '../../../../leecher/recognise.ts';
import type { Scenario } from '../scenario.ts';
import type { SimLeecher } from '../sim-leecher.ts';
import type { World } from '../world.ts';

/** As a link has them that a v1 client can be found by. */
function link(world: World): Wanted {
  const { infoHashV1, infoHashV2 } = world.content.description.info;
  return world.random.chance(0.5) ? { infoHashV1: infoHashV1! } : { infoHashV1: infoHashV1!, infoHashV2: infoHashV2! };
}

/** Three seeders that know v1 alone, and a leecher with a link. */
function addV1Swarm(world: World): SimLeecher {
  world.addTracker();
  world.addSeeders(3, { knowsV1Only: true });
  return world.addLeecher({ knows: 'hash', wanted: link(world), minSeeders: 2 });
}

/** A hybrid of which those who have it know one half only. */
export const HYBRID_SCENARIOS: readonly Scenario[] = [
  {
    name: 'a hybrid by link, from peers that know v1 alone',
    seeds: 16,
    format: 'hybrid',
    play: async (world) => {
      addV1Swarm(world);
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'a hybrid from v1 peers; who has got it gives the hashes to the next',
    seeds: 12,
    format: 'hybrid',
    play: async (world) => {
      world.addTracker();
      const seeders = world.addSeeders(3, { knowsV1Only: true });
      world.addLeecher({ knows: 'hash', wanted: link(world), minSeeders: 2, lingers: true });
      await world.startAll();
      await world.allFinish();
      for (const seeder of seeders) await world.do(seeder.stop());
      const { infoHashV2 } = world.content.description.info;
      const next = world.addLeecher({ knows: 'hash', wanted: { infoHashV2: infoHashV2! }, minSeeders: 1 });
      await world.do(next.start());
      await world.allFinish();
    },
  },
  {
    name: 'a hybrid from v1 peers, until a v2 seeder comes that has the hashes',
    seeds: 16,
    format: 'hybrid',
    play: async (world) => {
      const leecher = addV1Swarm(world);
      world.midway(leecher, () => world.addSeeder().start());
      await world.startAll();
      await world.allFinish();
    },
  },
  {
    name: 'a hybrid from v1 peers, one of whom lies, to a leecher that is killed again and again',
    seeds: 16,
    format: 'hybrid',
    pieces: [60, 120],
    play: async (world) => {
      const leecher = addV1Swarm(world);
      world.addSeeders(1, {
        knowsV1Only: true,
        lies: (store) => store.lieAbout(pieceIndex(world.random.below(world.content.pieceCount))),
      });
      await world.startAll();
      for (let i = 0; i < 4; i++) {
        if (await world.until(() => leecher.ending !== undefined, world.between(3_050, 4_500))) break;
        leecher.kill({ losesPower: world.random.chance(0.5) });
        await world.do(leecher.restart());
      }
      await world.allFinish();
    },
  },
];
