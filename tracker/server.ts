import type { Endpoint, Instant } from '../common/base/ids.ts';
import { after, NEVER } from '../common/base/ids.ts';
import type { Clock, Log, LogFields, Meter, UdpPort } from '../common/base/ports.ts';
import type { Outcome, TrackerService } from './service.ts';

const REPORT_INTERVAL_MS = 60_000;

/**
 * One UDP socket: receive, ask the service, send. Holds a single wake-up, for the sweep and for the report of what
 * became of the datagrams.
 */
export class TrackerServer {
  readonly #clock: Clock;
  readonly #udp: UdpPort;
  readonly #log: Log;
  readonly #meter: Meter;
  readonly #service: TrackerService;
  /** Since the last report. BOUNDED: by the fixed names of outcomes. */
  readonly #counts = new Map<Outcome, number>();
  #reportDue: Instant = NEVER;
  #wakeDue: Instant = NEVER;
  #cancelWake: () => void = () => {};
  #stopped = false;

  constructor(options: {
    readonly clock: Clock;
    readonly udp: UdpPort;
    readonly log: Log;
    readonly meter: Meter;
    readonly service: TrackerService;
  }) {
    this.#clock = options.clock;
    this.#udp = options.udp;
    this.#log = options.log;
    this.#meter = options.meter;
    this.#service = options.service;
  }

  /** Where it listens. */
  get local(): Endpoint {
    return this.#udp.local;
  }

  start(): void {
    this.#udp.onDatagram((bytes, from) => this.#receive(bytes, from));
  }

  /** Answers nothing from now on; resolves when the socket is closed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWake();
    this.#report('stopping');
    await this.#udp.close();
  }

  #receive(bytes: Uint8Array, from: Endpoint): void {
    if (this.#stopped) return;
    const now = this.#clock.now();
    const { outcome, reply } = this.#service.handle(bytes, from, now);
    if (reply !== undefined) this.#udp.send(reply, from);
    this.#meter.count(`tracker_${outcome}`);
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
    if (this.#reportDue === NEVER) this.#reportDue = after(now, REPORT_INTERVAL_MS);
    this.#schedule();
  }

  #wake(): void {
    const now = this.#clock.now();
    this.#wakeDue = NEVER;
    if (this.#service.nextDue <= now) this.#service.sweep(now);
    if (this.#reportDue <= now) {
      this.#report('served');
      this.#reportDue = NEVER;
    }
    this.#schedule();
  }

  /** Moves the wake-up only when it would come too late: most datagrams leave it where it is. */
  #schedule(): void {
    const due = Math.min(this.#service.nextDue, this.#reportDue) as Instant;
    if (due >= this.#wakeDue) return;
    this.#cancelWake();
    this.#wakeDue = due;
    this.#cancelWake = this.#clock.at(due, () => this.#wake());
  }

  #report(message: string): void {
    this.#log.debug(message, { ...this.#service.size, ...(Object.fromEntries(this.#counts) as LogFields) });
    this.#counts.clear();
  }
}
