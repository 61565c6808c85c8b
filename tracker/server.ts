import type { Endpoint } from '../common/base/ids.ts';
import type { Clock, Log, Meter, UdpPort } from '../common/base/ports.ts';
import type { TrackerService } from './service.ts';
import { Upkeep } from './upkeep.ts';

/** One UDP socket: receive, ask the service, send. */
export class TrackerServer {
  readonly #clock: Clock;
  readonly #udp: UdpPort;
  readonly #service: TrackerService;
  readonly #upkeep: Upkeep;
  readonly #forward: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  #stopped = false;

  constructor(options: {
    readonly clock: Clock;
    readonly udp: UdpPort;
    readonly log: Log;
    readonly meter: Meter;
    readonly service: TrackerService;
    /** Hands on what the thread that has the catalogue is to answer; undefined where the catalogue is here. */
    readonly forward: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  }) {
    const { clock, log, meter, service } = options;
    this.#clock = clock;
    this.#udp = options.udp;
    this.#service = service;
    this.#forward = options.forward;
    this.#upkeep = new Upkeep({ clock, log, meter, clerk: service });
  }

  /** Where it listens. */
  get local(): Endpoint {
    return this.#udp.local;
  }

  start(): void {
    this.#udp.onDatagram((bytes, from) => this.take(bytes, from));
  }

  /** Answers nothing from now on; resolves when the socket is closed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#upkeep.stop();
    await this.#udp.close();
  }

  /** Answers a datagram, which another thread may have received. */
  take(bytes: Uint8Array, from: Endpoint): void {
    if (this.#stopped) return;
    const now = this.#clock.now();
    const { outcome, reply } = this.#service.handle(bytes, from, now);
    if (reply !== undefined) this.#udp.send(reply, from);
    else if (outcome === 'for_the_catalogue') this.#forward?.(bytes, from);
    this.#upkeep.served(outcome, now);
  }
}
