import { after, endpointText, type Endpoint } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import type { RangeCall, RangeClient, RangeEnd, RangeHandler, RangeHead, RangeQuestion } from '../base/web-ports.ts';

/** What a server gives under one path, and what it does wrong. */
export interface Served {
  readonly bytes: Uint8Array;
  /** It sends the whole file, whatever is asked for. */
  readonly ignoresRanges?: boolean;
  /** Instead of 206 or 200, with no body worth reading. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** All of the bytes follow these headers, whatever is asked for. */
  readonly endless?: { readonly status: number; readonly headers: Readonly<Record<string, string>> };
  /** Cuts the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Falls silent after so many bytes of the body. */
  readonly silentAfter?: number;
}

export interface WebAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What an honest server answers, but for what it was told to do. `range` is the header's value. */
export function answerOf(served: Served | undefined, range: string | undefined): WebAnswer {
  if (served === undefined) return { status: 404, headers: {}, body: new Uint8Array() };
  const { bytes, headers = {}, status } = served;
  if (served.endless !== undefined) return { ...served.endless, body: bytes };
  if (status !== undefined) return { status, headers, body: new Uint8Array() };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  if (served.ignoresRanges === true || first === undefined) {
    return { status: 200, headers: { 'content-length': String(bytes.length), ...headers }, body: bytes };
  }
  if (Number(first) >= bytes.length) return { status: 416, headers: {}, body: new Uint8Array() };
  const body = bytes.subarray(Number(first), Number(last) + 1);
  const contentRange = `bytes ${first}-${Number(first) + body.length - 1}/${bytes.length}`;
  const all = { 'content-range': contentRange, 'content-length': String(body.length), ...headers };
  return { status: 206, headers: all, body };
}

const PART_BYTES = 16_384;

/** Web servers of the simulated world, and the client that asks them. */
export class SimWeb implements RangeClient {
  readonly #clock: Clock;
  readonly #partMs: number;
  readonly #sites = new Map<string, Map<string, Served>>();
  /** All that was asked, in order. */
  readonly asked: RangeQuestion[] = [];
  /** Questions that are under way. */
  open = 0;
  /** The most there ever were. */
  mostOpen = 0;

  constructor(options: {
    readonly clock: Clock;
    /** From one part of a body to the next, and from a question to its answer. */
    readonly partMs: number;
  }) {
    this.#clock = options.clock;
    this.#partMs = options.partMs;
  }

  /** Gives something under a path of a server; undefined takes it away. */
  serve(at: Endpoint, target: string, served: Served | undefined): void {
    const site = this.#sites.get(endpointText(at)) ?? new Map<string, Served>();
    this.#sites.set(endpointText(at), site);
    if (served === undefined) site.delete(target);
    else site.set(target, served);
  }

  /** The server is gone: nobody listens there. */
  remove(at: Endpoint): void {
    this.#sites.delete(endpointText(at));
  }

  get(question: RangeQuestion, handler: RangeHandler): RangeCall {
    this.asked.push(question);
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    const call = new SimRangeCall({ clock: this.#clock, partMs: this.#partMs, handler, onOver: () => this.open-- });
    const site = this.#sites.get(endpointText(question.address));
    call.start(question, site === undefined ? undefined : { served: site.get(question.target) });
    return call;
  }

  close(): void {}
}

class SimRangeCall implements RangeCall {
  readonly #options: {
    readonly clock: Clock;
    readonly partMs: number;
    readonly handler: RangeHandler;
    readonly onOver: () => void;
  };
  #cancelWake: () => void = () => undefined;
  #isOver = false;
  #isPaused = false;
  #goOn: (() => void) | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly partMs: number;
    readonly handler: RangeHandler;
    readonly onOver: () => void;
  }) {
    this.#options = options;
  }

  start(question: RangeQuestion, site: { readonly served: Served | undefined } | undefined): void {
    if (site === undefined) return this.#later(() => this.#end('unreachable'));
    const { served } = site;
    const answer = answerOf(served, `bytes=${question.firstByte}-${question.lastByte}`);
    this.#later(() => {
      this.#options.handler.onHead(headOf(answer));
      this.#send(answer.body, 0, served ?? { bytes: answer.body }, question.idleMs);
    });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  cancel(): void {
    this.#over();
  }

  #send(body: Uint8Array, at: number, served: Served, idleMs: number): void {
    if (this.#isOver) return;
    if (this.#isPaused) {
      this.#goOn = () => this.#send(body, at, served, idleMs);
      return;
    }
    const stop = Math.min(served.cutAfter ?? Infinity, served.silentAfter ?? Infinity);
    if (at >= stop) {
      if (served.cutAfter === undefined) this.#later(() => this.#end('timeout'), idleMs);
      else this.#end('cut');
      return;
    }
    if (at >= body.length) return this.#end('whole');
    const part = body.subarray(at, Math.min(body.length, at + PART_BYTES, stop));
    this.#later(() => {
      this.#options.handler.onBytes(part.slice());
      this.#send(body, at + part.length, served, idleMs);
    });
  }

  #later(act: () => void, delayMs = this.#options.partMs): void {
    if (this.#isOver) return;
    const { clock } = this.#options;
    this.#cancelWake = clock.at(after(clock.now(), delayMs), act);
  }

  #end(end: RangeEnd): void {
    if (!this.#over()) return;
    this.#options.handler.onEnd(end);
  }

  #over(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#cancelWake();
    this.#options.onOver();
    return true;
  }
}

function headOf({ status, headers }: WebAnswer): RangeHead {
  const length = headers['content-length'];
  return {
    status,
    contentRange: headers['content-range'],
    contentLength: length === undefined ? undefined : Number(length),
    contentEncoding: headers['content-encoding'],
    retryAfter: headers['retry-after'],
    date: headers['date'],
    location: headers['location'],
  };
}
