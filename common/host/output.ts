/** The part of a writable stream that is used: standard output, standard error, a log file. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly writableLength: number;
  write(text: string, done?: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

const MAX_FLUSH_MS = 2_000;

/**
 * Text to a stream that may go away at any time: nothing here throws or raises an unhandled error. After a broken
 * pipe (`| head`) further text is dropped in silence, as a Unix program should.
 */
export class Output {
  readonly #stream: TextStream;
  #failure: NodeJS.ErrnoException | undefined;

  constructor(options: { readonly stream: TextStream }) {
    this.#stream = options.stream;
    this.#stream.on('error', (error) => this.#failed(error));
  }

  get isTty(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Width of the terminal; undefined when there is none. A terminal may claim a width of 0. */
  get columns(): number | undefined {
    return this.isTty && this.#stream.columns ? this.#stream.columns : undefined;
  }

  /** Bytes that the reader has not taken yet. */
  get queuedBytes(): number {
    return this.#stream.writableLength;
  }

  /** Why text was lost, unless the reader simply left. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure?.code === 'EPIPE' ? undefined : this.#failure;
  }

  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  write(text: string): void {
    if (this.#failure !== undefined) return;
    try {
      this.#stream.write(text);
    } catch (error) {
      // A stream on a file writes synchronously, and throws.
      this.#failed(error as Error);
    }
  }

  /** Resolves when all was handed to the system, the stream broke, or a reader that sleeps was given up. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#failure !== undefined) return resolve();
      // A write to a file is over at once, and what went wrong with it is told a turn later.
      if (this.#stream.writableLength === 0) return void setImmediate(resolve);
      const timer = setTimeout(resolve, MAX_FLUSH_MS);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#stream.on('error', done);
      this.#stream.write('', done);
    });
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#failure ??= error;
  }
}
