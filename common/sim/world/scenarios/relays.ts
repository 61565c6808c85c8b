import type { Scenario } from '../scenario.ts';
import type { SimLeecher } from '../sim-leecher.ts';
import { pace, type World } from '../world.ts';

const LIMITS = { minSeeders: 1, waitMs: 600_000, timeoutMs: 600_000 } as const;

/** Leechers with lines so slow that a piece takes a second or more. */
function addSlowLeechers(world: World, count: number, options: { readonly lingers: boolean }): readonly SimLeecher[] {
  return Array.from({ length: count }, () => {
    const leecher = world.addLeecher({ ...LIMITS, ...options });
    pace(leecher, world.between(100, 400));
    return leecher;
  });
}

/** Something happens to one that is just passing on what it does not have yet. */
function whilePassingOn(world: World, leecher: SimLeecher, act: () => unknown): void {
  leecher.whenPassedOn(1 + world.random.below(6), () => world.later(world.random.below(1_500), act));
}

const passedOn = (world: World): number => world.leechers.reduce((sum, leecher) => sum + leecher.passedOn, 0);

function expectPassedOn(world: World): void {
  if (passedOn(world) === 0) throw new Error('nothing was passed on before it was whole');
}

/** Pieces that are passed on while they are still on their way. */
export const RELAY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'pieces are passed on before they are whole',
    seeds: 10,
    pieces: [8, 16],
    pieceKib: [256, 512],
    format: 'v2',
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 2));
      addSlowLeechers(world, world.between(4, 7), { lingers: true });
      await world.startAll();
      await world.allFinish();
      expectPassedOn(world);
    },
  },
  {
    name: 'those who pass pieces on before they are whole die, stop, vanish, and come again',
    seeds: 10,
    pieces: [8, 16],
    pieceKib: [128, 256, 512],
    format: 'v2',
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 3));
      const leechers = addSlowLeechers(world, world.between(4, 7), { lingers: true });
      for (const leecher of leechers.slice(1)) {
        whilePassingOn(world, leecher, async () => {
          if (leecher.leech === undefined || leecher.ending !== undefined) return;
          const isStopped = world.random.chance(0.3);
          if (isStopped) await leecher.stop();
          else leecher.kill({ losesPower: world.random.chance(0.3) });
          world.later(world.between(100, 20_000), () => (isStopped ? leecher.start() : leecher.restart()));
        });
      }
      await world.startAll();
      await world.allFinish();
      expectPassedOn(world);
    },
  },
  {
    name: 'the sources of pieces that are passed on go silent, die, or are slow',
    seeds: 10,
    pieces: [8, 16],
    pieceKib: [256, 512],
    format: 'v2',
    play: async (world) => {
      world.addTracker();
      const seeders = world.addSeeders(3);
      const leechers = addSlowLeechers(world, world.between(3, 6), { lingers: true });
      for (const leecher of leechers) {
        whilePassingOn(world, leecher, () => {
          const seeder = world.oneOf(seeders.slice(1));
          if (!seeder.isRunning) return;
          const fate = world.random.below(3);
          if (fate === 0) seeder.kill();
          else if (fate === 1) seeder.host.unplug();
          else pace(seeder, 5);
          if (fate === 0) world.later(world.between(1_000, 20_000), () => seeder.restart());
          if (fate === 1) world.later(world.between(1_000, 40_000), () => seeder.host.plug());
        });
      }
      await world.startAll();
      await world.allFinish();
      expectPassedOn(world);
    },
  },
  {
    name: 'liars among those who pass pieces on before they are whole',
    seeds: 10,
    pieces: [8, 16],
    pieceKib: [128, 256, 512],
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 2));
      world.addSeeders(1, { lies: (store) => store.heldPieces.slice(3).forEach((piece) => store.lieAbout(piece)) });
      for (let i = world.between(1, 3); i > 0; i--) {
        const junk = world.addJunk(
          'true parts, then false blocks',
          'false parts',
          'promises and takes back',
          'asks for what is on its way, and does not read',
        );
        pace(junk, world.between(100, 400));
      }
      addSlowLeechers(world, world.between(3, 6), { lingers: world.random.chance(0.5) });
      await world.startAll();
      await world.allFinish();
    },
  },
];
