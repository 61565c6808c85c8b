import { concatBytes } from '../../base/bytes.ts';
import type { CloseCause, TcpHandler, TcpPort } from '../../base/ports.ts';

/** Starts a stream and keeps what comes, to be awaited. A call after `onClosed` is an error of the stream. */
export class Recorder implements TcpHandler {
  readonly stream: TcpPort;
  /** What came, in order: `bytes`, `drain`, `closed`. */
  readonly calls: string[] = [];
  receivedBytes = 0;
  drains = 0;
  cause: CloseCause | undefined;
  /** Called with each view, after it was recorded. */
  tap: (() => void) | undefined;
  readonly #chunks: Uint8Array[] = [];
  #waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  constructor(stream: TcpPort) {
    this.stream = stream;
    stream.start(this);
  }

  /** All that came. */
  get bytes(): Uint8Array {
    return concatBytes(this.#chunks);
  }

  onBytes(view: Uint8Array): void {
    this.#note('bytes');
    if (view.length === 0) throw new Error('no bytes at all were delivered as bytes');
    // `slice` of a Node Buffer is no copy: whoever keeps bytes by it would keep a view.
    if (Object.getPrototypeOf(view) !== Uint8Array.prototype) throw new Error('bytes must be plain');
    this.#chunks.push(view.slice());
    this.receivedBytes += view.length;
    this.tap?.();
    this.#wake();
  }

  onDrain(): void {
    this.#note('drain');
    this.drains++;
    this.#wake();
  }

  onClosed(cause: CloseCause): void {
    this.#note('closed');
    this.cause = cause;
    this.#wake();
  }

  async closed(): Promise<CloseCause> {
    await this.until(() => this.cause !== undefined);
    return this.cause!;
  }

  /** So many bytes came, in all. */
  async received(count: number): Promise<Uint8Array> {
    await this.until(() => this.receivedBytes >= count || this.cause !== undefined);
    if (this.receivedBytes !== count) throw new Error(`${this.receivedBytes} bytes came instead of ${count}`);
    return this.bytes;
  }

  until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isMet, resolve }));
  }

  #note(call: string): void {
    if (this.cause !== undefined) throw new Error(`${call} after closed`);
    this.calls.push(call);
  }

  #wake(): void {
    for (const one of this.#waiting) if (one.isMet()) one.resolve();
    this.#waiting = this.#waiting.filter((one) => !one.isMet());
  }
}
