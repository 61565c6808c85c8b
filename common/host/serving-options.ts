import { CHOKE_INTERVAL_MS, MAX_CONNECTIONS, MIN_RATE_LIMIT, OPTIMISTIC_INTERVAL_MS } from '../base/limits.ts';
import type { OptionsOf, OptionTable } from './option-spec.ts';
import { parseOptionValue } from './option-values.ts';

const RATE_HINT = 'UP:DOWN in bytes a second, such as 10M:off, off:512K or 5M for both; off, or at least 1K';
const checkRates = (value: string): string | undefined => (parseRates(value) === undefined ? RATE_HINT : undefined);

/** What whoever serves others understands: seeder and leecher. */
export const SERVING_OPTIONS = {
  bwlimit: {
    kind: 'text',
    valueName: 'UP:DOWN',
    describe: 'bytes a second at most, such as 10M:off, off:512K or 5M for both',
    check: checkRates,
  },
  bwlimitLan: {
    kind: 'text',
    valueName: 'UP:DOWN',
    describe:
      'the same for private, link-local and own addresses alone; off exempts them; else they count with the rest',
    check: checkRates,
  },
  uploadSlots: {
    kind: 'integer',
    min: 1,
    max: 10_000,
    valueName: 'N',
    describe: 'peers served at a time; as many as the measured uplink carries without it',
  },
  unchokeInterval: {
    kind: 'seconds',
    min: 1,
    max: 3_600,
    default: CHOKE_INTERVAL_MS / 1000,
    valueName: 'SECONDS',
    describe: 'how often it is decided anew who is served',
  },
  optimisticInterval: {
    kind: 'seconds',
    min: 1,
    max: 3_600,
    default: OPTIMISTIC_INTERVAL_MS / 1000,
    valueName: 'SECONDS',
    describe: 'how long one that was drawn by lot is served',
  },
  maxConnections: {
    kind: 'integer',
    min: 1,
    max: 10_000,
    default: MAX_CONNECTIONS,
    valueName: 'N',
    describe: 'peers connected at a time',
  },
} as const satisfies OptionTable;

type ServingValues = OptionsOf<{ readonly options: typeof SERVING_OPTIONS }>;

/** Undefined: no limit. */
interface Rates {
  readonly upBytesPerSecond: number | undefined;
  readonly downBytesPerSecond: number | undefined;
}

const OFF: Rates = { upBytesPerSecond: undefined, downBytesPerSecond: undefined };

/** `lan` is undefined where the local network counts with the rest. */
export const rateLimitsOf = ({
  bwlimit,
  bwlimitLan,
}: Pick<ServingValues, 'bwlimit' | 'bwlimitLan'>): { readonly limits: Rates; readonly lan: Rates | undefined } => ({
  limits: bwlimit === undefined ? OFF : parseRates(bwlimit)!,
  lan: bwlimitLan === undefined ? undefined : parseRates(bwlimitLan)!,
});

/** `UP:DOWN`, or one rate for both; undefined when it is neither. */
function parseRates(text: string): Rates | undefined {
  const words = text.split(':');
  const up = parseRate(words[0]!);
  const down = parseRate(words[1] ?? words[0]!);
  if (words.length > 2 || up === undefined || down === undefined) return undefined;
  return { upBytesPerSecond: finite(up), downBytesPerSecond: finite(down) };
}

/** Infinite for `off`, undefined for what is no rate. */
function parseRate(word: string): number | undefined {
  if (word.toLowerCase() === 'off') return Infinity;
  const parsed = parseOptionValue({ kind: 'size', min: MIN_RATE_LIMIT, describe: '' }, word);
  return parsed.ok ? Number(parsed.value) : undefined;
}

const finite = (rate: number): number | undefined => (Number.isFinite(rate) ? rate : undefined);
