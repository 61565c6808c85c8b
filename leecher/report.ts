/** What a leecher tells at the end and on the way, as text and as JSON objects with stable keys: bytes and seconds. */
import { formatBytes, formatRate } from '../common/base/format.ts';
import { printableText } from '../common/base/printable.ts';
import { failures, type SourceEntry, type SourceFailure } from './source-book.ts';

const FAILURE_WORDS: Readonly<Record<SourceFailure, string>> = {
  corrupt: 'corrupt',
  rejected: 'refused',
  stalled: 'too slow',
  gone: 'lost with the connection',
  choked: 'withdrawn',
};

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** Mean over the time it was connected, of what was verified. */
const rateOf = (entry: SourceEntry): number =>
  entry.connectedMs > 0 ? Math.round((entry.bytes * 1000) / entry.connectedMs) : 0;

/** One line for each source: who, how much, how fast, and what it failed. */
export function sourceLine(entry: SourceEntry): string {
  const failed = Object.entries(entry.failed)
    .filter(([, count]) => count > 0)
    .map(([failure, count]) => `${count} ${FAILURE_WORDS[failure as SourceFailure]}`);
  const blame = failures(entry) === 0 ? '' : `, failed ${plural(failures(entry), 'chunk')}: ${failed.join(', ')}`;
  const banned = entry.isBanned ? '; banned, it does not have this content' : '';
  return (
    `source ${entry.endpoint} (${printableText(entry.client, 40)}): ${formatBytes(entry.bytes)} in ` +
    `${plural(entry.chunks, 'chunk')} at ${formatRate(rateOf(entry))}${blame}${banned}`
  );
}

/** The same for programs. */
export function sourceObject(entry: SourceEntry): object {
  return {
    address: entry.endpoint,
    client: printableText(entry.client, 80),
    bytes: entry.bytes,
    chunks: entry.chunks,
    bytesPerSecond: rateOf(entry),
    failedChunks: failures(entry),
    failed: entry.failed,
    banned: entry.isBanned,
  };
}
