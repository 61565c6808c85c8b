/** What the trackers' catalogues have, as lines to read and as objects, and what it means when they have nothing. */
import type { CatalogueEntry } from '../common/wire/catalogue-entry.ts';
import { toHex } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { formatBytes } from '../common/base/format.ts';
import { printableText } from '../common/base/printable.ts';

const hashOf = (entry: CatalogueEntry): string => toHex((entry.infoHashV2 ?? entry.infoHashV1)!);

/** A table: name, size, seeders, info hash. One line for each entry, without a heading. */
export function entryLines(entries: readonly CatalogueEntry[]): string[] {
  const rows = entries.map((entry) => [
    printableText(entry.name, 60),
    formatBytes(entry.sizeBytes),
    `${entry.seeders} ${entry.seeders === 1 ? 'seeder' : 'seeders'}`,
    hashOf(entry),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  return rows.map(([name, size, seeders, hash]) =>
    [name!.padEnd(widths[0]!), size!.padStart(widths[1]!), seeders!.padEnd(widths[2]!), hash!].join('  '),
  );
}

/** The same for programs: sizes in bytes. */
export const entryObject = (entry: CatalogueEntry): object => ({
  name: entry.name,
  bytes: entry.sizeBytes,
  chunkBytes: entry.pieceBytes,
  seeders: entry.seeders,
  leechers: entry.leechers,
  infoHash: hashOf(entry),
});

/** What became of asking one tracker. */
export interface TrackerAnswer {
  readonly tracker: { readonly url: string };
  readonly status: 'ok' | 'no catalogue' | 'no answer' | 'unresolved';
}

/**
 * The error for a look-up that found nothing: NAME_UNRESOLVED or NETWORK when no tracker could be asked, else
 * CONTENT_UNKNOWN.
 */
export function nothingFound(what: string | undefined, trackers: readonly TrackerAnswer[]): ShoalError {
  const urls = trackers.map(({ tracker }) => tracker.url).join(', ');
  if (trackers.every(({ status }) => status === 'unresolved')) {
    return new ShoalError('NAME_UNRESOLVED', `the tracker's name does not resolve: ${urls}; check -t`);
  }
  if (trackers.every(({ status }) => status === 'no answer' || status === 'unresolved')) {
    return new ShoalError('NETWORK', `no tracker answers: ${urls}; check that one runs and that -t is right`);
  }
  if (trackers.every(({ status }) => status !== 'ok')) {
    return new ShoalError(
      'CONTENT_UNKNOWN',
      `no tracker keeps a catalogue: ${urls}; give an info hash, a magnet link or a .torrent file`,
    );
  }
  return new ShoalError(
    'CONTENT_UNKNOWN',
    what === undefined
      ? `nothing is shared through ${urls}; start a seeder`
      : `nothing called ${printableText(what)} is shared through ${urls}; node leecher.js --list shows what is`,
  );
}
