/**
 * How a flash crowd ends, on the simulated network: `npx tsx scripts/bench/crowd.ts --label before`.
 * Each run tells when the first, the mean and the last leecher completed, the last over the bound that no schedule can
 * beat, what the seeders had sent at the first and the last completion (files), how far the leechers' uplinks were used,
 * and what was received twice. `--trace` tells each second how far the crowd is; `--json` prints one object per run.
 */
import { parseArgs } from 'node:util';
import { KIB, MIB } from '../../common/base/limits.ts';
import { SimContent } from '../../common/sim/world/content.ts';
import { type CrowdOutcome, CrowdRun, type CrowdShape } from './crowd-run.ts';

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
    'spread-ms': { type: 'string', default: '250' },
    'limit-s': { type: 'string', default: '600' },
    seeds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    'kill-seeder': { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    label: { type: 'string', default: '' },
  },
});

const shape: CrowdShape = {
  seeders: Number(values.seeders),
  leechers: Number(values.leechers),
  freeRiders: Number(values['free-riders']),
  bytesPerSecond: ((Number(values['rate-mbit']) * 1e6) / 8) * GOODPUT,
  latencyMs: Number(values['latency-ms']),
  windowBytes: Number(values['window-kib']) * KIB,
  killsSeeders: values['kill-seeder'],
  spreadMs: Number(values['spread-ms']),
  limitMs: Number(values['limit-s']) * 1000,
};

/** The least value that this part of the sorted ones does not exceed. */
const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;

const COLUMNS = ['seed', 'done', 'first', 'mean', 'p50', 'p90', 'last', 'last/bound'];
const MORE_COLUMNS = ['seed@first', 'seed@last', 'uplink', 'dup MiB', 'cpu s'];

const row = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(10)).join(' ');

const lastOf = ({ completedS }: CrowdOutcome): number =>
  completedS.length === shape.leechers ? completedS.at(-1)! : Number.POSITIVE_INFINITY;

function cellsOf(seed: number, outcome: CrowdOutcome): readonly string[] {
  const { completedS, boundS, seederShareAtFirst, seederShareAtLast, uplinkUse, duplicateBytes, cpuS } = outcome;
  const last = lastOf(outcome);
  return [
    String(seed),
    `${completedS.length}/${shape.leechers}`,
    ...[completedS[0] ?? Number.NaN, mean(completedS)].map((seconds) => seconds.toFixed(2)),
    ...[0.5, 0.9].map((part) => quantile(completedS, part).toFixed(2)),
    last.toFixed(2),
    (last / boundS).toFixed(3),
    ...[seederShareAtFirst, seederShareAtLast].map((share) => share.toFixed(2)),
    `${Math.round(uplinkUse * 100)} %`,
    (duplicateBytes / MIB).toFixed(1),
    cpuS.toFixed(1),
  ];
}

function tellSamples({ samples }: CrowdOutcome): void {
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  console.log(row(['second', 'seeders', 'any has', 'each has', 'uplinks']));
  for (const { seconds, seederShare, heldByAny, heldOnAverage, uplinkUse } of samples) {
    const shares = [heldByAny, heldOnAverage, uplinkUse].map(percent);
    console.log(row([seconds.toFixed(0), seederShare.toFixed(2), ...shares]));
  }
}

/** Completion of every leecher of every run, relative to the bound. */
function tellDistribution(outcomes: readonly CrowdOutcome[]): void {
  const relative = outcomes.flatMap(({ completedS, boundS }) => completedS.map((seconds) => seconds / boundS));
  relative.sort((a, b) => a - b);
  const parts = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1];
  const lasts = outcomes.map((outcome) => lastOf(outcome) / outcome.boundS).sort((a, b) => a - b);
  console.log(`\ncompletion over the bound, all runs`);
  console.log(row(parts.map((part) => (part === 0 ? 'least' : part === 1 ? 'most' : `p${part * 100}`))));
  console.log(row(parts.map((part) => quantile(relative, Math.max(part, 1 / relative.length)).toFixed(3))));
  console.log(`median of last/bound: ${quantile(lasts, 0.5).toFixed(3)}`);
}

const content = new SimContent({
  format: 'v2',
  name: 'crowd.bin',
  lengthBytes: Number(values['size-mib']) * MIB,
  pieceBytes: Number(values['piece-kib']) * KIB,
  seed: 1,
});
const outcomes: CrowdOutcome[] = [];
for (let i = 0; i < Number(values.seeds); i++) {
  const seed = Number(values.seed) + i;
  const outcome = await new CrowdRun({ shape, content, seed }).play();
  outcomes.push(outcome);
  if (values.json) {
    console.log(JSON.stringify({ label: values.label, seed, ...shape, ...outcome }));
    continue;
  }
  if (i === 0) {
    const { seeders, leechers } = shape;
    const what = `${values['size-mib']} MiB at ${values['piece-kib']} KiB, ${values['rate-mbit']} Mbit/s each way`;
    console.log(`${values.label === '' ? '' : `${values.label}: `}${seeders} seeder(s), ${leechers} leechers, ${what}`);
    console.log(`bound ${outcome.boundS.toFixed(2)} s; times in seconds, sent by the seeders in files`);
    console.log(row([...COLUMNS, ...MORE_COLUMNS]));
  }
  console.log(row(cellsOf(seed, outcome)));
  if (values.trace) tellSamples(outcome);
}
if (!values.json) tellDistribution(outcomes);
