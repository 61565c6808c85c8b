import { addressBytes } from '../base/address.ts';
import { endpointText } from '../base/ids.ts';
import { MAX_URL_CHARS } from '../base/limits.ts';
import { reachOf } from '../content/urls.ts';

export type TrackerScheme = 'udp' | 'http' | 'https';

/** Where a tracker is, by name or IP. */
export interface TrackerAddress {
  /** As it was given. */
  readonly url: string;
  readonly scheme: TrackerScheme;
  /** A name, or IP text without brackets. */
  readonly host: string;
  readonly port: number;
  /** Path and query, told to a UDP tracker by BEP 41; empty for none. */
  readonly urlPath: string;
  /** Named by a link or a .torrent file, not by the user. */
  readonly isFromOutside: boolean;
}

/** What would be right where `parseTrackerUrl` gives nothing. */
export const TRACKER_URL_HINT = 'an address such as udp://HOST:PORT or http://HOST:PORT/announce';

/** Long paths would make a UDP announce that no longer fits a datagram. */
const MAX_UDP_PATH_CHARS = 512;
/** A UDP tracker has no usual port (BEP 15). */
const USUAL_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * Reads `udp://host:port/path`, `http://host:port/announce` and the same with `https`; undefined for anything else,
 * other schemes, a user name, and a UDP tracker without a port included.
 */
export function parseTrackerUrl(text: string): TrackerAddress | undefined {
  const match = text.length > MAX_URL_CHARS ? null : URL_SHAPE.exec(text);
  if (match === null) return undefined;
  const [, schemeText, bracketed, plain, portText, path = ''] = match;
  const scheme = schemeText!.toLowerCase() as TrackerScheme;
  const port = Number(portText ?? USUAL_PORTS[scheme]);
  if (!(port >= 1 && port <= 0xffff) || (scheme === 'udp' && path.length > MAX_UDP_PATH_CHARS)) return undefined;
  const host = (bracketed ?? plain!).toLowerCase();
  return { url: text, scheme, host, port, urlPath: path.split('#', 1)[0]!, isFromOutside: false };
}

/** The same for a URL of a link or a .torrent file, whose author need not be the user's friend. */
export function outsideTracker(text: string): TrackerAddress | undefined {
  const tracker = parseTrackerUrl(text);
  return tracker === undefined ? undefined : { ...tracker, isFromOutside: true };
}

/** 1 scheme; 2 IPv6 address in brackets, or 3 name or IPv4 address; 4 port; 5 path and query. */
const URL_SHAPE =
  /^(udp|https?):\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?))(?::(\d{1,5}))?([/?#][\x21-\x7e]*)?$/i;

/** Path and query of a request to an HTTP tracker. */
export const httpTarget = ({ urlPath }: TrackerAddress): string => (urlPath.startsWith('/') ? urlPath : `/${urlPath}`);

/** What tells trackers apart: two announce URLs of one HTTP server may be two trackers, of a UDP socket never. */
export function trackerIdentity(tracker: TrackerAddress): string {
  const socket = `${tracker.scheme}://${endpointText(tracker)}`;
  return tracker.scheme === 'udp' ? socket : socket + httpTarget(tracker);
}

/**
 * Whether a tracker may be called at an address that its name means. A link must not make us send HTTP requests of its
 * choice into the network behind us: to addresses there only what looks like an announce, and to those of the link
 * itself, where machines are told their secrets, nothing. A UDP tracker is sent what nothing else understands.
 */
export function mayCall(tracker: TrackerAddress, host: string): boolean {
  if (!tracker.isFromOutside || tracker.scheme === 'udp' || !isNearAddress(host)) return true;
  return !isLinkLocal(host) && /^\/announce(?![a-z])/i.test(tracker.urlPath);
}

/** Whether IP text is an address of this machine, this link or a private network. */
export const isNearAddress = (host: string): boolean => reachOf(host) !== 'public';

function isLinkLocal(host: string): boolean {
  const bytes = addressBytes(host)!;
  if (bytes.length === 16) return bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
  return bytes[0] === 169 && bytes[1] === 254;
}
