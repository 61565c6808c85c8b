/** Signals that ask for an orderly end. A hang-up is left alone, so that `nohup` works. */
export type StopSignal = 'SIGINT' | 'SIGTERM';

export interface SignalSource {
  on(event: StopSignal, listener: () => void): unknown;
  off(event: StopSignal, listener: () => void): unknown;
}

/** From the first signal to the end of the process; containers are killed after 10 s. */
export const MAX_STOP_MS = 7_000;

/**
 * The first SIGINT or SIGTERM asks for an orderly stop, a second one, or a stop that takes too long, ends the process.
 */
export class StopSignals {
  readonly requested: Promise<StopSignal>;
  readonly #source: SignalSource;
  readonly #listeners: readonly (readonly [StopSignal, () => void])[];
  #deadline: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly source: SignalSource;
    readonly maxStopMs: number;
    readonly onRequest: (signal: StopSignal) => void;
    readonly onForce: (why: 'second signal' | 'too slow') => void;
  }) {
    this.#source = options.source;
    let request: (signal: StopSignal) => void = () => {};
    this.requested = new Promise((resolve) => (request = resolve));
    const take = (signal: StopSignal): void => {
      if (this.#deadline !== undefined) return options.onForce('second signal');
      this.#deadline = setTimeout(() => options.onForce('too slow'), options.maxStopMs);
      // A process with nothing left to do may end sooner.
      this.#deadline.unref();
      options.onRequest(signal);
      request(signal);
    };
    this.#listeners = (['SIGINT', 'SIGTERM'] as const).map((signal) => [signal, () => take(signal)] as const);
    for (const [signal, listener] of this.#listeners) this.#source.on(signal, listener);
  }

  close(): void {
    clearTimeout(this.#deadline);
    for (const [signal, listener] of this.#listeners) this.#source.off(signal, listener);
  }
}
