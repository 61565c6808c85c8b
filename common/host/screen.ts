import { MIB } from '../base/limits.ts';
import type { Output } from './output.ts';

/** Something that stays at the bottom of a terminal while lines scroll above it. */
export interface LiveRegion {
  hide(): void;
  show(): void;
}

/** Lines that wait for a reader who sleeps. Beyond it log lines are dropped and counted. */
const MAX_QUEUED_BYTES = MIB;

/**
 * Standard error as a place for whole lines, with room for one progress bar: the bar is taken away before a line is
 * written and put back after it, so neither tears the other.
 */
export class Screen {
  readonly #output: Output;
  #region: LiveRegion | undefined;
  #dropped = 0;

  constructor(options: { readonly output: Output }) {
    this.#output = options.output;
  }

  get isTty(): boolean {
    return this.#output.isTty;
  }

  get columns(): number | undefined {
    return this.#output.columns;
  }

  line(text: string): void {
    if (this.#output.queuedBytes > MAX_QUEUED_BYTES) {
      this.#dropped++;
      return;
    }
    this.around(() => {
      if (this.#dropped > 0) {
        this.#output.write(`(${this.#dropped} lines were dropped: nobody was reading)\n`);
        this.#dropped = 0;
      }
      this.#output.write(`${text}\n`);
    });
  }

  /** Writes without a line's end: what the live region itself draws. */
  raw(text: string): void {
    if (this.#output.queuedBytes <= MAX_QUEUED_BYTES) this.#output.write(text);
  }

  /** Does something that writes to the same terminal by another way. */
  around(write: () => void): void {
    this.#region?.hide();
    write();
    this.#region?.show();
  }

  /** Makes a region live; the result ends that. One at a time. */
  attach(region: LiveRegion): () => void {
    this.#region = region;
    return () => {
      if (this.#region === region) this.#region = undefined;
    };
  }
}
