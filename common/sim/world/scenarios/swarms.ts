import { KIB } from '../../../base/limits.ts';
import { heldByAny } from './leechers.ts';
import type { Scenario } from '../scenario.ts';
import type { SimLeecher } from '../sim-leecher.ts';
import { pace, type World } from '../world.ts';

const MINUTE_MS = 60_000;
const PEERS = 100;
/** All have come by then, and whatever befalls them has begun. */
const TURMOIL_MS = 2 * MINUTE_MS;
/** A hundred peers know each other: some ten thousand connections, and what is said on them. */
const MOST_STEPS = 5_000_000;

/** Gives a machine a line of any usual kind, each way. */
function paceAtRandom(world: World, actor: { readonly host: SimLeecher['host'] }): void {
  pace(actor, world.oneOf([30, 100, 400, 2_000]));
  if (world.random.chance(0.5)) actor.host.down.bytesPerSecond = world.oneOf([100, 400, 2_000]) * KIB;
}

/** What may happen to a leecher. False when it is gone for good. */
const FATES: readonly ((world: World, leecher: SimLeecher) => boolean)[] = [
  (world, leecher) => {
    leecher.kill({ losesPower: world.random.chance(0.3) });
    world.later(world.between(100, MINUTE_MS), () => leecher.restart());
    return true;
  },
  (world, leecher) => {
    leecher.kill({ losesPower: world.random.chance(0.3) });
    return false;
  },
  (world, leecher) => {
    void world;
    void leecher.stop();
    return false;
  },
  (world, leecher) => {
    leecher.host.unplug();
    world.later(world.between(100, MINUTE_MS), () => leecher.host.plug());
    return true;
  },
  (world, leecher) => {
    paceAtRandom(world, leecher);
    return true;
  },
];

/** Those who have not gone for good. */
function scheduleFates(world: World, leechers: readonly SimLeecher[]): Set<SimLeecher> {
  const staying = new Set(leechers);
  for (const leecher of leechers) {
    const joinsAfterMs = world.random.chance(0.5) ? world.random.below(2_000) : world.random.below(TURMOIL_MS / 2);
    world.later(joinsAfterMs, () => leecher.start());
    if (world.random.chance(0.6)) continue;
    world.later(joinsAfterMs + world.between(100, TURMOIL_MS / 2), () => {
      if (leecher.leech !== undefined && !world.oneOf(FATES)(world, leecher)) staying.delete(leecher);
    });
  }
  return staying;
}

type LeecherOptions = NonNullable<Parameters<World['addLeecher']>[0]>;

/** So many leechers, each with another line. */
function addCrowd(world: World, count: number, options: (index: number) => LeecherOptions): readonly SimLeecher[] {
  return Array.from({ length: count }, (_, i) => {
    const leecher = world.addLeecher({
      minSeeders: 1,
      waitMs: 10 * MINUTE_MS,
      timeoutMs: 10 * MINUTE_MS,
      ...options(i),
    });
    paceAtRandom(world, leecher);
    return leecher;
  });
}

async function allComplete(world: World, leechers: Iterable<SimLeecher>): Promise<void> {
  const all = [...leechers];
  await world.until(() => all.every(({ ending }) => ending !== undefined), 30 * MINUTE_MS);
  for (const { name, ending, held } of all) {
    const how = ending === undefined ? 'has not ended' : `ended with ${ending.code}: ${ending.text}`;
    if (ending?.code !== 'OK') throw new Error(`${name} ${how}; it has ${held.count} of ${held.size} pieces`);
  }
}

/** Many peers at once. */
export const SWARM_SCENARIOS: readonly Scenario[] = [
  {
    name: 'a hundred peers come, go, and lie',
    seeds: 2,
    pieces: [6, 16],
    mostSteps: MOST_STEPS,
    play: async (world) => {
      world.addTracker();
      world.addSeeders(world.between(1, 2));
      for (let i = world.between(0, 3); i > 0; i--) {
        world.addSeeders(1, { lies: (store) => store.heldPieces.slice(i).forEach((piece) => store.lieAbout(piece)) });
      }
      for (let i = world.between(0, 3); i > 0; i--) world.addJunk();
      const count = PEERS - world.seeders.length - world.junk.length;
      const leechers = addCrowd(world, count, () => ({ lingers: world.random.chance(0.5) }));
      for (const actor of [...world.trackers, ...world.seeders, ...world.junk]) await world.do(actor.start());
      const staying = scheduleFates(world, leechers);
      await world.run(TURMOIL_MS + MINUTE_MS);
      await allComplete(world, staying);
    },
  },
  {
    name: 'a crowd feeds itself when the only seeder has died',
    seeds: 2,
    pieces: [6, 16],
    mostSteps: MOST_STEPS,
    play: async (world) => {
      world.addTracker();
      const [seeder] = world.addSeeders(1, { uploadSlots: world.between(1, 64) });
      // Some take and never give.
      const givesNothing = (i: number): boolean => i % 8 === 0;
      const leechers = addCrowd(world, 40, (i) => ({ lingers: true, ...(givesNothing(i) ? { uploadSlots: 0 } : {}) }));
      const givers = leechers.filter((_, i) => !givesNothing(i));
      for (const giver of givers) {
        for (let count = 1; count <= world.content.pieceCount; count++) {
          giver.when(count, () => {
            if (seeder!.isRunning && heldByAny(givers).isFull) seeder!.kill();
          });
        }
      }
      await world.startAll();
      await allComplete(world, leechers);
    },
  },
];
