import { SEND_QUEUE_FULL_BYTES } from '../base/limits.ts';
import type { TcpPort } from '../base/ports.ts';

/**
 * What is said in one turn of the event loop, written to the stream together at its end.
 *
 * BOUNDED: by what the bytes of one turn can make us say; a peer that does not read what it made us say is not read
 * from either, once SEND_QUEUE_FULL_BYTES wait for it.
 */
export class Outbox {
  readonly #stream: Pick<TcpPort, 'write' | 'queuedBytes' | 'pause' | 'resume'>;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #holding = false;

  constructor(options: { readonly stream: Pick<TcpPort, 'write' | 'queuedBytes' | 'pause' | 'resume'> }) {
    this.#stream = options.stream;
  }

  /** More should be said only if it must be. */
  get isFull(): boolean {
    return this.#stream.queuedBytes + this.#bytes >= SEND_QUEUE_FULL_BYTES;
  }

  /** Keeps the bytes, which must not change, until the end of the turn. */
  push(bytes: Uint8Array): void {
    if (this.#parts.length === 0) {
      queueMicrotask(() => {
        this.flush();
      });
    }
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  flush(): void {
    if (this.#parts.length === 0) return;
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    this.#stream.write(parts);
    if (this.#holding || !this.isFull) return;
    this.#holding = true;
    this.#stream.pause();
  }

  /** The stream has room again. */
  drained(): void {
    if (!this.#holding) return;
    this.#holding = false;
    this.#stream.resume();
  }
}
