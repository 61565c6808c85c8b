/** Addresses that a torrent or a magnet link may name: of trackers and web seeds, all from outside. */
import { addressBytes } from '../base/address.ts';
import { utf8Text } from '../base/bytes.ts';
import { MAX_URL_CHARS } from '../base/limits.ts';

const TRACKER_SCHEMES = new Set(['udp:', 'http:', 'https:']);
const WEB_SEED_SCHEMES = new Set(['http:', 'https:']);
/** Spaces and control characters; a URL has neither, and a log is better without. */
// oxlint-disable-next-line no-control-regex
const UNFIT = /[\u0000-\u0020\u007f]/;

/** A tracker's URL as it was given; undefined when it is none, or of a scheme that is no tracker's (`file:`). */
export const trackerUrl = (text: string | Uint8Array | undefined): string | undefined => url(text, TRACKER_SCHEMES);

/** A web seed's URL as it was given (BEP 19); undefined when it is none. */
export const webSeedUrl = (text: string | Uint8Array | undefined): string | undefined => url(text, WEB_SEED_SCHEMES);

function url(given: string | Uint8Array | undefined, schemes: ReadonlySet<string>): string | undefined {
  const text = (typeof given === 'string' || given === undefined ? given : utf8Text(given))?.trim();
  if (text === undefined || text.length > MAX_URL_CHARS || UNFIT.test(text) || !URL.canParse(text)) return undefined;
  const parsed = new URL(text);
  return schemes.has(parsed.protocol) && parsed.hostname !== '' ? text : undefined;
}

/**
 * Whether a URL of `trackerUrl` or `webSeedUrl` points to this machine or this link by its host's text: loopback,
 * link-local or unspecified. Whoever follows a link from outside may not want to be led there. A name that resolves
 * to such an address is for `isLocalAddress` to find, once it is resolved.
 */
export function isLocalUrl(text: string): boolean {
  // As an http URL the host is brought into its one form, for there are many ways to write 127.0.0.1.
  const asHttp = text.replace(/^[a-z]+:/i, 'http:');
  if (!URL.canParse(asHttp)) return true;
  const host = new URL(asHttp).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return host === 'localhost' || host.endsWith('.localhost') || isLocalAddress(host);
}

/** Whether IP text is a loopback, link-local or unspecified address; false of what is no IP address. */
export function isLocalAddress(host: string): boolean {
  const bytes = addressBytes(host);
  if (bytes === undefined) return false;
  if (bytes.length === 4) return bytes[0] === 127 || bytes[0] === 0 || (bytes[0] === 169 && bytes[1] === 254);
  const isLinkLocal = bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
  return isLinkLocal || (bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15]! <= 1);
}
