/** Where the files of a torrent are on a web server (BEP 19), and how a URL is shown to people. */
import { canonicalAddress } from '../common/base/address.ts';
import { utf8 } from '../common/base/bytes.ts';
import { printableText } from '../common/base/printable.ts';
import type { ContentFile } from '../common/content/geometry.ts';
import type { Info } from '../common/content/info.ts';
import { isLocalUrl, type Reach } from '../common/content/urls.ts';

/** A web seed, and how near the server may be that it leads to. */
export interface WebSource {
  readonly url: string;
  readonly nearest: Reach;
  /** Of the command line, as opposed to a link's. */
  readonly isTyped: boolean;
}

/** A URL taken apart for the question to its server. */
export interface WebAddress {
  readonly secure: boolean;
  /** A name, or canonical IP text. */
  readonly host: string;
  readonly port: number;
  readonly target: string;
  readonly authorization: string | undefined;
  /** As it was written, for what is relative to it. */
  readonly url: string;
}

/** Undefined for what is no http or https URL. */
export function webAddressOf(text: string, base?: string): WebAddress | undefined {
  if (!URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') return undefined;
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return {
    secure,
    host: canonicalAddress(host) ?? host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    target: url.pathname + url.search,
    authorization: authorizationOf(url),
    url: url.href,
  };
}

/** For the Authorization header; undefined when the URL names no user. */
function authorizationOf(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const text = `${unescaped(url.username)}:${unescaped(url.password)}`;
  return `Basic ${btoa(String.fromCharCode(...utf8(text)))}`;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Host and path, without what may be a secret: user, password, query. */
export function shownUrl(text: string): string {
  const { protocol, host, pathname } = new URL(text);
  return printableText(`${protocol}//${host}${pathname}`, 120);
}

/**
 * The URL of a file. One that ends in `/` is the directory that holds the content: the escaped name follows, and the
 * path in it when the content is a directory. Any other is the file itself, or the directory of several.
 */
export function fileUrlOf(base: string, info: Info, file: ContentFile): string | undefined {
  const isFolder = base.endsWith('/');
  if (!info.isDirectory && !isFolder) return base;
  // What follows a query or a fragment is part of it, not of the path.
  if (base.includes('?') || base.includes('#')) return undefined;
  const root = isFolder ? base : `${base}/`;
  const path = info.isDirectory ? [info.rawName, ...(file.rawPath ?? file.path.map(utf8))] : [singleName(info, file)];
  return root + path.map(escapeBytes).join('/');
}

/** As its maker wrote it; in v2 that is in the tree, whatever the torrent's own name is. */
const singleName = (info: Info, { path, rawPath }: ContentFile): Uint8Array =>
  rawPath?.at(-1) ?? utf8(path.at(-1) ?? info.name);

/** All but what RFC 3986 leaves to everybody, byte by byte. */
function escapeBytes(bytes: Uint8Array): string {
  let escaped = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    escaped += /[A-Za-z0-9\-._~]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  // `.` and `..` would be taken for steps in the path.
  return /^\.{1,2}$/.test(escaped) ? escaped.replaceAll('.', '%2E') : escaped;
}

/**
 * The web seeds of a download, each once: those of the command line go where they lead; those of a link not to this
 * machine or link, unless the user allows it or uses a tracker on that very host.
 */
export function webSourcesOf(from: {
  readonly typed: readonly string[];
  readonly linked: readonly string[];
  readonly trackerHosts: readonly string[];
  readonly allowLocal: boolean;
}): WebSource[] {
  const sources = new Map<string, WebSource>();
  for (const url of from.typed) sources.set(url, { url, nearest: 'local', isTyped: true });
  const known = new Set(from.trackerHosts.map((host) => canonicalAddress(host) ?? host.toLowerCase()));
  for (const url of from.linked) {
    const host = webAddressOf(url)?.host;
    if (host === undefined || sources.has(url)) continue;
    const isAllowed = from.allowLocal || known.has(host);
    if (!isAllowed && isLocalUrl(url)) continue;
    sources.set(url, { url, nearest: isAllowed ? 'local' : 'private', isTyped: false });
  }
  return [...sources.values()];
}
