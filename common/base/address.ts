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
  if (bytes.length === 4) return `${bytes[0]!}.${bytes[1]!}.${bytes[2]!}.${bytes[3]!}`;
  const parsed = new ipaddr.IPv6([...bytes]);
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toString();
}

/** The one way to write an address; undefined when it is none. */
export function canonicalAddress(host: string): string | undefined {
  const bytes = addressBytes(host);
  return bytes === undefined ? undefined : addressText(bytes);
}

export const isIPv6 = (host: string): boolean => host.includes(':');

function ipv4Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  return writeIPv4(text, bytes) ? bytes : undefined;
}
