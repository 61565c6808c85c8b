/** The info dictionary, block by block, between us and one peer (BEP 9): asks for it, and gives it. */
import { BLOCK_BYTES } from '../base/limits.ts';
import type { MetadataMessage } from '../wire/extended.ts';
import type { Extensions } from './extensions.ts';
import type { Voice } from './voice.ts';

export interface MetadataExchangeOptions {
  readonly extensions: Extensions;
  readonly say: Voice;
  /** The exact bytes of the info dictionary, once they are known. */
  readonly info: () => Uint8Array | undefined;
  /** The peer takes no more of what we send. */
  readonly isCongested: () => boolean;
  readonly onData: (block: number, totalBytes: number, view: Uint8Array) => void;
  readonly onRejected: (block: number) => void;
  /** Something came that was not asked for. */
  readonly offend: () => void;
}

export class MetadataExchange {
  readonly #options: MetadataExchangeOptions;
  /** Asked for and not answered. BOUNDED: by the blocks of the largest dictionary that is fetched. */
  readonly #asked = new Set<number>();

  constructor(options: MetadataExchangeOptions) {
    this.#options = options;
  }

  ask(block: number): void {
    if (this.#say({ type: 'request', block })) this.#asked.add(block);
  }

  /** Data is passed on as a view, valid only during the call. */
  take(message: MetadataMessage): void {
    const { onData, onRejected, offend } = this.#options;
    switch (message.type) {
      case 'request':
        return this.#serve(message.block);
      case 'data':
        if (!this.#asked.delete(message.block)) return offend();
        return onData(message.block, message.totalBytes, message.data);
      case 'reject':
        if (this.#asked.delete(message.block)) onRejected(message.block);
        return;
      case 'unknown':
    }
  }

  #serve(block: number): void {
    const { info, isCongested } = this.#options;
    const bytes = info();
    const begin = block * BLOCK_BYTES;
    if (bytes === undefined || begin >= bytes.length || isCongested()) {
      this.#say({ type: 'reject', block });
    } else {
      const data = bytes.subarray(begin, begin + BLOCK_BYTES);
      this.#say({ type: 'data', block, totalBytes: bytes.length, data });
    }
  }

  /** False when the peer takes no such messages. */
  #say(message: Exclude<MetadataMessage, { type: 'unknown' }>): boolean {
    const bytes = this.#options.extensions.encodeMetadata(message);
    if (bytes !== undefined) this.#options.say.message(bytes);
    return bytes !== undefined;
  }
}
