import type { ChokeTerms } from './choker.ts';

/** As a user says it: in seconds, and without a number of slots it is the uplink's. */
export const chokeTerms = (given: {
  readonly uploadSlots: number | undefined;
  readonly unchokeInterval: number;
  readonly optimisticInterval: number;
}): ChokeTerms => ({
  slots: given.uploadSlots ?? 'measured',
  intervalMs: given.unchokeInterval * 1000,
  optimisticIntervalMs: given.optimisticInterval * 1000,
});
