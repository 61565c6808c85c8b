/**
 * Magnet links (BEP 9): `magnet:?xt=urn:btmh:1220<64 hex>&xt=urn:btih:<40 hex or 32 base32>&dn=…&tr=…&x.pe=…&ws=…`.
 * They come from anywhere, so nothing in them is trusted but the hash itself.
 */
import { canonicalAddress } from '../base/address.ts';
import { fromHex, looseText, toHex, utf8 } from '../base/bytes.ts';
import { decoded, malformed, type Decoded } from '../base/errors.ts';
import { endpointText, type Endpoint, type InfoHashV1, type InfoHashV2 } from '../base/ids.ts';
import { MAX_MAGNET_CHARS, MAX_MAGNET_PEERS, MAX_TRACKER_URLS, MAX_WEB_SEED_URLS } from '../base/limits.ts';
import { safeName } from './names.ts';
import { isLocalUrl, trackerUrl, webSeedUrl } from './urls.ts';

export interface Magnet {
  /** At least one of the two; both of a hybrid. */
  readonly infoHashV2?: InfoHashV2;
  readonly infoHashV1?: InfoHashV1;
  /** Harmless; what the link says, which the torrent may not. */
  readonly name?: string;
  readonly trackers: readonly string[];
  /** Only IP addresses: a host name would have to be looked up on the word of the link. */
  readonly peers: readonly Endpoint[];
  readonly webSeeds: readonly string[];
}

export type MagnetReason =
  | 'it is no magnet link'
  | 'it is too long'
  | 'it has no info hash'
  | 'it has an info hash that is none'
  | 'it has more than one info hash of a kind';

/**
 * Reads a link. Trackers, web seeds and peers that cannot be used are left out, and what is not known is ignored; an
 * info hash must be right.
 */
export function parseMagnet(text: string): Decoded<Magnet, MagnetReason> {
  if (text.length > MAX_MAGNET_CHARS) return malformed('it is too long');
  const query = /^magnet:\?(.*)$/is.exec(text.trim())?.[1];
  if (query === undefined) return malformed('it is no magnet link');
  const values = parametersOf(query);
  const hashes = readHashes(values.get('xt') ?? []);
  if (!hashes.ok) return hashes;
  const name = values.get('dn')?.find((value) => value !== '');
  return decoded({
    ...hashes.value,
    ...(name === undefined ? {} : { name: safeName(name) }),
    trackers: usable(values.get('tr'), trackerUrl, MAX_TRACKER_URLS),
    peers: readPeers(values.get('x.pe') ?? []),
    webSeeds: usable(values.get('ws'), webSeedUrl, MAX_WEB_SEED_URLS),
  });
}

/** Without trackers and web seeds that lead to this machine or this link by the text of their host. */
export function withoutLocalUrls(magnet: Magnet): Magnet {
  const isFar = (url: string): boolean => !isLocalUrl(url);
  return { ...magnet, trackers: magnet.trackers.filter(isFar), webSeeds: magnet.webSeeds.filter(isFar) };
}

/** Values by lower-case key; `tr.1` counts as `tr`, as others write it. BOUNDED: by the length of the link. */
function parametersOf(query: string): ReadonlyMap<string, string[]> {
  const values = new Map<string, string[]>();
  for (const parameter of query.split('&')) {
    const equals = parameter.indexOf('=');
    if (equals < 0) continue;
    const key = parameter
      .slice(0, equals)
      .toLowerCase()
      .replace(/\.\d+$/, '');
    const value = unescapeText(parameter.slice(equals + 1));
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  }
  return values;
}

/** Percent escapes are bytes of UTF-8; `+` is a space. What is no escape stands for itself. */
function unescapeText(escaped: string): string {
  const text = escaped.replaceAll('+', ' ');
  if (!text.includes('%')) return text;
  const bytes = utf8(text);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] === PERCENT ? fromHex(asciiPair(bytes, at + 1))?.[0] : undefined;
    if (byte !== undefined) at += 2;
    bytes[length++] = byte ?? bytes[at]!;
  }
  return looseText(bytes.subarray(0, length));
}

const PERCENT = 0x25;
const asciiPair = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + 2)).padEnd(2, '-');

interface Hashes {
  readonly infoHashV2?: InfoHashV2;
  readonly infoHashV1?: InfoHashV1;
}

function readHashes(topics: readonly string[]): Decoded<Hashes, MagnetReason> {
  const found = { btmh: new Map<string, Uint8Array>(), btih: new Map<string, Uint8Array>() };
  for (const topic of topics) {
    const [, kind, value] = /^urn:(btmh|btih):(.*)$/is.exec(topic) ?? [];
    if (kind === undefined || value === undefined) continue;
    const isV2 = kind.toLowerCase() === 'btmh';
    const hash = isV2 ? multihash(value) : v1Hash(value);
    if (hash === undefined) return malformed('it has an info hash that is none');
    found[isV2 ? 'btmh' : 'btih'].set(toHex(hash), hash);
  }
  if (found.btmh.size > 1 || found.btih.size > 1) return malformed('it has more than one info hash of a kind');
  const [infoHashV2] = found.btmh.values();
  const [infoHashV1] = found.btih.values();
  if (infoHashV2 === undefined && infoHashV1 === undefined) return malformed('it has no info hash');
  return decoded({
    ...(infoHashV2 === undefined ? {} : { infoHashV2: infoHashV2 as InfoHashV2 }),
    ...(infoHashV1 === undefined ? {} : { infoHashV1: infoHashV1 as InfoHashV1 }),
  });
}

/** A multihash says which function and how long: 0x12 is SHA-256, 0x20 is 32 bytes. No other is in use. */
function multihash(text: string): Uint8Array | undefined {
  return /^1220[0-9a-f]{64}$/i.test(text) ? fromHex(text.slice(4)) : undefined;
}

function v1Hash(text: string): Uint8Array | undefined {
  if (text.length === 40) return fromHex(text);
  return /^[a-z2-7]{32}$/i.test(text) ? base32(text) : undefined;
}

/** RFC 4648, for a whole number of 5-byte groups. */
function base32(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length * 5) / 8);
  let bits = 0;
  let value = 0;
  let at = 0;
  for (const character of text.toUpperCase()) {
    value = ((value << 5) | BASE32.indexOf(character)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = value >> bits;
  }
  return bytes;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function usable(
  values: readonly string[] | undefined,
  read: (text: string) => string | undefined,
  most: number,
): string[] {
  const urls = new Set<string>();
  for (const value of values ?? []) {
    const url = read(value);
    if (url !== undefined && urls.size < most) urls.add(url);
  }
  return [...urls];
}

/** `host:port` or `[v6]:port`. */
function readPeers(values: readonly string[]): Endpoint[] {
  const peers = new Map<string, Endpoint>();
  for (const value of values) {
    const [, v6, v4, digits] = /^(?:\[([0-9a-f:.%]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(value) ?? [];
    const host = canonicalAddress(v6 ?? v4 ?? '');
    const port = Number(digits);
    if (host === undefined || port < 1 || port > 65_535 || peers.size >= MAX_MAGNET_PEERS) continue;
    peers.set(endpointText({ host, port }), { host, port });
  }
  return [...peers.values()];
}

/** A link as libtorrent writes it: v1 hash, v2 hash, name, trackers, web seeds, then peers. */
export function formatMagnet(
  magnet: Pick<Magnet, 'infoHashV2' | 'infoHashV1' | 'name'> & Partial<Pick<Magnet, 'trackers' | 'peers' | 'webSeeds'>>,
): string {
  const parameters: string[] = [];
  if (magnet.infoHashV1 !== undefined) parameters.push(`xt=urn:btih:${toHex(magnet.infoHashV1)}`);
  if (magnet.infoHashV2 !== undefined) parameters.push(`xt=urn:btmh:1220${toHex(magnet.infoHashV2)}`);
  if (magnet.name !== undefined) parameters.push(`dn=${escapeText(magnet.name)}`);
  for (const url of magnet.trackers ?? []) parameters.push(`tr=${escapeText(url)}`);
  for (const url of magnet.webSeeds ?? []) parameters.push(`ws=${escapeText(url)}`);
  for (const peer of magnet.peers ?? []) parameters.push(`x.pe=${endpointText(peer)}`);
  return `magnet:?${parameters.join('&')}`;
}

/** All but what RFC 2396 leaves alone, in lower case. */
function escapeText(text: string): string {
  let escaped = '';
  for (const byte of utf8(text)) {
    const character = String.fromCharCode(byte);
    escaped += /[A-Za-z0-9\-_.!~*'()]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return escaped;
}
