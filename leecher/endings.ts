/** How a download can end before its time, in words: what happened, on what, what to do. */
import { ShoalError } from '../common/base/errors.ts';
import type { PieceIndex } from '../common/base/ids.ts';
import type { StoreError } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import type { PieceRange } from './missing.ts';

/** At most so many runs of chunks are named in a message. */
const MOST_RANGES = 8;

/** `3, 5-9, 12`: chunks as the user counts them, from 0. */
export function rangesText(ranges: readonly { readonly first: number; readonly last: number }[]): string {
  const named = ranges
    .slice(0, MOST_RANGES)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  const rest = ranges.length - named.length;
  return named.join(', ') + (rest > 0 ? ` and ${rest} more runs` : '');
}

export function tooFewSeeders(facts: {
  readonly found: number;
  readonly wanted: number;
  readonly waitMs: number;
  /** Peers that are connected and hold nothing that is needed, or have not said what they hold. */
  readonly idlePeers: number;
}): ShoalError {
  const { found, wanted, waitMs, idlePeers } = facts;
  const others = idlePeers > 0 ? ` (${idlePeers} more connected hold nothing that is needed)` : '';
  const advice = found > 0 ? `, or go on with fewer: --min-seeders ${found}` : '';
  return new ShoalError(
    'TOO_FEW_SEEDERS',
    `found ${found} of at least ${wanted} seeders within ${waitMs / 1000} s${others}; ` +
      `start more seeders, wait longer with --wait${advice}`,
  );
}

export function metadataMissing(facts: { readonly peers: number; readonly waitMs: number }): ShoalError {
  return new ShoalError(
    'TOO_FEW_SEEDERS',
    `${facts.peers === 0 ? 'no peer could be reached' : `${facts.peers} connected, but no peer described the content`} ` +
      `within ${facts.waitMs / 1000} s; check that a seeder runs and can be reached, or wait longer with --wait`,
  );
}

/** What the content is, is known; what its chunks must hash to, is not. */
export function hashesMissing(facts: {
  readonly info: Pick<Info, 'name' | 'kind'>;
  readonly peers: number;
  readonly waitMs: number;
}): ShoalError {
  const { info, peers, waitMs } = facts;
  const who = peers === 0 ? 'nobody is connected any more who' : `none of the ${peers} connected`;
  // The SHA-1 of a hybrid would do to begin with, if anybody had something.
  const lacks = info.kind === 'hybrid' ? 'has any of it' : 'gave the hashes of its chunks';
  return new ShoalError(
    'TOO_FEW_SEEDERS',
    `${info.name} was described, but ${who} ${lacks} within ${waitMs / 1000} s; ` +
      'start a seeder of BitTorrent v2, use a .torrent file that holds them, or wait longer with --wait',
  );
}

/** A hybrid's two sets of hashes say different things of what came. */
export function forgedFile(name: string): ShoalError {
  return new ShoalError(
    'NO_VALID_SOURCE',
    `the chunks of ${name} have the right SHA-1, but together not the right SHA-256: a source forged some, or the ` +
      'torrent is broken; none of that file counts. Run the same command again with a seeder of BitTorrent v2, or with ' +
      'a .torrent file that holds the piece layers: those tell which chunks are wrong',
  );
}

export function timedOut(facts: {
  readonly timeoutMs: number;
  readonly missing: readonly PieceRange[];
  readonly sources: number;
  readonly verifiedChunks: number;
  readonly chunks: number;
  readonly path: string;
}): ShoalError {
  const { timeoutMs, missing, sources, verifiedChunks, chunks, path } = facts;
  const why =
    missing.length > 0
      ? `chunks ${rangesText(missing)} are held by none of the ${sources} sources connected`
      : `${sources} sources are connected`;
  return new ShoalError(
    'TIMED_OUT',
    `no progress for ${timeoutMs / 1000} s: ${why}; ${verifiedChunks} of ${chunks} chunks are kept in ${path}.part; ` +
      'run the same command again to go on',
  );
}

export function noValidSource(hopeless: readonly PieceIndex[]): ShoalError {
  const ranges: { first: number; last: number }[] = [];
  for (const piece of hopeless) {
    const range = ranges.at(-1);
    if (range !== undefined && range.last === piece - 1) range.last = piece;
    else ranges.push({ first: piece, last: piece });
  }
  return new ShoalError(
    'NO_VALID_SOURCE',
    `no source gave valid data for chunks ${rangesText(ranges)}; ` +
      'check the files of the seeders that are blamed below, start one that is right, and run the same command again',
  );
}

/** The disk refused; what is verified is kept. */
export function storeTrouble(error: StoreError): ShoalError {
  if (error.failure === 'full') {
    return new ShoalError(
      'DISK_FULL',
      `${error.message}; what is verified is kept: make room and run the same command again`,
      { cause: error },
    );
  }
  return new ShoalError('FILE_ACCESS', error.message, { cause: error });
}
