/**
 * Many seeds of one scenario: `npm run sim:crowd -- --seeds 1-200` plays the hundred peers of
 * `common/sim/world/scenarios/swarms.ts`, says which seeds break an invariant and how, and ends with 1 if any does.
 * `--seeds 17 --trace` plays one again and tells all that happens. `--scenario` names another one, or a part of its name;
 * `--jobs` is how many processes share the seeds.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { SCENARIOS } from '../../common/sim/world/scenarios.ts';
import { oneFile } from './one-file.ts';
import type { Played } from './play-seeds.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'a hundred peers' },
    seeds: { type: 'string', default: '1-200' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    trace: { type: 'boolean', default: false },
  },
});

/** `7`, `1-200`, `3,5,10-20`. */
const seeds = values.seeds.split(',').flatMap((part) => {
  const [first, last = first] = part.split('-').map(Number);
  return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
});
const scenario = SCENARIOS.find(({ name }) => name.includes(values.scenario));
if (scenario === undefined) throw new Error(`no scenario is called ${values.scenario}`);

/** Much is allocated and soon forgotten, and a hundred programs are looked through each time. */
const NODE_OPTIONS = ['--enable-source-maps', '--min-semi-space-size=64', '--max-semi-space-size=64'];

const directory = mkdtempSync(join(tmpdir(), 'shoal-sim-'));
const program = join(directory, 'play-seeds.mjs');
const left = [...seeds];
const played: Played[] = [];

/** Gives one process seed after seed, until none is left. */
async function work(): Promise<void> {
  const options = [...NODE_OPTIONS, program, scenario!.name, ...(values.trace ? ['trace'] : [])];
  const child = spawn(process.execPath, options, { stdio: ['pipe', 'pipe', 'inherit'] });
  const give = (): void => {
    const seed = left.shift();
    if (seed === undefined) child.stdin.end();
    else child.stdin.write(`${seed}\n`);
  };
  give();
  for await (const line of createInterface({ input: child.stdout })) {
    const one = JSON.parse(line) as Played;
    played.push(one);
    console.log(`seed ${one.seed}: ${one.breach ?? 'ok'} (${one.cpuS.toFixed(1)} s, ${played.length}/${seeds.length})`);
    give();
  }
}

try {
  await oneFile('scripts/sim/play-seeds.ts', program);
  await Promise.all(Array.from({ length: Math.min(Number(values.jobs), seeds.length) }, () => work()));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const broken = played.filter(({ breach }) => breach !== undefined).map(({ seed }) => seed);
const cpuS = played.reduce((sum, one) => sum + one.cpuS, 0);
console.log(`${scenario.name}: ${played.length} of ${seeds.length} seeds played, ${cpuS.toFixed(0)} s of CPU`);
for (const seed of broken)
  console.log(`again: npm run sim:crowd -- --scenario '${scenario.name}' --seeds ${seed} --trace`);
console.log(broken.length === 0 ? 'no invariant was broken' : `broken: ${broken.join()}`);
if (broken.length > 0 || played.length < seeds.length) process.exitCode = 1;
