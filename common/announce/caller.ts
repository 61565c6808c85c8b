import { isIPv6 } from '../base/address.ts';
import { messageOf } from '../base/errors.ts';
import type { Endpoint, Instant } from '../base/ids.ts';
import { endpointText, NEVER } from '../base/ids.ts';
import type { Clock, Random, UdpBinder, UdpPort } from '../base/ports.ts';
import type { TrackerCall } from './calls.ts';
import type { CallResult } from './exchange.ts';
import { Exchange } from './exchange.ts';

type Family = 'IPv4' | 'IPv6';

/** Exchanges that nobody uses are dropped when there are more than this: names come to mean other addresses. */
const MAX_IDLE_EXCHANGES = 64;

/**
 * Carries calls to any number of trackers: one UDP socket per family, one exchange per address, one wake-up for all.
 *
 * BOUNDED: by the trackers that are being called, and MAX_IDLE_EXCHANGES that are not.
 */
export class TrackerCaller {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #udp: UdpBinder;
  readonly #localHost: string | undefined;
  readonly #sockets = new Map<Family, Promise<UdpPort>>();
  readonly #exchanges = new Map<string, Exchange>();
  #wakeDue: Instant = NEVER;
  #cancelWake: () => void = () => {};
  #closed = false;

  constructor(options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly udp: UdpBinder;
    /** Address to call from; trackers of the other family are then out of reach. Undefined: any. */
    readonly localHost: string | undefined;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#udp = options.udp;
    this.#localHost = options.localHost;
  }

  /** Calls a tracker at a canonical address; never rejects. `tries` counts the first sending. */
  async ask<A>(tracker: Endpoint, request: TrackerCall<A>, tries: number): Promise<CallResult<A>> {
    const socket = await this.#socketFor(tracker.host).catch(messageOf);
    if (typeof socket === 'string') return { ok: false, failure: 'unreachable', text: socket };
    if (this.#closed) return { ok: false, failure: 'cancelled', text: 'cancelled' };
    const exchange = this.#exchangeWith(tracker, socket);
    return new Promise((resolve) => {
      exchange.ask(request, tries, this.#clock.now(), resolve);
      this.#schedule();
    });
  }

  /** Whether the tracker at this address has given us a connection id. */
  isConnected(tracker: Endpoint): boolean {
    return this.#exchanges.get(endpointText(tracker))?.isConnected === true;
  }

  /** Gives up all calls that are under way. */
  cancelAll(): void {
    for (const exchange of this.#exchanges.values()) exchange.cancelAll();
    this.#schedule();
  }

  /** Gives up all calls and closes the sockets. */
  async close(): Promise<void> {
    this.#closed = true;
    this.cancelAll();
    const sockets = await Promise.allSettled(this.#sockets.values());
    await Promise.all(sockets.flatMap((one) => (one.status === 'fulfilled' ? [one.value.close()] : [])));
  }

  #socketFor(host: string): Promise<UdpPort> {
    const family: Family = isIPv6(host) ? 'IPv6' : 'IPv4';
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const made = this.#bind(family);
    this.#sockets.set(family, made);
    // A family that the machine does not have today it may have tomorrow.
    made.catch(() => this.#sockets.delete(family));
    return made;
  }

  async #bind(family: Family): Promise<UdpPort> {
    const host = this.#localHost ?? (family === 'IPv6' ? '::' : '0.0.0.0');
    if (isIPv6(host) !== (family === 'IPv6')) throw new Error(`${host} cannot reach ${family} addresses`);
    const socket = await this.#udp.bind({ host, port: 0 });
    socket.onDatagram((bytes, from) => {
      this.#exchanges.get(endpointText(from))?.take(bytes, from, this.#clock.now());
      this.#schedule();
    });
    return socket;
  }

  #exchangeWith(tracker: Endpoint, socket: UdpPort): Exchange {
    const name = endpointText(tracker);
    let exchange = this.#exchanges.get(name);
    if (exchange === undefined) {
      this.#dropIdle();
      exchange = new Exchange({ tracker, random: this.#random, send: (bytes) => socket.send(bytes, tracker) });
      this.#exchanges.set(name, exchange);
    }
    return exchange;
  }

  #dropIdle(): void {
    if (this.#exchanges.size < MAX_IDLE_EXCHANGES) return;
    for (const [name, exchange] of this.#exchanges) if (exchange.callsUnderWay === 0) this.#exchanges.delete(name);
  }

  #wake(): void {
    const now = this.#clock.now();
    this.#wakeDue = NEVER;
    for (const exchange of this.#exchanges.values()) if (exchange.nextDue <= now) exchange.wake(now);
    this.#schedule();
  }

  #schedule(): void {
    let due: Instant = NEVER;
    for (const exchange of this.#exchanges.values()) if (exchange.nextDue < due) due = exchange.nextDue;
    if (due === this.#wakeDue) return;
    this.#cancelWake();
    this.#wakeDue = due;
    this.#cancelWake = due === NEVER ? () => {} : this.#clock.at(due, () => this.#wake());
  }
}
