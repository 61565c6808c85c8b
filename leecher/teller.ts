/**
 * Tells people and programs how a download goes: words on standard error, one JSON object per event on standard output
 * when that is asked for.
 */
import { formatBytes, formatDuration, formatRate } from '../common/base/format.ts';
import type { Log } from '../common/base/ports.ts';
import type { Info } from '../common/content/info.ts';
import { peerName, type Peer } from '../common/peer/peer.ts';
import type { DownloadEvents, Stage } from './download-events.ts';
import type { DownloadResult } from './download-options.ts';
import { rangesText } from './endings.ts';
import { sourceLine, sourceObject } from './report.ts';
import type { SeedBounds } from './seed-goal.ts';
import type { SourceEntry, SourceFailure } from './source-book.ts';

export interface TellerOptions {
  readonly log: Log;
  /** One line to standard error, whatever is logged. */
  readonly err: (line: string) => void;
  /** One line to standard output. */
  readonly out: (line: string) => void;
  readonly json: boolean;
  /** Standard error stays empty but for what is wrong. */
  readonly isQuiet: boolean;
}

export class Teller implements DownloadEvents {
  readonly #options: TellerOptions;
  #info: Info | undefined;
  #toldWaiting = '';
  /** Who has been told to be out: what else of theirs is thrown away needs no words. */
  readonly #banned = new WeakSet<Peer>();

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  stage(stage: Stage): void {
    this.#options.log.debug('stage', { stage });
    if (stage !== 'fetching' || this.#info === undefined) return;
    const { name, geometry } = this.#info;
    this.#event('start', {
      name,
      bytes: geometry.totalBytes,
      chunks: geometry.pieceCount,
      chunkBytes: geometry.pieceBytes,
    });
  }

  content(info: Info): void {
    this.#info = info;
    const { geometry } = info;
    if (info.kind === 'v1') this.#say(`${info.name} is a v1 torrent: its integrity is SHA-1`);
    this.#options.log.info('getting', {
      name: info.name,
      size: formatBytes(geometry.totalBytes),
      chunks: geometry.pieceCount,
    });
  }

  sha1First(info: Info): void {
    this.#say(
      `no peer gave the SHA-256 hashes of the chunks of ${info.name}: they are checked by SHA-1 as they come, ` +
        'and each file by SHA-256 when all of it is here',
    );
  }

  waiting(found: number, wanted: number): void {
    const text = `waiting for seeders: ${found} of at least ${wanted} connected`;
    if (found >= wanted || text === this.#toldWaiting) return;
    this.#toldWaiting = text;
    this.#say(text);
  }

  source(peer: Peer, change: 'joined' | 'left', reason?: string): void {
    const address = peerName(peer);
    this.#event('source', { change, address, client: peer.client, ...(reason === undefined ? {} : { reason }) });
  }

  chunk(piece: number, peer: Peer, sizeBytes: number): void {
    if (this.#options.json) this.#event('chunk', { chunk: piece, bytes: sizeBytes, source: peerName(peer) });
  }

  retry(piece: number, peer: Peer, failure: SourceFailure): void {
    const address = peerName(peer);
    this.#options.log.debug('a chunk goes to another source', { chunk: piece, source: address, because: failure });
    this.#event('retry', { chunk: piece, source: address, reason: failure });
    if (failure === 'corrupt' && !this.#banned.has(peer)) {
      this.#options.log.warn('a source sent a corrupt chunk; it was thrown away', { chunk: piece, source: address });
    }
  }

  banned(peer: Peer): void {
    this.#banned.add(peer);
    this.#options.log.warn('a source is banned: what it sends is not this content', {
      source: peerName(peer),
      client: peer.client,
    });
  }

  missing(ranges: readonly { readonly first: number; readonly last: number }[], sources: number): void {
    if (ranges.length === 0) return;
    this.#say(`chunks ${rangesText(ranges)} are held by none of the ${sources} sources connected; waiting for others`);
  }

  /** The report at the end, a line for each source. */
  report(sources: readonly SourceEntry[]): void {
    for (const entry of sources) this.#say(sourceLine(entry));
  }

  /** The result: the last line, or object, on standard output. */
  done(
    result: DownloadResult,
    facts: { readonly seconds: number; readonly fetchedBytes: number; readonly sources: readonly SourceEntry[] },
  ): void {
    this.report(facts.sources);
    this.#say(result.wasThere ? `${result.path} was there already, whole and right` : summary(facts));
    if (!this.#options.json) return this.#options.out(`${result.path} ${result.sizeBytes}`);
    this.#event('done', {
      ok: true,
      path: result.path,
      bytes: result.sizeBytes,
      fetchedBytes: facts.fetchedBytes,
      seconds: facts.seconds,
      wasThere: result.wasThere,
      sources: facts.sources.map(sourceObject),
    });
  }

  /** It goes on serving. */
  seeding({ ratio, timeMs }: SeedBounds): void {
    const bounds = [
      ...(ratio === undefined ? [] : [`until ${ratio} times its size is sent`]),
      ...(timeMs === undefined ? [] : [`for ${formatDuration(timeMs / 1000)}`]),
    ];
    const text = bounds.length === 0 ? 'until it is stopped' : bounds.join(' or ');
    this.#say(`goes on serving it ${text}${bounds.length > 1 ? ', whichever is first' : ''}`);
  }

  /** It serves no longer. */
  seeded(facts: { readonly uploadedBytes: number; readonly sizeBytes: number }): void {
    const { uploadedBytes, sizeBytes } = facts;
    const ratio = (uploadedBytes / Math.max(1, sizeBytes)).toFixed(2);
    this.#say(`sent ${formatBytes(uploadedBytes)} in all, ${ratio} times its size`);
  }

  /** The last object when it failed. */
  failed(failure: {
    readonly code: string;
    readonly message: string;
    readonly seconds: number;
    readonly sources: readonly SourceEntry[];
  }): void {
    this.#event('done', {
      ok: false,
      error: failure.code,
      message: failure.message,
      seconds: failure.seconds,
      sources: failure.sources.map(sourceObject),
    });
  }

  /** `values` are bytes, counts and texts. */
  progress(values: object): void {
    this.#event('progress', values);
  }

  #event(event: string, values: object): void {
    if (this.#options.json) this.#options.out(JSON.stringify({ event, ...values }));
  }

  #say(text: string): void {
    if (!this.#options.isQuiet) this.#options.err(text);
  }
}

/** `1.0GiB in 3.4s (301.2MiB/s)`. */
function summary(facts: { readonly seconds: number; readonly fetchedBytes: number }): string {
  const { seconds, fetchedBytes } = facts;
  const time = seconds < 10 ? `${seconds.toFixed(1)}s` : formatDuration(seconds);
  return `${formatBytes(fetchedBytes)} in ${time} (${formatRate(fetchedBytes / Math.max(seconds, 0.001))})`;
}
