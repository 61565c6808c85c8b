import type { Instant } from '../base/ids.ts';

/** Something that will happen; `run` is undefined once it was cancelled or has happened. */
export interface SimEvent {
  readonly when: Instant;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * Events by time, and by the order they were made in within one instant: a binary heap.
 *
 * BOUNDED: by what the simulated programs ask for; cancelled events are swept out when they are the larger half.
 */
export class EventQueue {
  #heap: SimEvent[] = [];
  #made = 0;
  #cancelled = 0;

  /** How many events will happen. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  add(when: Instant, run: () => void): SimEvent {
    const event: SimEvent = { when, order: this.#made++, run };
    this.#heap.push(event);
    this.#rise(this.#heap.length - 1);
    return event;
  }

  cancel(event: SimEvent): void {
    if (event.run === undefined) return;
    event.run = undefined;
    this.#cancelled++;
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#sweep();
  }

  /** The next event, which stays; undefined when nothing will ever happen. */
  peek(): SimEvent | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.run !== undefined) return top;
      this.#removeTop();
      this.#cancelled--;
    }
    return undefined;
  }

  /** Takes the next event out. */
  take(): SimEvent | undefined {
    const event = this.peek();
    if (event !== undefined) this.#removeTop();
    return event;
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((event) => event.run !== undefined).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #removeTop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(this.#heap[at]!, this.#heap[parent]!)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      let first = at;
      const left = 2 * at + 1;
      const right = left + 1;
      if (left < this.#heap.length && isBefore(this.#heap[left]!, this.#heap[first]!)) first = left;
      if (right < this.#heap.length && isBefore(this.#heap[right]!, this.#heap[first]!)) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(a: number, b: number): void {
    const held = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = held;
  }
}

const isBefore = (a: SimEvent, b: SimEvent): boolean => a.when < b.when || (a.when === b.when && a.order < b.order);
