/**
 * Piece buffers in shared memory, used again and again: a worker thread hashes, and the disk writes, the very bytes
 * the socket was read into.
 *
 * BOUNDED: `capacity` buffers of `sizeBytes`, made on first use.
 */
export class BufferPool {
  readonly sizeBytes: number;
  readonly capacity: number;
  readonly #free: Uint8Array[] = [];
  readonly #out = new Set<Uint8Array>();
  #made = 0;

  constructor(options: { readonly sizeBytes: number; readonly capacity: number }) {
    this.sizeBytes = options.sizeBytes;
    this.capacity = options.capacity;
  }

  /** How many buffers are out. */
  get taken(): number {
    return this.#out.size;
  }

  get available(): number {
    return this.capacity - this.#out.size;
  }

  /** A buffer of `sizeBytes` with whatever it last held, or undefined when all are out. */
  take(): Uint8Array | undefined {
    let buffer = this.#free.pop();
    if (buffer === undefined) {
      if (this.#made >= this.capacity) return undefined;
      this.#made++;
      buffer = new Uint8Array(new SharedArrayBuffer(this.sizeBytes));
    }
    this.#out.add(buffer);
    return buffer;
  }

  /** Takes a buffer back. Giving back what is not out is our own mistake, and would hand one buffer to two owners. */
  give(buffer: Uint8Array): void {
    if (!this.#out.delete(buffer)) throw new Error('a piece buffer was given back twice');
    this.#free.push(buffer);
  }
}
