/** Plays one scenario with the seeds from the standard input, one a line, and prints how each went as a line of JSON. */
import { createInterface } from 'node:readline';
import { playScenario } from '../../common/sim/world/scenario.ts';
import { SCENARIOS } from '../../common/sim/world/scenarios.ts';

export interface Played {
  readonly seed: number;
  readonly cpuS: number;
  /** What was wrong; undefined when nothing was. */
  readonly breach?: string;
}

const scenario = SCENARIOS.find(({ name }) => name === process.argv[2])!;
const onEvent = process.argv[3] === 'trace' ? (line: string) => void process.stderr.write(`${line}\n`) : undefined;
for await (const line of createInterface({ input: process.stdin })) {
  const seed = Number(line);
  const before = process.cpuUsage();
  let breach: string | undefined;
  try {
    await playScenario(scenario, seed, onEvent);
  } catch (error) {
    breach = String(error);
  }
  const { user, system } = process.cpuUsage(before);
  const played: Played = { seed, cpuS: (user + system) / 1e6, ...(breach === undefined ? {} : { breach }) };
  process.stdout.write(`${JSON.stringify(played)}\n`);
}
