import type { Instant } from '../base/ids.ts';
import { printable } from './escape.ts';
import { formatBytes, formatDuration, formatPercent, formatRate } from '../base/format.ts';

/** Where some long work stands. */
export interface ProgressSample {
  /** What goes on, when it is not the transfer itself: `checking`, `waiting for 3 seeders, 1 is there`. */
  readonly label?: string | undefined;
  /** How far it is; absent while that is not known. */
  readonly amount?: {
    readonly doneBytes: number;
    readonly totalBytes: number;
    /** Grows with every byte that moved, wasted ones too: the rate is taken from it. */
    readonly movedBytes: number;
  };
  /** Sources that are connected. */
  readonly sources?: number | undefined;
}

/** The rate is that of the last seconds, so that it says what happens now. */
const WINDOW_MS = 10_000;
/** Points closer together than this are one. */
const STEP_MS = 250;

/**
 * Bytes per second over the last WINDOW_MS.
 *
 * BOUNDED: by WINDOW_MS / STEP_MS points.
 */
export class RateWindow {
  readonly #points: { readonly at: Instant; readonly bytes: number }[] = [];

  /** Takes a running total. A smaller one than before is the start of something else. */
  take(now: Instant, bytes: number): void {
    const last = this.#points.at(-1);
    if (last !== undefined && bytes < last.bytes) this.#points.length = 0;
    else if (last !== undefined && now - last.at < STEP_MS) return;
    this.#points.push({ at: now, bytes });
    while (this.#points.length > 2 && now - this.#points[1]!.at >= WINDOW_MS) this.#points.shift();
  }

  /** Undefined while there is nothing to compare. */
  perSecond(now: Instant): number | undefined {
    const first = this.#points[0];
    const last = this.#points.at(-1);
    if (first === undefined || last === undefined || first === last) return undefined;
    // Up to now, not to the last point: when nothing comes any more, the rate falls.
    return ((last.bytes - first.bytes) / Math.max(1, now - first.at)) * 1_000;
  }
}

const etaOf = (sample: ProgressSample, perSecond: number | undefined): number | undefined => {
  if (sample.amount === undefined || perSecond === undefined || perSecond <= 0) return undefined;
  return Math.max(0, sample.amount.totalBytes - sample.amount.doneBytes) / perSecond;
};

/** `12.3GiB/70.0GiB(17%) SD:5 DL:110.0MiB/s ETA:8m52s`, with the label before it. */
export function progressText(sample: ProgressSample, perSecond: number | undefined): string {
  const { label, amount, sources } = sample;
  const parts: string[] = [];
  if (label !== undefined) parts.push(printable(label));
  if (amount !== undefined) {
    const { doneBytes, totalBytes } = amount;
    parts.push(`${formatBytes(doneBytes)}/${formatBytes(totalBytes)}(${formatPercent(doneBytes, totalBytes)})`);
  }
  if (sources !== undefined) parts.push(`SD:${sources}`);
  if (amount !== undefined) {
    const rate = formatRate(perSecond ?? 0);
    parts.push(sources === undefined ? rate : `DL:${rate}`, `ETA:${formatDuration(etaOf(sample, perSecond))}`);
  }
  return parts.join(' ');
}

/** The same for machines: plain bytes and seconds; what is not known is left out. */
export function progressRecord(
  sample: ProgressSample,
  perSecond: number | undefined,
): Readonly<Record<string, string | number>> {
  const { label, amount, sources } = sample;
  const etaSeconds = etaOf(sample, perSecond);
  return {
    event: 'progress',
    ...(label === undefined ? {} : { label }),
    ...(amount === undefined ? {} : { doneBytes: amount.doneBytes, totalBytes: amount.totalBytes }),
    ...(sources === undefined ? {} : { sources }),
    ...(perSecond === undefined ? {} : { bytesPerSecond: Math.round(perSecond) }),
    ...(etaSeconds === undefined ? {} : { etaSeconds: Math.round(etaSeconds) }),
  };
}
