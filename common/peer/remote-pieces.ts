import { Bitfield } from '../base/bitfield.ts';
import type { PieceIndex } from '../base/ids.ts';
import { MAX_COMING_PIECES, MAX_PIECES } from '../base/limits.ts';

/** Haves that are kept until the piece count is known; a peer with more of them sends a bitfield. */
const MAX_EARLY_HAVES = 8_192;

/** A statement about all pieces at once: bitfield, have all, have none (BEP 3, 6). */
export type PiecesStatement =
  { readonly kind: 'none' } | { readonly kind: 'all' } | { readonly kind: 'bits'; readonly bytes: Uint8Array };

/**
 * What one peer says it has. Before the content is known, nobody can tell whether it is possible: it is kept as it
 * came and judged when the piece count is there.
 *
 * BOUNDED: by the bitfield's length limit and MAX_EARLY_HAVES.
 */
export class RemotePieces {
  #field: Bitfield | undefined;
  #early: PiecesStatement = { kind: 'none' };
  #earlyHaves: number[] = [];
  /** Those of the set that are still on their way to it. BOUNDED: by MAX_COMING_PIECES. */
  readonly #coming = new Set<number>();

  /** The set; one object for the life of the connection, so others may hold on to it. */
  get field(): Bitfield | undefined {
    return this.#field;
  }

  /** It can give a part of the piece, and the rest as that comes. */
  isComing(piece: number): boolean {
    return this.#coming.has(piece);
  }

  /** It has everything, to the last byte. */
  get isSeed(): boolean {
    return this.#field !== undefined && this.#field.size > 0 && this.#field.isFull && this.#coming.size === 0;
  }

  /** Learns the piece count; false when what was said before cannot be. */
  adopt(pieceCount: number): boolean {
    const field = fieldOf(this.#early, pieceCount);
    if (field === undefined) return false;
    for (const piece of this.#earlyHaves) {
      if (piece >= pieceCount) return false;
      field.add(piece as PieceIndex);
    }
    this.#field = field;
    this.#early = { kind: 'none' };
    this.#earlyHaves = [];
    return true;
  }

  /** A statement replaces all earlier ones, at any time: aria2 repeats its bitfield instead of sending haves. */
  state(statement: PiecesStatement): boolean {
    if (this.#field === undefined) {
      this.#early = statement;
      this.#earlyHaves = [];
      return true;
    }
    const field = fieldOf(statement, this.#field.size);
    if (field === undefined) return false;
    this.#field.become(field);
    this.#coming.clear();
    return true;
  }

  /** One piece less (BEP 54); false when there cannot be such a piece. */
  lose(piece: number): boolean {
    if (this.#field !== undefined) {
      if (piece >= this.#field.size) return false;
      this.#field.remove(piece as PieceIndex);
      this.#coming.delete(piece);
      return true;
    }
    this.#earlyHaves = this.#earlyHaves.filter((early) => early !== piece);
    return piece < MAX_PIECES;
  }

  /** It has begun to get a piece. What it says before the content is known it says again when it has the piece. */
  comes(piece: number): 'new' | 'kept' | 'impossible' {
    if (this.#field === undefined) return piece >= MAX_PIECES ? 'impossible' : 'kept';
    if (piece >= this.#field.size) return 'impossible';
    if (this.#coming.size >= MAX_COMING_PIECES || !this.#field.add(piece as PieceIndex)) return 'kept';
    this.#coming.add(piece);
    return 'new';
  }

  /** One more piece; 'whole' of one that was coming. */
  have(piece: number): 'new' | 'whole' | 'kept' | 'impossible' {
    if (this.#field !== undefined) {
      if (piece >= this.#field.size) return 'impossible';
      if (this.#coming.delete(piece)) return 'whole';
      return this.#field.add(piece as PieceIndex) ? 'new' : 'kept';
    }
    if (piece >= MAX_PIECES || this.#earlyHaves.length >= MAX_EARLY_HAVES) return 'impossible';
    this.#earlyHaves.push(piece);
    return 'kept';
  }
}

function fieldOf(statement: PiecesStatement, pieceCount: number): Bitfield | undefined {
  switch (statement.kind) {
    case 'all':
      return Bitfield.full(pieceCount);
    case 'bits':
      return Bitfield.fromWire(statement.bytes, pieceCount);
    case 'none':
      return new Bitfield(pieceCount);
  }
}
