/** Passes on, to all peers of a swarm, what is verified of pieces that are still on their way to us. */
import type { PieceIndex } from '../base/ids.ts';
import { type PartHashes, partHashesOf, Relay } from './relay.ts';
import type { RelayTalk } from './relay-talk.ts';

/** What one peer gets of us. */
export interface RelayParty {
  readonly relayTalk: RelayTalk;
  /** More of a piece that is on its way can be sent. */
  moreIsReady(): void;
}

/** Bytes of a piece that were read to be sent. */
export interface AtHand {
  readonly begin: number;
  readonly bytes: Uint8Array;
}

export interface PassingOnOptions {
  /** BOUNDED: by the node's connection limit. */
  readonly parties: () => Iterable<RelayParty>;
  /** Known once the torrent's content is. */
  readonly pieceBytes: () => number;
}

export class PassingOn {
  readonly relay = new Relay();
  readonly #options: PassingOnOptions;

  constructor(options: PassingOnOptions) {
    this.#options = options;
  }

  /** Whether anyone would take the parts of this piece before it is whole; `but` does not count. */
  isWanted(piece: PieceIndex, but?: RelayParty): boolean {
    for (const party of this.#options.parties()) if (party !== but && party.relayTalk.wants(piece)) return true;
    return false;
  }

  /** So much of a piece that is in the relay is verified: it is served from now on. */
  advance(piece: PieceIndex, readyBytes: number): void {
    const isFirst = this.relay.readyBytes(piece) === 0;
    this.relay.advance(piece, readyBytes);
    for (const party of this.#options.parties()) {
      if (isFirst) party.relayTalk.tell(piece);
      else party.moreIsReady();
    }
  }

  /** Nothing more of the piece comes; if it is not whole, what was said of it is taken back. `onFree`: see `Relay.close`. */
  end(piece: PieceIndex, onFree: () => void): void {
    if (!this.relay.close(piece, onFree)) return;
    for (const { relayTalk } of this.#options.parties()) relayTalk.takeBack(piece);
  }

  /** Before blocks of a piece are sent to a peer that may pass it on in parts: tells it what those hash to. */
  explain(to: RelayParty, piece: PieceIndex, atHand: AtHand): void {
    if (!to.relayTalk.needsHashes(piece) || !this.isWanted(piece, to)) return;
    const parts = this.relay.partsOf(piece) ?? this.#hashParts(piece, atHand);
    if (parts !== undefined) to.relayTalk.explain(piece, parts.hashes);
  }

  /** Where the whole piece is at hand, as it is when the first of it is sent. */
  #hashParts(piece: PieceIndex, { begin, bytes }: AtHand): PartHashes | undefined {
    if (begin > 0 || bytes.length < this.#options.pieceBytes()) return undefined;
    const parts = partHashesOf(bytes);
    if (parts !== undefined) this.relay.know(piece, parts);
    return parts;
  }
}
