/**
 * Every scenario with many seeds. To see one again: SHOAL_SIM_SCENARIO (its name, or a part of it) and SHOAL_SIM_SEED;
 * SHOAL_SIM_TRACE=1 tells all that happens, SHOAL_SIM_SEEDS=N tries N seeds of each.
 */
import { describe, it } from 'vitest';
import { playScenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

const { SHOAL_SIM_SCENARIO, SHOAL_SIM_SEED, SHOAL_SIM_SEEDS, SHOAL_SIM_TRACE } = process.env;

const onEvent = SHOAL_SIM_TRACE === undefined ? undefined : (line: string) => void process.stderr.write(`${line}\n`);

const seedsOf = (count: number): readonly number[] =>
  SHOAL_SIM_SEED === undefined
    ? Array.from({ length: Number(SHOAL_SIM_SEEDS ?? count) }, (_, i) => i + 1)
    : [Number(SHOAL_SIM_SEED)];

const again = (name: string, seed: number): string =>
  `SHOAL_SIM_SCENARIO='${name}' SHOAL_SIM_SEED=${seed} npx vitest run common/sim/world`;

const chosen = SCENARIOS.filter(({ name }) => name.includes(SHOAL_SIM_SCENARIO ?? ''));

/** A hundred peers take some seconds, and the machine may be busy. */
const TIMEOUT_MS = 180_000;

describe.each(chosen)('$name', (scenario) => {
  it.each(seedsOf(scenario.seeds))(
    'seed %i',
    async (seed) => {
      try {
        await playScenario(scenario, seed, onEvent);
      } catch (error) {
        throw new Error(`to see it again: ${again(scenario.name, seed)}\n${String(error)}`, { cause: error });
      }
    },
    TIMEOUT_MS,
  );
});
