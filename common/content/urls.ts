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
export const isLocalAddress = (host: string): boolean => reachOf(host) === 'local';

/** How far away an address is: this machine and link, a network that is somebody's own, or anywhere. */
export type Reach = 'local' | 'private' | 'public';

/** The closest there is first. */
const REACHES: readonly Reach[] = ['local', 'private', 'public'];

/** Whether an address so near may be gone to by who may go as near as `nearest`. */
export const isWithin = (reach: Reach, nearest: Reach): boolean => REACHES.indexOf(reach) >= REACHES.indexOf(nearest);

/** Of IP text; what is none is no nearer than anything else. */
export function reachOf(host: string): Reach {
  const bytes = addressBytes(host);
  if (bytes === undefined) return 'public';
  if (bytes.length === 4) return reachOfIPv4(bytes);
  if (bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15]! <= 1) return 'local';
  if (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80) return 'local';
  // fc00::/7 (RFC 4193), and fec0::/10, which it replaced.
  if ((bytes[0]! & 0xfe) === 0xfc || (bytes[0] === 0xfe && bytes[1]! >= 0xc0)) return 'private';
  const inner = innerIPv4(bytes);
  return inner === undefined ? 'public' : reachOfIPv4(inner);
}

function reachOfIPv4(bytes: Uint8Array): Reach {
  const [first, second] = [bytes[0]!, bytes[1]!];
  if (first === 127 || first === 0 || (first === 169 && second === 254)) return 'local';
  const isPrivate =
    first === 10 ||
    (first === 172 && (second & 0xf0) === 16) ||
    (first === 192 && second === 168) ||
    (first === 100 && (second & 0xc0) === 64);
  return isPrivate ? 'private' : 'public';
}

/** An IPv6 address that leads to an IPv4 one: `::a.b.c.d`, 64:ff9b::/96 (RFC 6052) and 2002::/16 (RFC 3056). */
function innerIPv4(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] === 0x20 && bytes[1] === 0x02) return bytes.subarray(2, 6);
  const isTranslated = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0].every((byte, i) => bytes[i] === byte);
  const isCompatible = bytes.subarray(0, 12).every((byte) => byte === 0) && bytes[12] !== 0;
  return isTranslated || isCompatible ? bytes.subarray(12) : undefined;
}
