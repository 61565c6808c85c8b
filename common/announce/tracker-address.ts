import { MAX_URL_CHARS } from '../base/limits.ts';

/** Where a tracker is, by name or IP. */
export interface TrackerAddress {
  /** As it was given. */
  readonly url: string;
  /** A name, or IP text without brackets. */
  readonly host: string;
  readonly port: number;
  /** Path and query, told to the tracker by BEP 41; empty for none. */
  readonly urlPath: string;
}

/** Long paths would make an announce that no longer fits a datagram. */
const MAX_PATH_CHARS = 512;

/**
 * Reads `udp://host:port/path`; undefined for anything else, other schemes and a missing port included: a UDP tracker
 * has no usual port (BEP 15).
 */
export function parseTrackerUrl(text: string): TrackerAddress | undefined {
  const match = text.length > MAX_URL_CHARS ? null : URL_SHAPE.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, portText, path = ''] = match;
  const host = bracketed ?? plain!;
  const port = Number(portText);
  if (port < 1 || port > 0xffff || path.length > MAX_PATH_CHARS) return undefined;
  return { url: text, host: host.toLowerCase(), port, urlPath: path.split('#', 1)[0]! };
}

/** 1 IPv6 address in brackets, or 2 name or IPv4 address; 3 port; 4 path and query. */
const URL_SHAPE =
  /^udp:\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?)):(\d{1,5})([/?][\x21-\x7e]*)?$/i;
