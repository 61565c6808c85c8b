import { compareBytes } from '../base/bytes.ts';
import { MAX_BENCODE_INTEGER_DIGITS } from '../base/limits.ts';

/**
 * One strict pass over bencoded bytes (BEP 3): finds every value and key, or the first thing wrong.
 *
 * It is a loop that fills a flat table of tokens, so that deep nesting costs no stack and many tokens cost no objects.
 */
export type BencodeReason =
  | 'it is longer than allowed'
  | 'it ends in the middle of a value'
  | 'it has bytes after its end'
  | 'it has too many values'
  | 'it is nested too deeply'
  | 'it has a byte where no value can begin'
  | 'it has an integer that is not in its shortest form'
  | 'it has an integer that is too long'
  | 'it has a string whose length is not in its shortest form'
  | 'it has a string that is longer than the data'
  | 'it has a dictionary key that is not a string'
  | 'it has a dictionary key without a value'
  | 'it has dictionary keys out of order'
  | 'it has the same dictionary key twice';

export interface BencodeLimits {
  /** Containers inside one another. */
  readonly depth: number;
  /** Values and keys altogether. */
  readonly items: number;
  readonly bytes?: number;
}

/** First bytes of values, and what is between. A string begins with a digit. */
export const INTEGER = 0x69;
export const LIST = 0x6c;
export const DICT = 0x64;
const END = 0x65;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Numbers of one token: where it starts, where it ends, and where its text begins or, of all else, the next token. */
export const TOKEN_FIELDS = 3;

export const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= ZERO + 9;

/** An open list or dictionary. */
interface Container {
  readonly token: number;
  readonly isDict: boolean;
  /** Of a dictionary: the last key, or -1; and whether its value is due. */
  lastKey: number;
  isValueDue: boolean;
}

/** One pass over the source; `run` once. */
export class BencodeScan {
  readonly #source: Uint8Array;
  readonly #limits: BencodeLimits;
  readonly #anyKeyOrder: boolean;
  /** BOUNDED: by `limits.depth`. */
  readonly #open: Container[] = [];
  /** BOUNDED: by `limits.items`; it grows as tokens are found, never ahead of the source. */
  table: Uint32Array;
  #count = 0;
  at = 0;

  constructor(source: Uint8Array, limits: BencodeLimits, anyKeyOrder: boolean) {
    this.#source = source;
    this.#limits = limits;
    this.#anyKeyOrder = anyKeyOrder;
    this.table = new Uint32Array(TOKEN_FIELDS * Math.min(limits.items, 16 + (source.length >> 4)));
  }

  run(): BencodeReason | undefined {
    do {
      const head = this.#source[this.at];
      if (head === undefined) return 'it ends in the middle of a value';
      const container = this.#open.at(-1);
      const reason = head === END && container !== undefined ? this.#close(container) : this.#begin(head, container);
      if (reason !== undefined) return reason;
    } while (this.#open.length > 0);
    return undefined;
  }

  #close(container: Container): BencodeReason | undefined {
    if (container.isValueDue) return 'it has a dictionary key without a value';
    this.at++;
    this.table[container.token * TOKEN_FIELDS + 1] = this.at;
    this.table[container.token * TOKEN_FIELDS + 2] = this.#count;
    this.#open.pop();
    return undefined;
  }

  #begin(head: number, container: Container | undefined): BencodeReason | undefined {
    const isKey = container?.isDict === true && !container.isValueDue;
    if (isKey && !isDigit(head)) return 'it has a dictionary key that is not a string';
    if (this.#count >= this.#limits.items) return 'it has too many values';
    const token = this.#count++;
    if (this.table.length < this.#count * TOKEN_FIELDS) this.#grow();
    this.table[token * TOKEN_FIELDS] = this.at;
    const reason = this.#take(head, token);
    if (reason !== undefined) return reason;
    if (container?.isDict !== true) return undefined;
    if (!isKey) {
      container.isValueDue = false;
      return undefined;
    }
    container.isValueDue = true;
    return this.#anyKeyOrder ? undefined : this.#checkOrder(container, token);
  }

  #checkOrder(container: Container, token: number): BencodeReason | undefined {
    const order = container.lastKey < 0 ? -1 : compareBytes(this.#string(container.lastKey), this.#string(token));
    if (order === 0) return 'it has the same dictionary key twice';
    if (order > 0) return 'it has dictionary keys out of order';
    container.lastKey = token;
    return undefined;
  }

  #take(head: number, token: number): BencodeReason | undefined {
    if (isDigit(head)) return this.#takeString(token);
    if (head === INTEGER) return this.#takeInteger(token);
    if (head !== LIST && head !== DICT) return 'it has a byte where no value can begin';
    if (this.#open.length >= this.#limits.depth) return 'it is nested too deeply';
    this.at++;
    this.#open.push({ token, isDict: head === DICT, lastKey: -1, isValueDue: false });
    return undefined;
  }

  #takeInteger(token: number): BencodeReason | undefined {
    let at = this.at + 1;
    const isNegative = this.#source[at] === MINUS;
    if (isNegative) at++;
    const first = at;
    while (isDigit(this.#source[at])) at++;
    if (at === this.#source.length) return 'it ends in the middle of a value';
    const isLong = at - first > 1;
    const isZero = this.#source[first] === ZERO;
    if (at === first || this.#source[at] !== END || (isZero && (isLong || isNegative))) {
      return 'it has an integer that is not in its shortest form';
    }
    if (at - first > MAX_BENCODE_INTEGER_DIGITS) return 'it has an integer that is too long';
    this.at = at + 1;
    this.table[token * TOKEN_FIELDS + 1] = this.at;
    this.table[token * TOKEN_FIELDS + 2] = token + 1;
    return undefined;
  }

  #takeString(token: number): BencodeReason | undefined {
    let at = this.at;
    let length = 0;
    while (isDigit(this.#source[at])) {
      length = length * 10 + this.#source[at++]! - ZERO;
      if (length > this.#source.length) return 'it has a string that is longer than the data';
    }
    if (at === this.#source.length) return 'it ends in the middle of a value';
    if (this.#source[at] !== COLON || (this.#source[this.at] === ZERO && at - this.at > 1)) {
      return 'it has a string whose length is not in its shortest form';
    }
    at++;
    if (length > this.#source.length - at) return 'it has a string that is longer than the data';
    this.at = at + length;
    this.table[token * TOKEN_FIELDS + 1] = this.at;
    this.table[token * TOKEN_FIELDS + 2] = at;
    return undefined;
  }

  #string(token: number): Uint8Array {
    return this.#source.subarray(this.table[token * TOKEN_FIELDS + 2], this.table[token * TOKEN_FIELDS + 1]);
  }

  #grow(): void {
    const larger = new Uint32Array(TOKEN_FIELDS * Math.min(this.#limits.items, 2 * this.#count));
    larger.set(this.table);
    this.table = larger;
  }
}
