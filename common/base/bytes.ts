/** Big-endian integers, hex and comparison over plain byte arrays. Offsets are the caller's to have checked. */

export function readU16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

/** Unsigned: a length of 0xFFFFFFFF is 4294967295, never -1. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** Signed, for `num_want` (BEP 15). */
export function readI32(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset) | 0;
}

export function readU64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readU32(bytes, offset)) << 32n) | BigInt(readU32(bytes, offset + 4));
}

export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

export function writeU64(bytes: Uint8Array, offset: number, value: bigint): void {
  writeU32(bytes, offset, Number((value >> 32n) & 0xffffffffn));
  writeU32(bytes, offset + 4, Number(value & 0xffffffffn));
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Order of raw bytes, shorter first on a tie: the order of bencode keys (BEP 3). */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte]!;
  return text;
}

/** Bytes of an even-length hex string in either case; undefined when it is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Longer texts are faster by the encoder, shorter ones by hand. */
const SHORT_CHARS = 48;

export function utf8(text: string): Uint8Array {
  return (text.length <= SHORT_CHARS ? ascii(text) : undefined) ?? encoder.encode(text);
}

/** Undefined when a character takes more than one byte. */
function ascii(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

/** Text of strict UTF-8; undefined when the bytes are not. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  const short = asciiText(bytes);
  if (short !== undefined) return short;
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Text for people: invalid sequences become U+FFFD. */
export const looseText = (bytes: Uint8Array): string => asciiText(bytes) ?? lenientDecoder.decode(bytes);

/** Undefined of long texts, and when a character takes more than one byte. */
function asciiText(bytes: Uint8Array): string | undefined {
  if (bytes.length > SHORT_CHARS) return undefined;
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! > 0x7f) return undefined;
    text += String.fromCharCode(bytes[i]!);
  }
  return text;
}
