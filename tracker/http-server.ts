import { utf8 } from '../common/base/bytes.ts';
import type { HttpListener, HttpReply, HttpRequest } from '../common/base/http-ports.ts';
import type { Endpoint } from '../common/base/ids.ts';
import type { Clock, Log, Meter } from '../common/base/ports.ts';
import type { Clerk } from './clerk.ts';
import type { HttpService } from './http-service.ts';
import { Upkeep } from './upkeep.ts';

const LEAVING: HttpReply = { status: 404, type: 'text/plain', body: utf8('stopping\n') };

/** One listening HTTP socket: take a request, ask the service, reply. */
export class HttpTrackerServer {
  readonly #clock: Clock;
  readonly #http: HttpListener;
  readonly #service: HttpService;
  readonly #upkeep: Upkeep;
  #stopped = false;

  constructor(options: {
    readonly clock: Clock;
    readonly http: HttpListener;
    readonly log: Log;
    readonly meter: Meter;
    readonly service: HttpService;
    /** Whom the service asks. */
    readonly clerk: Clerk;
  }) {
    const { clock, log, meter, clerk } = options;
    this.#clock = clock;
    this.#http = options.http;
    this.#service = options.service;
    this.#upkeep = new Upkeep({ clock, log, meter, clerk });
  }

  /** Where it listens. */
  get local(): Endpoint {
    return this.#http.local;
  }

  start(): void {
    this.#http.onRequest((request) => this.#reply(request));
  }

  /** Answers nothing from now on; resolves when the socket is closed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#upkeep.stop();
    await this.#http.close();
  }

  #reply(request: HttpRequest): HttpReply {
    if (this.#stopped) return LEAVING;
    const now = this.#clock.now();
    const { outcome, reply } = this.#service.handle(request, now);
    this.#upkeep.served(outcome, now);
    return reply;
  }
}
