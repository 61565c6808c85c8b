import { canonicalAddress } from '../base/address.ts';
import type { Endpoint } from '../base/ids.ts';
import { after } from '../base/ids.ts';
import type { Clock, Dialer, DialResult } from '../base/ports.ts';
import type { SeededRandom } from './random.ts';
import type { Route, SimHost } from './host.ts';
import { SimTcpStream } from './tcp-stream.ts';

/** An opening packet that meets no answer is sent again after this, doubled each time (Linux: 1 s). */
const OPEN_RETRY_MS = 1_000;

/** Opens connections from a simulated host, from `localHost` when one is given. */
export class SimDialer implements Dialer {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #host: SimHost;
  readonly #localHost: string | undefined;

  constructor(options: {
    /** The host's own: a dead program hears no answer. */
    readonly clock: Clock;
    readonly random: SeededRandom;
    readonly host: SimHost;
    readonly localHost: string | undefined;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#host = options.host;
    this.#localHost = options.localHost;
  }

  dial(to: Endpoint, timeoutMs: number): Promise<DialResult> {
    return new Promise((resolve) => {
      const attempt = new Attempt({ clock: this.#clock, random: this.#random, settle: resolve });
      attempt.giveUpAfter(timeoutMs);
      const host = canonicalAddress(to.host);
      const route = host === undefined ? undefined : this.#host.routeTo(host, this.#localHost);
      if (route === undefined) attempt.failAfter(0, 'unreachable');
      else attempt.open(route, this.#host, { host: host!, port: to.port });
    });
  }
}

/** One dial, from the first packet to its answer or the time-out. */
class Attempt {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #settle: (result: DialResult) => void;
  #cancelTimeout: (() => void) | undefined;
  /** Our end, while the answer is on its way. */
  #near: SimTcpStream | undefined;
  #isOpen = true;

  constructor(options: {
    readonly clock: Clock;
    readonly random: SeededRandom;
    readonly settle: (result: DialResult) => void;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#settle = options.settle;
  }

  giveUpAfter(timeoutMs: number): void {
    this.#cancelTimeout = this.#after(timeoutMs, () => this.#end({ ok: false, failure: 'timeout' }));
  }

  failAfter(delayMs: number, failure: 'refused' | 'unreachable'): void {
    this.#after(delayMs, () => this.#end({ ok: false, failure }));
  }

  open(route: Route, from: SimHost, to: Endpoint): void {
    const { there, back } = route;
    if (this.#random.chance(there.traits.dialFailure)) {
      if (this.#random.chance(0.5)) this.failAfter(there.transitMs() + back.transitMs(), 'refused');
      return;
    }
    this.#knock(route, from, to, OPEN_RETRY_MS);
  }

  #knock(route: Route, from: SimHost, to: Endpoint, retryMs: number): void {
    const { there, back, target } = route;
    this.#after(there.transitMs(), () => {
      if (!this.#isOpen) return;
      if (there.isCut || back.isCut) {
        this.#after(retryMs, () => this.#knock(route, from, to, 2 * retryMs));
        return;
      }
      const listener = target.listening.find(to);
      if (listener === undefined) {
        this.failAfter(back.transitMs(), 'refused');
        return;
      }
      const local = { host: route.source, port: from.listening.freePort() };
      const [near, far] = SimTcpStream.pair(from.newEnd(there, local, to), target.newEnd(back, to, local));
      this.#near = near;
      far.signal(() => {
        // A program that died meanwhile gets no answer.
        if (near.isGone) return;
        if (this.#isOpen) this.#end({ ok: true, stream: near });
        else near.reset();
      });
      listener.deliver(far);
    });
  }

  #end(result: DialResult): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#cancelTimeout?.();
    if (!result.ok) this.#near?.reset();
    this.#settle(result);
  }

  #after(delayMs: number, run: () => void): () => void {
    return this.#clock.at(after(this.#clock.now(), delayMs), run);
  }
}
