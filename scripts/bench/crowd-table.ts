/** What a bench of crowds prints: one row for each run, the distribution of all, and how two states compare. */
import { MIB } from '../../common/base/limits.ts';
import type { CrowdOutcome } from './crowd-run.ts';

/** What one state of the programs made of one seed. */
export interface CrowdResult extends CrowdOutcome {
  readonly seed: number;
}

/** The least value that this part of the sorted ones does not exceed. */
const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.max(0, Math.min(sorted.length, Math.ceil(part * sorted.length)) - 1)] ?? Number.NaN;

const ascending = (numbers: readonly number[]): readonly number[] => numbers.toSorted((a, b) => a - b);

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;

const row = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(10)).join(' ');

export const lastOf = ({ completedS }: CrowdOutcome, leechers: number): number =>
  completedS.length === leechers ? completedS.at(-1)! : Number.POSITIVE_INFINITY;

export function tellHead(): void {
  const seconds = ['seed', 'done', 'first', 'mean', 'p50', 'p90', 'last', 'last/bound'];
  console.log(row([...seconds, 'seed@first', 'seed@last', 'uplink', 'dup MiB', 'cpu s']));
}

export function tellRun(outcome: CrowdResult, leechers: number): void {
  const { seed, completedS, boundS, seederShareAtFirst, seederShareAtLast, uplinkUse, duplicateBytes, cpuS } = outcome;
  const last = lastOf(outcome, leechers);
  console.log(
    row([
      String(seed),
      `${completedS.length}/${leechers}`,
      ...[completedS[0] ?? Number.NaN, mean(completedS)].map((seconds) => seconds.toFixed(2)),
      ...[0.5, 0.9].map((part) => quantile(completedS, part).toFixed(2)),
      last.toFixed(2),
      (last / boundS).toFixed(3),
      ...[seederShareAtFirst, seederShareAtLast].map((share) => share.toFixed(2)),
      `${Math.round(uplinkUse * 100)} %`,
      (duplicateBytes / MIB).toFixed(1),
      cpuS.toFixed(1),
    ]),
  );
}

export function tellSamples({ samples }: CrowdOutcome): void {
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  console.log(row(['second', 'seeders', 'any has', 'each has', 'uplinks']));
  for (const { seconds, seederShare, heldByAny, heldOnAverage, uplinkUse } of samples) {
    const shares = [heldByAny, heldOnAverage, uplinkUse].map(percent);
    console.log(row([seconds.toFixed(0), seederShare.toFixed(2), ...shares]));
  }
}

const PARTS = [0, 0.1, 0.5, 0.9, 1];
const PART_NAMES = ['min', 'p10', 'median', 'p90', 'max'];

const quantiles = (numbers: readonly number[]): readonly string[] =>
  PARTS.map((part) => quantile(ascending(numbers), part).toFixed(3));

/** Relative to the bound: of every leecher of every run, and of the last leecher of each run. */
export function tellDistribution(label: string, outcomes: readonly CrowdResult[], leechers: number): void {
  const all = outcomes.flatMap(({ completedS, boundS }) => completedS.map((seconds) => seconds / boundS));
  const lasts = outcomes.map((outcome) => lastOf(outcome, leechers) / outcome.boundS);
  console.log(`\n${label}: completion over the bound, ${outcomes.length} seeds`);
  console.log(row(['', ...PART_NAMES]));
  console.log(row(['leechers', ...quantiles(all)]));
  console.log(row(['the last', ...quantiles(lasts)]));
}

/** Seed by seed, since the seeds differ more than two policies do: below 1 the first state is the faster one. */
export function tellComparison(one: readonly CrowdResult[], other: readonly CrowdResult[], leechers: number): void {
  const ratios = one.map((outcome, i) => lastOf(outcome, leechers) / lastOf(other[i]!, leechers));
  const better = ratios.filter((ratio) => ratio < 1).length;
  console.log(
    `\nthis over the other, the last leecher of each seed; this is faster with ${better} of ${ratios.length}`,
  );
  console.log(row(['', ...PART_NAMES]));
  console.log(row(['ratio', ...quantiles(ratios)]));
}
