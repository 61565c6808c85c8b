/**
 * One GET of a range: finds the server's address, judges it, asks, follows redirects. Never goes nearer than it may,
 * and after a redirect never nearer than where it came from: a link from outside, or a server, must not make us ask
 * machines that only we can reach.
 */
import type { Endpoint } from '../common/base/ids.ts';
import { MAX_WEB_REDIRECTS, WEB_IDLE_TIMEOUT_MS } from '../common/base/limits.ts';
import type { Resolver } from '../common/base/ports.ts';
import type { RangeCall, RangeClient, RangeEnd } from '../common/base/web-ports.ts';
import { isWithin, reachOf, type Reach } from '../common/content/urls.ts';
import { failureOfEnd, judgeHead, type WantedRange, type WebFailure } from './web-answer.ts';
import { webAddressOf, type WebAddress, type WebSource } from './web-url.ts';

export interface WebGetOptions {
  readonly client: RangeClient;
  readonly resolver: Resolver;
  readonly source: WebSource;
  /** Of the file. */
  readonly url: string;
  readonly wanted: WantedRange;
  /** The how-manieth try it is: of several addresses each has its turn. */
  readonly turn: number;
  /** The body begins, at this offset of the file: at the range, or at 0 when the server knows no ranges. */
  readonly onBody: (body: { readonly kind: 'ranged' | 'whole'; readonly at: number; readonly from: Endpoint }) => void;
  /** `view` is valid only during the call. */
  readonly onBytes: (view: Uint8Array) => void;
  /** Once, last; undefined when the body came to its end in good order. Not after `cancel`. */
  readonly onEnd: (failure: WebFailure | undefined) => void;
}

export class WebGet {
  readonly #options: WebGetOptions;
  #call: RangeCall | undefined;
  #isOver = false;
  #redirects = 0;

  constructor(options: WebGetOptions) {
    this.#options = options;
  }

  start(): void {
    const { url, source } = this.#options;
    void this.#ask(webAddressOf(url), source.nearest);
  }

  cancel(): void {
    this.#isOver = true;
    this.#call?.cancel();
  }

  /** Never rejects. */
  async #ask(address: WebAddress | undefined, nearest: Reach): Promise<void> {
    if (address === undefined) return this.#end({ kind: 'unfit', text: 'it leads to what is no web server' });
    let hosts: readonly string[];
    try {
      hosts = await this.#options.resolver.resolve(address.host);
    } catch {
      return this.#end({ kind: 'failed', text: 'its name does not resolve' });
    }
    if (this.#isOver) return;
    const allowed = hosts.filter((host) => this.#mayAsk(host, nearest, address));
    const host = allowed[this.#options.turn % Math.max(1, allowed.length)];
    if (host === undefined)
      return this.#end({ kind: 'unfit', text: 'it leads to an address that a link may not name' });
    this.#send(address, host);
  }

  /** What only we can reach is not asked things that a link made up: a query can do more than fetch a file. */
  #mayAsk(host: string, nearest: Reach, address: WebAddress): boolean {
    const reach = reachOf(host);
    if (!isWithin(reach, nearest)) return false;
    return this.#options.source.nearest === 'local' || reach === 'public' || !address.target.includes('?');
  }

  #send(address: WebAddress, host: string): void {
    const { client, wanted, onBody } = this.#options;
    const from = { host, port: address.port };
    /** Of the body, still to come; nothing of any other. */
    let restBytes = 0;
    const call = client.get(
      {
        secure: address.secure,
        address: from,
        name: address.host,
        target: address.target,
        authorization: address.authorization,
        firstByte: wanted.firstByte,
        lastByte: wanted.lastByte,
        idleMs: WEB_IDLE_TIMEOUT_MS,
      },
      {
        onHead: (head) => {
          const verdict = judgeHead(head, wanted);
          if (verdict.kind === 'refused') return this.#giveUp(verdict.failure);
          if (verdict.kind === 'moved') return this.#follow(verdict.location, address, reachOf(host));
          restBytes = verdict.kind === 'whole' ? wanted.fileBytes : wanted.lastByte - wanted.firstByte + 1;
          onBody({ kind: verdict.kind, at: verdict.kind === 'whole' ? 0 : wanted.firstByte, from });
        },
        onBytes: (view) => {
          const count = Math.min(restBytes, view.length);
          restBytes -= count;
          if (count > 0 && !this.#isOver) this.#options.onBytes(view.subarray(0, count));
          // It goes on, without a length that was judged: perhaps without end.
          if (count < view.length) this.#enough(call);
        },
        onEnd: (end) => {
          if (this.#call === call) this.#ended(end);
        },
      },
    );
    this.#call = call;
  }

  #follow(location: string, from: WebAddress, nearest: Reach): void {
    this.#call?.cancel();
    this.#call = undefined;
    if (++this.#redirects > MAX_WEB_REDIRECTS) return this.#end({ kind: 'unfit', text: 'it redirects without end' });
    void this.#ask(webAddressOf(location, from.url), nearest);
  }

  #giveUp(failure: WebFailure): void {
    this.#call?.cancel();
    this.#end(failure);
  }

  #enough(call: RangeCall): void {
    call.cancel();
    if (this.#call === call) this.#end(undefined);
  }

  #ended(end: RangeEnd): void {
    this.#end(end === 'whole' ? undefined : failureOfEnd(end));
  }

  #end(failure: WebFailure | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onEnd(failure);
  }
}
