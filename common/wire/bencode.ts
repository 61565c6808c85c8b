/**
 * Bencode (BEP 3), both directions.
 *
 * - Keys and values are bytes. A key may be empty (`0:`), as in every file of a v2 torrent (BEP 52).
 * - The decoder keeps where each value stands in the source, since an info hash covers the exact bytes (BEP 52).
 * - It is strict: integers in their shortest form, keys strictly ascending, nothing after the end unless asked for. For
 *   what peers say to each other the order of keys may be let go: no hash covers it, and some clients do not sort.
 */
import { compareBytes, concatBytes, utf8, utf8Text } from '../base/bytes.ts';
import { decoded, malformed } from '../base/errors.ts';
import type { Decoded } from '../base/errors.ts';
import { BencodeScan, DICT, INTEGER, isDigit, LIST, TOKEN_FIELDS } from './bencode-scan.ts';
import type { BencodeLimits, BencodeReason } from './bencode-scan.ts';

export type BencodeKind = 'integer' | 'bytes' | 'list' | 'dict';

/** One value in a decoded document: a cursor over the source, made when asked for. */
export class BNode {
  readonly #source: Uint8Array;
  readonly #table: Uint32Array;
  readonly #token: number;
  readonly #isSorted: boolean;

  constructor(source: Uint8Array, table: Uint32Array, token: number, isSorted: boolean) {
    this.#source = source;
    this.#table = table;
    this.#token = token;
    this.#isSorted = isSorted;
  }

  get kind(): BencodeKind {
    const head = this.#source[this.start]!;
    if (head === INTEGER) return 'integer';
    if (head === LIST) return 'list';
    return head === DICT ? 'dict' : 'bytes';
  }

  /** Offset in the source of the value's first byte. */
  get start(): number {
    return this.#table[this.#token * TOKEN_FIELDS]!;
  }

  /** Offset in the source of the byte after the value. */
  get end(): number {
    return this.#table[this.#token * TOKEN_FIELDS + 1]!;
  }

  /** The value as it stands in the source, headers and all: a view. */
  get raw(): Uint8Array {
    return this.#source.subarray(this.start, this.end);
  }

  /** What stands between the value's header and its end: a view. Digits of an integer, bytes of a string. */
  get content(): Uint8Array {
    if (this.kind === 'bytes') return this.#source.subarray(this.#table[this.#token * TOKEN_FIELDS + 2], this.end);
    return this.#source.subarray(this.start + 1, this.end - 1);
  }

  /** The values in a list; keys and values in turn of a dictionary; nothing of anything else. */
  *children(): Generator<BNode> {
    const { kind } = this;
    if (kind !== 'list' && kind !== 'dict') return;
    for (let token = this.#token + 1; token < this.#after(this.#token); token = this.#after(token)) {
      yield new BNode(this.#source, this.#table, token, this.#isSorted);
    }
  }

  /** The value under a key of a dictionary, the first if there are several; undefined of anything else. */
  find(key: Uint8Array): BNode | undefined {
    if (this.kind !== 'dict') return undefined;
    for (let token = this.#token + 1; token < this.#after(this.#token); token = this.#after(token + 1)) {
      const order = this.#compareKey(token, key);
      if (order === 0) return new BNode(this.#source, this.#table, token + 1, this.#isSorted);
      // Keys only go up.
      if (order > 0 && this.#isSorted) return undefined;
    }
    return undefined;
  }

  /** As `compareBytes`, without a view of the source for each key that is passed by. */
  #compareKey(token: number, key: Uint8Array): number {
    const start = this.#table[token * TOKEN_FIELDS + 2]!;
    const length = this.#table[token * TOKEN_FIELDS + 1]! - start;
    for (let i = 0; i < length && i < key.length; i++) {
      const difference = this.#source[start + i]! - key[i]!;
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  /** The token after a value and all that is in it. */
  #after(token: number): number {
    const start = this.#table[token * TOKEN_FIELDS]!;
    return isDigit(this.#source[start]) ? token + 1 : this.#table[token * TOKEN_FIELDS + 2]!;
  }
}

/** The items of a list; nothing when it is none. */
export function* listItems(node: BNode | undefined): Generator<BNode> {
  if (node?.kind === 'list') yield* node.children();
}

/** The keys (views) and values of a dictionary in order; nothing when it is none. */
export function* dictEntries(node: BNode | undefined): Generator<readonly [key: Uint8Array, value: BNode]> {
  if (node?.kind !== 'dict') return;
  let key: BNode | undefined;
  for (const child of node.children()) {
    if (key === undefined) {
      key = child;
    } else {
      yield [key.content, child];
      key = undefined;
    }
  }
}

/** Bytes of the keys that are asked for again and again. BOUNDED: by the keys that stand in our source. */
const keyBytes = new Map<string, Uint8Array>();

/** The value under a key; undefined when there is none or the node is no dictionary. Text is a key of our own. */
export function dictGet(node: BNode | undefined, key: string | Uint8Array): BNode | undefined {
  if (typeof key !== 'string') return node?.find(key);
  const known = keyBytes.get(key);
  if (known !== undefined) return node?.find(known);
  const bytes = utf8(key);
  keyBytes.set(key, bytes);
  return node?.find(bytes);
}

/** An integer of at most MAX_BENCODE_INTEGER_DIGITS digits; undefined when the node is none. */
export function asBigInt(node: BNode | undefined): bigint | undefined {
  return node?.kind === 'integer' ? BigInt(asciiText(node.content)) : undefined;
}

/** An integer from `least` to `most` (safe integers); undefined when the node is none or it is outside. */
export function asInt(node: BNode | undefined, least = 0, most = Number.MAX_SAFE_INTEGER): number | undefined {
  if (node?.kind !== 'integer') return undefined;
  // Past 2^53 the number is rounded, but never into the range of safe integers.
  const value = Number(asciiText(node.content));
  return value >= least && value <= most && Number.isSafeInteger(value) ? value : undefined;
}

/** The bytes of a string, a view; undefined when the node is none. */
export function asBytes(node: BNode | undefined): Uint8Array | undefined {
  return node?.kind === 'bytes' ? node.content : undefined;
}

/** A string of strict UTF-8; undefined when the node is none. */
export function asText(node: BNode | undefined): string | undefined {
  return node?.kind === 'bytes' ? utf8Text(node.content) : undefined;
}

/**
 * Decodes one value. The nodes are views of `bytes`, valid as long as those are. With `allowTrailing`, bytes after
 * the value are left alone and `value.end` tells where they begin (BEP 9). With `anyKeyOrder`, keys need not be sorted
 * and may come twice.
 */
export function decodeBencode(
  bytes: Uint8Array,
  limits: BencodeLimits,
  options: { readonly allowTrailing?: boolean; readonly anyKeyOrder?: boolean } = {},
): Decoded<BNode, BencodeReason> {
  if (limits.bytes !== undefined && bytes.length > limits.bytes) return malformed('it is longer than allowed');
  const { allowTrailing = false, anyKeyOrder = false } = options;
  const scan = new BencodeScan(bytes, limits, anyKeyOrder);
  const reason = scan.run();
  if (reason !== undefined) return malformed(reason);
  if (scan.at < bytes.length && !allowTrailing) return malformed('it has bytes after its end');
  return decoded(new BNode(bytes, scan.table, 0, !anyKeyOrder));
}

function asciiText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** A value that is bencoded already and goes in as it is: an info dictionary, whose hash covers its exact bytes. */
export interface EncodedValue {
  readonly encoded: Uint8Array;
}

export type BencodeValue =
  | number
  | bigint
  | string
  | Uint8Array
  | readonly BencodeValue[]
  | ReadonlyMap<string | Uint8Array, BencodeValue>
  | EncodedValue;

/** A dictionary to encode; entries without a value are left out. Any order of keys will do. */
export function bencodeDict(
  entries: readonly (readonly [key: string | Uint8Array, value: BencodeValue | undefined])[],
): ReadonlyMap<string | Uint8Array, BencodeValue> {
  const dict = new Map<string | Uint8Array, BencodeValue>();
  for (const [key, value] of entries) if (value !== undefined) dict.set(key, value);
  return dict;
}

/** Encodes a value of our own: keys sorted by raw bytes, text as UTF-8. Throws on what bencode cannot say. */
export function encodeBencode(value: BencodeValue): Uint8Array {
  const parts: Uint8Array[] = [];
  appendValue(parts, value);
  return concatBytes(parts);
}

function appendValue(parts: Uint8Array[], value: BencodeValue): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`no integer: ${value}`);
    parts.push(utf8(`i${value}e`));
  } else if (typeof value === 'string') {
    appendString(parts, utf8(value));
  } else if (value instanceof Uint8Array) {
    appendString(parts, value);
  } else if (value instanceof Map) {
    appendDict(parts, value as ReadonlyMap<string | Uint8Array, BencodeValue>);
  } else if ('encoded' in value) {
    parts.push(value.encoded);
  } else {
    parts.push(utf8('l'));
    for (const item of value as readonly BencodeValue[]) appendValue(parts, item);
    parts.push(utf8('e'));
  }
}

function appendString(parts: Uint8Array[], bytes: Uint8Array): void {
  parts.push(utf8(`${bytes.length}:`), bytes);
}

function appendDict(parts: Uint8Array[], dict: ReadonlyMap<string | Uint8Array, BencodeValue>): void {
  const entries = [...dict].map(([key, value]) => [typeof key === 'string' ? utf8(key) : key, value] as const);
  entries.sort(([a], [b]) => compareBytes(a, b));
  parts.push(utf8('d'));
  let last: Uint8Array | undefined;
  for (const [key, value] of entries) {
    if (last !== undefined && compareBytes(last, key) === 0) throw new Error('a dictionary key was given twice');
    appendString(parts, key);
    appendValue(parts, value);
    last = key;
  }
  parts.push(utf8('e'));
}
