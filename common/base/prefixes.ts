/**
 * The beginnings of one buffer that is used over and over: asking twice for the same length gives the same view, so
 * that whoever hands on a part of it for each datagram makes no garbage.
 *
 * BOUNDED: by the length of the buffer.
 */
export class Prefixes<T extends Uint8Array = Uint8Array> {
  readonly whole: T;
  readonly #views: (T | undefined)[] = [];

  constructor(whole: T) {
    this.whole = whole;
  }

  /** The first `length` bytes, which must be there. */
  of(length: number): T {
    return (this.#views[length] ??= this.whole.subarray(0, length) as T);
  }
}
