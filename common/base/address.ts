import ipaddr from 'ipaddr.js';

/**
 * IP addresses as text and as bytes. IPv4 in dotted decimal without leading zeros, IPv6 in its shortest form,
 * IPv4-mapped IPv6 always as IPv4, so that one peer has one address.
 */

/** 4 or 16 bytes; undefined when the text is no IP address. A zone (`%eth0`) is ignored. */
export function addressBytes(host: string): Uint8Array | undefined {
  if (!host.includes(':')) return ipv4Bytes(host);
  const zone = host.indexOf('%');
  const text = zone < 0 ? host : host.slice(0, zone);
  const usual = plainIPv6Bytes(text);
  if (usual !== undefined) return usual;
  if (!ipaddr.IPv6.isValid(text)) return undefined;
  const parsed = ipaddr.IPv6.parse(text);
  return Uint8Array.from((parsed.isIPv4MappedAddress() ? parsed.toIPv4Address() : parsed).toByteArray());
}

/** An IPv4 address into the first 4 bytes of `into`; false when the text is none. Whoever is told where each datagram of many came from needs no new bytes for each. */
export function writeIPv4(text: string, into: Uint8Array): boolean {
  let part = 0;
  let value = -1;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 0x2e : text.charCodeAt(i);
    if (code === 0x2e) {
      if (value < 0 || part > 3) return false;
      into[part++] = value;
      value = -1;
    } else {
      const digit = code - 0x30;
      // A leading zero would make the number octal for some readers.
      if (digit < 0 || digit > 9 || value === 0) return false;
      value = value < 0 ? digit : value * 10 + digit;
      if (value > 255) return false;
    }
  }
  return part === 4;
}

/** Text of 4 or 16 bytes. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return ipv4Text(bytes, 0);
  return isIPv4Mapped(bytes) ? ipv4Text(bytes, 12) : ipv6Text(bytes);
}

/** The one way to write an address; undefined when it is none. */
export function canonicalAddress(host: string): string | undefined {
  const bytes = addressBytes(host);
  return bytes === undefined ? undefined : addressText(bytes);
}

export const isIPv6 = (host: string): boolean => host.includes(':');

const ipv4Text = (bytes: Uint8Array, at: number): string =>
  `${bytes[at]!}.${bytes[at + 1]!}.${bytes[at + 2]!}.${bytes[at + 3]!}`;

/** `::ffff:a.b.c.d`. */
function isIPv4Mapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** The shortest form: the longest run of zeros is left out, the first of several (RFC 5952), as `inet_ntop` does. */
function ipv6Text(bytes: Uint8Array): string {
  let best = -1;
  let bestLength = 1;
  for (let i = 0, length = 0; i < GROUPS; i++) {
    length = groupOf(bytes, i) === 0 ? length + 1 : 0;
    if (length <= bestLength) continue;
    bestLength = length;
    best = i - length + 1;
  }
  let text = '';
  for (let i = 0; i < GROUPS; i++) {
    if (i === best) {
      text += '::';
      i += bestLength - 1;
    } else {
      text += `${i === 0 || text.endsWith(':') ? '' : ':'}${groupOf(bytes, i).toString(16)}`;
    }
  }
  return text;
}

const GROUPS = 8;

const groupOf = (bytes: Uint8Array, index: number): number => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!;

/** Of the usual form: hexadecimal groups, once `::`. Undefined for all others, that may be addresses nevertheless. */
function plainIPv6Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16);
  const gap = text.indexOf('::');
  if (gap < 0) return writeGroups(text, bytes, 0) === GROUPS && !isIPv4Mapped(bytes) ? bytes : undefined;
  const before = writeGroups(text.slice(0, gap), bytes, 0);
  const tail = text.slice(gap + 2);
  const behind = tail === '' ? 0 : tail.split(':').length;
  if (before < 0 || before + behind >= GROUPS) return undefined;
  return writeGroups(tail, bytes, GROUPS - behind) === behind && !isIPv4Mapped(bytes) ? bytes : undefined;
}

/** Hexadecimal groups with colons between them, from the group `at` on; how many there are, -1 for anything else. */
function writeGroups(text: string, into: Uint8Array, at: number): number {
  let group = at;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length && text !== ''; i++) {
    const code = i === text.length ? COLON : text.charCodeAt(i);
    if (code === COLON) {
      if (digits === 0 || group >= GROUPS) return -1;
      into[2 * group] = value >> 8;
      into[2 * group + 1] = value;
      group++;
      digits = 0;
      value = 0;
    } else {
      const digit = hexDigit(code);
      if (digit < 0 || ++digits > 4) return -1;
      value = (value << 4) | digit;
    }
  }
  return group - at;
}

const COLON = 0x3a;

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  return writeIPv4(text, bytes) ? bytes : undefined;
}
