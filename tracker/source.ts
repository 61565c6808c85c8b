import { readU32, toHex } from '../common/base/bytes.ts';

/** Who is counted as one: the number of an IPv4 address, or the first half of an IPv6 address as text. */
export type SourceKey = number | string;

/**
 * One IPv4 address or one IPv6 /64. A household or a server is given a whole one, so counting single IPv6 addresses
 * would limit nobody.
 */
export const sourceOf = (address: Uint8Array): SourceKey =>
  address.length === 4 ? readU32(address, 0) : toHex(address.subarray(0, 8));
