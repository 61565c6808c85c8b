/**
 * How a flash crowd ends, on the simulated network: `npm run bench:crowd -- --label before`.
 * Each run tells when the first, the mean and the last leecher completed, the last over the bound that no schedule can
 * beat, what the seeders had sent at the first and the last completion (files), how far the leechers' uplinks were used,
 * and what was received twice; at the end stands the distribution over all seeds. `--trace` tells each second how far
 * the crowd is; `--json` prints one object per run.
 *
 * `--queue-ms 50` makes streams start slowly and lose what comes to a full queue, as on lines that are shaped by
 * `tc tbf`; without it they are as fast as their windows let them be. `--start-ms 1500` is what sixteen programs take to
 * begin on two cores.
 *
 * `--with DIR` plays the same seeds with the programs of another copy of this tree too, on the network of this one, and
 * compares: a change of policy is judged in a minute, without sockets.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { KIB, MIB } from '../../common/base/limits.ts';
import { oneFile } from '../sim/one-file.ts';
import type { CrowdOrder } from './crowd-play.ts';
import { boundSeconds, type CrowdShape } from './crowd-run.ts';
import { type CrowdResult, tellComparison, tellDistribution, tellHead, tellRun, tellSamples } from './crowd-table.ts';

/** TCP payload in an Ethernet frame with everything around it. */
const GOODPUT = 1448 / 1514;

const { values } = parseArgs({
  options: {
    seeders: { type: 'string', default: '1' },
    leechers: { type: 'string', default: '16' },
    'free-riders': { type: 'string', default: '0' },
    'rate-mbit': { type: 'string', default: '40' },
    'size-mib': { type: 'string', default: '64' },
    'piece-kib': { type: 'string', default: '512' },
    'latency-ms': { type: 'string', default: '1' },
    'window-kib': { type: 'string', default: '256' },
    'queue-ms': { type: 'string' },
    'start-ms': { type: 'string', default: '0' },
    'spread-ms': { type: 'string', default: '250' },
    'limit-s': { type: 'string', default: '600' },
    seeds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    'kill-seeder': { type: 'boolean', default: false },
    with: { type: 'string' },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    label: { type: 'string', default: 'this' },
  },
});

const shape: CrowdShape = {
  seeders: Number(values.seeders),
  leechers: Number(values.leechers),
  freeRiders: Number(values['free-riders']),
  bytesPerSecond: ((Number(values['rate-mbit']) * 1e6) / 8) * GOODPUT,
  latencyMs: Number(values['latency-ms']),
  windowBytes: Number(values['window-kib']) * KIB,
  queueMs: values['queue-ms'] === undefined ? null : Number(values['queue-ms']),
  killsSeeders: values['kill-seeder'],
  startMs: Number(values['start-ms']),
  spreadMs: Number(values['spread-ms']),
  limitMs: Number(values['limit-s']) * 1000,
};
const order: CrowdOrder = {
  shape,
  lengthBytes: Number(values['size-mib']) * MIB,
  pieceBytes: Number(values['piece-kib']) * KIB,
  seeds: Array.from({ length: Number(values.seeds) }, (_, i) => Number(values.seed) + i),
};

/** Plays all seeds with the programs of one tree. */
async function play(program: string, label: string): Promise<readonly CrowdResult[]> {
  const child = spawn(process.execPath, ['--enable-source-maps', program, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const outcomes: CrowdResult[] = [];
  if (!values.json) {
    console.log(`\n${label}`);
    tellHead();
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const outcome = JSON.parse(line) as CrowdResult;
    outcomes.push(outcome);
    if (values.json) console.log(JSON.stringify({ label, ...shape, ...outcome }));
    else tellRun(outcome, shape.leechers);
    if (values.trace && !values.json) tellSamples(outcome);
  }
  if (outcomes.length < order.seeds.length) throw new Error(`${label}: a run failed`);
  return outcomes;
}

const directory = mkdtempSync(join(tmpdir(), 'shoal-crowd-'));
try {
  const copies = [undefined, ...(values.with === undefined ? [] : [values.with])];
  const { seeders, leechers } = shape;
  if (!values.json) {
    const what = `${values['size-mib']} MiB at ${values['piece-kib']} KiB, ${values['rate-mbit']} Mbit/s each way`;
    console.log(`${seeders} seeder(s), ${leechers} leechers, ${what}`);
    console.log(`bound ${boundSeconds(shape, order.lengthBytes).toFixed(2)} s; times in seconds, seeders in files`);
  }
  const all: (readonly CrowdResult[])[] = [];
  for (const [i, copy] of copies.entries()) {
    const program = join(directory, `crowd-${i}.mjs`);
    await oneFile('scripts/bench/crowd-play.ts', program, copy);
    all.push(await play(program, copy ?? values.label));
  }
  if (!values.json) {
    for (const [i, outcomes] of all.entries()) tellDistribution(copies[i] ?? values.label, outcomes, leechers);
    if (all.length === 2) tellComparison(all[0]!, all[1]!, leechers);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
