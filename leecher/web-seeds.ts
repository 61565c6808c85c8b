/**
 * The web seeds of a download: each is asked for a single byte first, joins the sources when it gave it, and is tried
 * again after a pause when it failed. One that sent a corrupt piece, or is not what it should be, never is.
 */
import { after } from '../common/base/ids.ts';
import { MAX_WEB_SEEDS, WEB_RETRY_FIRST_MS, WEB_RETRY_LAST_MS, WEB_RETRY_LONGEST_MS } from '../common/base/limits.ts';
import type { Clock, Log, Resolver } from '../common/base/ports.ts';
import type { RangeClient } from '../common/base/web-ports.ts';
import type { ContentFile } from '../common/content/geometry.ts';
import type { Info } from '../common/content/info.ts';
import type { CloseReason, Fetcher } from '../common/peer/peer.ts';
import type { WebFailure } from './web-answer.ts';
import { WebGet, type WebGetOptions } from './web-get.ts';
import { WebSeed } from './web-seed.ts';
import { fileUrlOf, shownUrl, type WebSource } from './web-url.ts';

export interface WebSeedsOptions {
  readonly sources: readonly WebSource[];
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly client: RangeClient;
  readonly log: Log;
  readonly fetcher: Fetcher;
  /** Wanted bytes came from any of them. */
  readonly onBytes: (count: number) => void;
}

/** A file that is not there is not looked for as often as a server that may come back. */
const MISSING_PAUSE_FACTOR = 30;

export class WebSeeds {
  readonly #options: WebSeedsOptions;
  /** BOUNDED: by MAX_WEB_SEEDS. */
  readonly #sites: readonly WebSite[];

  constructor(options: WebSeedsOptions) {
    this.#options = options;
    // Below zero, where no connection has its number.
    let nextId = 0;
    this.#sites = options.sources
      .slice(0, MAX_WEB_SEEDS)
      .map((source) => new WebSite({ ...options, source, takeId: () => --nextId }));
  }

  /** The content is known and its place is taken. */
  start(info: Info): void {
    for (const site of this.#sites) site.start(info);
  }

  stop(): void {
    for (const site of this.#sites) site.stop();
    this.#options.client.close();
  }
}

class WebSite {
  readonly #options: WebSeedsOptions & { readonly source: WebSource; readonly takeId: () => number };
  readonly #shown: string;
  #info: Info | undefined;
  #seed: WebSeed | undefined;
  #probe: WebGet | undefined;
  #failures = 0;
  #turn = 0;
  #isStopped = false;
  #cancelWake: () => void = () => undefined;

  constructor(options: WebSeedsOptions & { readonly source: WebSource; readonly takeId: () => number }) {
    this.#options = options;
    this.#shown = shownUrl(options.source.url);
  }

  start(info: Info): void {
    this.#info = info;
    this.#ask();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelWake();
    this.#probe?.cancel();
    this.#seed?.close('stopped');
  }

  /** One byte of the first file that has any: is it there, of the right length, on a server that can be used? */
  #ask(): void {
    if (this.#isStopped || this.#options.fetcher.isDone) return;
    const file = this.#info!.geometry.files.find(({ lengthBytes, isPad }) => lengthBytes > 0 && !isPad)!;
    const probe = this.#get(file, { firstByte: 0, lastByte: 0 }, {
      onBody: ({ from, kind }) => {
        // Of a range, the end is on its way; a whole file is not wanted yet.
        if (kind === 'whole') probe.cancel();
        this.#probe = undefined;
        this.#join(from);
      },
      onBytes: () => undefined,
      onEnd: (failure) => {
        if (failure !== undefined && this.#probe === probe) this.#fail(failure);
      },
    }); // prettier-ignore
    this.#probe = probe;
    probe.start();
  }

  #get(
    file: ContentFile,
    range: { readonly firstByte: number; readonly lastByte: number },
    how: Pick<WebGetOptions, 'onBody' | 'onBytes' | 'onEnd'>,
  ): WebGet {
    const { client, resolver, source } = this.#options;
    // What is no URL ends as unfit.
    const url = fileUrlOf(source.url, this.#info!, file) ?? '';
    const wanted = { ...range, fileBytes: file.lengthBytes };
    return new WebGet({ client, resolver, source, url, wanted, turn: this.#turn, ...how });
  }

  #join(endpoint: WebSeed['endpoint']): void {
    const { clock, fetcher, onBytes, takeId, log } = this.#options;
    log.debug('a web seed answers', { url: this.#shown });
    this.#seed = new WebSeed({
      id: takeId(),
      endpoint,
      url: this.#shown,
      geometry: this.#info!.geometry,
      clock,
      fetcher,
      get: (file, range, how) => this.#get(file, range, how),
      onBytes,
      onProved: () => {
        this.#failures = 0;
      },
      onClosed: (reason, failure) => this.#closed(reason, failure),
    });
    fetcher.onReady(this.#seed, clock.now());
  }

  #closed(reason: CloseReason, failure: WebFailure | undefined): void {
    this.#seed = undefined;
    if (reason === 'banned') this.#isStopped = true;
    if (!this.#isStopped) this.#fail(failure ?? { kind: 'failed', text: reason });
  }

  #fail(failure: WebFailure): void {
    const { clock, log } = this.#options;
    this.#probe = undefined;
    this.#turn++;
    if (failure.kind === 'unfit') {
      this.#isStopped = true;
      log.warn('a web seed is not used', { url: this.#shown, reason: failure.text });
      return;
    }
    const pauseMs = this.#pauseMs(failure);
    this.#failures++;
    log.debug('a web seed failed', { url: this.#shown, reason: failure.text, pauseMs });
    this.#cancelWake = clock.at(after(clock.now(), pauseMs), () => {
      this.#ask();
    });
  }

  #pauseMs({ kind, pauseMs }: WebFailure): number {
    const ownMs = Math.min(WEB_RETRY_LAST_MS, WEB_RETRY_FIRST_MS * 2 ** Math.min(this.#failures, 16));
    if (kind === 'missing') return Math.min(WEB_RETRY_LONGEST_MS, ownMs * MISSING_PAUSE_FACTOR);
    return Math.max(ownMs, pauseMs ?? 0);
  }
}
