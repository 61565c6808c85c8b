interface Write {
  readonly parts: readonly Uint8Array[];
  readonly flushed: (() => void) | undefined;
}

/**
 * Writes that wait for the simulated kernel. The bytes are read where the writer left them and as late as can be: a
 * writer that changes them before `flushed` sends garbage, as on the real machine.
 *
 * BOUNDED: by the writer, who watches `queuedBytes`.
 */
export class SendQueue {
  #writes: Write[] = [];
  #part = 0;
  #offset = 0;
  #taken: (() => void)[] = [];
  #queuedBytes = 0;

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Nothing is left to take. */
  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  add(parts: readonly Uint8Array[], flushed: (() => void) | undefined): void {
    this.#writes.push({ parts: [...parts], flushed });
    for (const part of parts) this.#queuedBytes += part.length;
    this.#passEmpty();
  }

  /** A copy of the next bytes, at most what is queued, across the borders of parts and writes. */
  take(sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(sizeBytes, this.#queuedBytes));
    for (let at = 0; at < bytes.length;) {
      const part = this.#writes[0]!.parts[this.#part]!;
      const chunk = part.subarray(this.#offset, this.#offset + bytes.length - at);
      bytes.set(chunk, at);
      at += chunk.length;
      this.#offset += chunk.length;
      this.#passEmpty();
    }
    this.#queuedBytes -= bytes.length;
    return bytes;
  }

  /** Tells the writers of all that was taken. */
  flush(): void {
    const taken = this.#taken;
    this.#taken = [];
    for (const flushed of taken) flushed();
  }

  /** Forgets what is queued. Its writers hear of it with the next `flush`. */
  abandon(): void {
    for (const { flushed } of this.#writes) if (flushed !== undefined) this.#taken.push(flushed);
    this.#writes = [];
    this.#part = 0;
    this.#offset = 0;
    this.#queuedBytes = 0;
  }

  /** Steps over parts and writes of which nothing is left. */
  #passEmpty(): void {
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      for (; this.#part < write.parts.length; this.#part++, this.#offset = 0) {
        if (this.#offset < write.parts[this.#part]!.length) return;
      }
      this.#writes.shift();
      this.#part = 0;
      if (write.flushed !== undefined) this.#taken.push(write.flushed);
    }
  }
}
