import type { PieceIndex } from '../base/ids.ts';
import type { BlockRef } from '../wire/peer-messages.ts';
import type { Ledger } from './ledger.ts';
import type { SessionEvents } from './session-events.ts';

/** Passes on the data of the blocks we asked for and drops the rest, without keeping any of it. */
export class BlockReceiver {
  readonly #ledger: Ledger;
  readonly #events: Pick<SessionEvents, 'blockData' | 'block'>;
  #current: BlockRef = { piece: 0, begin: 0, length: 0 };
  /** The request that the block now coming in answers. */
  #request: BlockRef | undefined;

  constructor(options: { readonly ledger: Ledger; readonly events: Pick<SessionEvents, 'blockData' | 'block'> }) {
    this.#ledger = options.ledger;
    this.#events = options.events;
  }

  start(ref: BlockRef): void {
    this.#current = ref;
    this.#request = this.#ledger.wanted(ref);
  }

  bytes(offset: number, view: Uint8Array): void {
    const { piece, begin } = this.#current;
    if (this.#isStillWanted()) this.#events.blockData(piece as PieceIndex, begin, offset, view);
  }

  /** The block is whole; false when nobody asked for it. */
  end(): boolean {
    const { piece, begin, length } = this.#current;
    if (!this.#isStillWanted()) return this.#ledger.excuse(this.#current);
    this.#ledger.settle(this.#request!);
    this.#events.block(piece as PieceIndex, begin, length);
    return true;
  }

  /**
   * The block may be given up while it comes in. Asked for again meanwhile, it is another request, which another
   * answer will come to: this one's first part is lost already.
   */
  #isStillWanted(): boolean {
    return this.#request !== undefined && this.#ledger.isOpen(this.#request);
  }
}
