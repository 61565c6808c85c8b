import { readU16, utf8 } from '../base/bytes.ts';

/** Options behind a UDP announce: type u8, length u8, data; the first two have neither length nor data (BEP 41). */

const OPTION_END = 0x00;
const OPTION_NOP = 0x01;
/** Path and query of the tracker's URL; several are put together. */
const OPTION_URL = 0x02;
/** Ours: version u8 = 1 | flags u8 = 0 | ttl u16. Other trackers skip it. */
const OPTION_TOOLKIT = 0x54;
const TOOLKIT_VERSION = 1;

/**
 * The ttl that one of our peers asks for, in seconds; undefined when there is none. A tail that is cut or makes no
 * sense never fails the announce: every client has its own.
 */
export function decodeToolkitTtl(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at < bytes.length;) {
    const type = bytes[at++]!;
    if (type === OPTION_END) return undefined;
    if (type === OPTION_NOP) continue;
    if (at >= bytes.length) return undefined;
    const length = bytes[at++]!;
    if (at + length > bytes.length) return undefined;
    if (type === OPTION_TOOLKIT && length >= 4 && bytes[at] === TOOLKIT_VERSION) return readU16(bytes, at + 2);
    at += length;
  }
  return undefined;
}

/** An option holds 255 bytes, so a longer path is told in several. */
export function encodeAnnounceOptions(ttlS: number | undefined, urlPath: string): Uint8Array {
  const path = utf8(urlPath);
  const options: number[] = [];
  for (let at = 0; at < path.length; at += 255) {
    const part = path.subarray(at, at + 255);
    options.push(OPTION_URL, part.length, ...part);
  }
  if (ttlS !== undefined) options.push(OPTION_TOOLKIT, 4, TOOLKIT_VERSION, 0, ttlS >>> 8, ttlS & 0xff);
  return Uint8Array.from(options);
}
