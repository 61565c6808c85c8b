/** What can be held open. */
export interface Closable {
  close(): Promise<void>;
}

/** A file in use: it stays open until `release`. */
export interface Held<F> {
  readonly file: F;
  release(): void;
}

interface Entry<F> {
  readonly opening: Promise<F>;
  /** Once it is open. */
  file: F | undefined;
  users: number;
}

/**
 * The files of one content, opened when they are needed and known by their position; those that were used longest ago
 * are closed.
 *
 * BOUNDED: by `capacity`, and by the files that are in use at one time.
 */
export class OpenFiles<F extends Closable> {
  readonly #open: (index: number) => Promise<F>;
  readonly #capacity: number;
  /** Used longest ago first. */
  readonly #entries = new Map<number, Entry<F>>();
  /** Closes under way. */
  readonly #closing = new Set<Promise<void>>();

  constructor(options: { readonly open: (index: number) => Promise<F>; readonly capacity: number }) {
    this.#open = options.open;
    this.#capacity = options.capacity;
  }

  /** How many are open, or being opened. */
  get size(): number {
    return this.#entries.size;
  }

  /** Those that are open now. */
  get openIndexes(): readonly number[] {
    return [...this.#entries.keys()];
  }

  /** Rejects as `open` does. */
  async take(index: number): Promise<Held<F>> {
    const entry = this.#entries.get(index) ?? { opening: this.#open(index), file: undefined, users: 0 };
    this.#entries.delete(index);
    this.#entries.set(index, entry);
    entry.users++;
    try {
      const file = (entry.file = await entry.opening);
      this.#trim();
      let isHeld = true;
      return {
        file,
        release: () => {
          if (isHeld) entry.users--;
          isHeld = false;
          this.#trim();
        },
      };
    } catch (error) {
      if (this.#entries.get(index) === entry) this.#entries.delete(index);
      throw error;
    }
  }

  /** The file if it is open by now, for a use that is over before anything else happens. */
  opened(index: number): F | undefined {
    const entry = this.#entries.get(index);
    if (entry?.file === undefined) return undefined;
    this.#entries.delete(index);
    this.#entries.set(index, entry);
    return entry.file;
  }

  async use<T>(index: number, act: (file: F) => Promise<T>): Promise<T> {
    const held = await this.take(index);
    try {
      return await act(held.file);
    } finally {
      held.release();
    }
  }

  /** Closes all; what is in use then fails. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all([...entries.map((entry) => closeOf(entry)), ...this.#closing]);
  }

  #trim(): void {
    for (const [index, entry] of this.#entries) {
      if (this.#entries.size <= this.#capacity) return;
      if (entry.users > 0) continue;
      this.#entries.delete(index);
      const closing = closeOf(entry).finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    }
  }
}

/** What was written is synced by those who must know; a close that fails has nothing more to say. */
const closeOf = async <F extends Closable>(entry: Entry<F>): Promise<void> => {
  try {
    await (await entry.opening).close();
  } catch {
    // It was never open, or is not any more.
  }
};
