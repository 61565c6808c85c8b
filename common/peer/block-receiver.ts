import type { PieceIndex } from '../base/ids.ts';
import type { BlockRef } from '../wire/peer-messages.ts';
import type { Ledger } from './ledger.ts';
import type { SessionEvents } from './session-events.ts';

/** Passes on the data of the blocks we asked for and drops the rest, without keeping any of it. */
export class BlockReceiver {
  readonly #ledger: Ledger;
  readonly #events: Pick<SessionEvents, 'blockData' | 'block'>;
  #current: BlockRef = { piece: 0, begin: 0, length: 0 };

  constructor(options: { readonly ledger: Ledger; readonly events: Pick<SessionEvents, 'blockData' | 'block'> }) {
    this.#ledger = options.ledger;
    this.#events = options.events;
  }

  start(ref: BlockRef): void {
    this.#current = ref;
  }

  /** Asks the ledger each time: the block may be given up while it comes in. */
  bytes(offset: number, view: Uint8Array): void {
    const { piece, begin, length } = this.#current;
    if (this.#ledger.judge(piece, begin, length) !== 'wanted') return;
    this.#events.blockData(piece as PieceIndex, begin, offset, view);
  }

  /** The block is whole; false when nobody asked for it. */
  end(): boolean {
    const { piece, begin, length } = this.#current;
    const answer = this.#ledger.settle(piece, begin, length);
    if (answer === 'wanted') this.#events.block(piece as PieceIndex, begin, length);
    return answer !== 'unasked';
  }
}
