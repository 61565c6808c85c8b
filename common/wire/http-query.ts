import { utf8 } from '../base/bytes.ts';
import { MAX_HTTP_PARAMETERS } from '../base/limits.ts';

/**
 * The query of a URL, whose values are bytes: an info hash is no text, so nothing here goes through UTF-8, and a plus
 * is a plus (BEP 3). A string from the wire has one character per byte.
 */

/** Bytes that stand for themselves (RFC 3986, 2.3); everything else becomes `%` and two digits. */
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const ESCAPES = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return UNRESERVED.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
});

export function escapeBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += ESCAPES[byte]!;
  return text;
}

/** The bytes that are meant. A percent sign without two hex digits is one; a character past a byte is its UTF-8. */
export function unescapeBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(3 * text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const escaped = code === PERCENT ? hexPair(text, i + 1) : undefined;
    if (escaped !== undefined) {
      bytes[length++] = escaped;
      i += 2;
    } else if (code < 256) {
      bytes[length++] = code;
    } else {
      const encoded = utf8(text[i]!);
      bytes.set(encoded, length);
      length += encoded.length;
    }
  }
  return bytes.subarray(0, length);
}

const PERCENT = 0x25;

function hexPair(text: string, at: number): number | undefined {
  const pair = text.slice(at, at + 2);
  return /^[0-9a-fA-F]{2}$/.test(pair) ? Number.parseInt(pair, 16) : undefined;
}

/** `name=value` pairs as they stand, values still escaped. BOUNDED: by MAX_HTTP_PARAMETERS; the rest is passed over. */
export function* queryParameters(query: string): Generator<readonly [name: string, value: string]> {
  for (const part of query.split('&', MAX_HTTP_PARAMETERS)) {
    const equals = part.indexOf('=');
    if (equals > 0) yield [part.slice(0, equals), part.slice(equals + 1)];
  }
}

/** Path and query with parameters added, whether or not there are some. */
export const withQuery = (target: string, query: string): string =>
  `${target}${target.includes('?') ? '&' : '?'}${query}`;
