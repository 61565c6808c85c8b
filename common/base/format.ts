/** Sizes, rates and times for people: powers of 1024 with their right names. Machines get plain bytes and seconds. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `0B`, `512B`, `12.3GiB`: one decimal from a kibibyte up. Never shows `1024.0KiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return '?B';
  let value = bytes;
  let unit = 0;
  // 1023.95 would round to 1024.0 of the smaller unit.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${Math.floor(value)}B` : `${value.toFixed(1)}${UNITS[unit]!}`;
}

/** A size as it would be typed: `512KiB`, `1MiB`, `1000`. Exact, so it can be read back. */
export function exactBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (unit < UNITS.length - 1 && value >= 1024 && value % 1024 === 0) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? String(bytes) : `${value}${UNITS[unit]!}`;
}

export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;

/** `8s`, `8m52s`, `3h05m`, `2d04h`; `-` when it is not known. */
export function formatDuration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return '-';
  const whole = Math.round(seconds);
  const pad = (part: number): string => String(part).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)}h${pad(Math.floor((whole % 3_600) / 60))}m`;
  return `${Math.floor(whole / 86_400)}d${pad(Math.floor((whole % 86_400) / 3_600))}h`;
}

/** Whole percent, rounded down: 100% means all of it. */
export function formatPercent(part: number, whole: number): string {
  if (whole <= 0) return '100%';
  return `${Math.floor(Math.min(1, Math.max(0, part / whole)) * 100)}%`;
}
