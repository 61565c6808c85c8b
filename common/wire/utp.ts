/**
 * The two packets of uTP (BEP 29) that somebody needs who does not speak it: the SYN that asks for a connection, and
 * the RESET that says no, so that the caller goes on to TCP at once.
 */
import { readU16, readU32, writeU16, writeU32 } from '../base/bytes.ts';

/** The header without extensions; a RESET is nothing more. */
export const UTP_HEADER_BYTES = 20;

const VERSION = 1;
const SYN = (4 << 4) | VERSION;
const RESET = (3 << 4) | VERSION;

/** What a SYN says, as far as a RESET answers it. */
export interface UtpSyn {
  readonly connectionId: number;
  /** The sender's clock in µs, modulo 2^32. */
  readonly timestampUs: number;
  readonly sequence: number;
}

/** Undefined for everything but a SYN of version 1. Extensions and data may follow its header. */
export function decodeUtpSyn(bytes: Uint8Array): UtpSyn | undefined {
  if (bytes.length < UTP_HEADER_BYTES || bytes[0] !== SYN) return undefined;
  return { connectionId: readU16(bytes, 2), timestampUs: readU32(bytes, 4), sequence: readU16(bytes, 16) };
}

/** 20 bytes, so never longer than the SYN. `nowUs` is our clock in µs, a whole number. */
export function encodeUtpReset(syn: UtpSyn, nowUs: number): Uint8Array {
  const bytes = new Uint8Array(UTP_HEADER_BYTES);
  bytes[0] = RESET;
  writeU16(bytes, 2, syn.connectionId);
  writeU32(bytes, 4, nowUs);
  writeU32(bytes, 8, nowUs - syn.timestampUs);
  // Window and sequence number are zero: nothing follows.
  writeU16(bytes, 18, syn.sequence);
  return bytes;
}
