import { createHmac } from 'node:crypto';
import { readU16, writeU16 } from '../common/base/bytes.ts';
import type { Instant } from '../common/base/ids.ts';
import { CONNECTION_ID_TTL_MS } from '../common/base/limits.ts';
import { SipHash } from './sip-hash.ts';

const ID_BYTES = 8;
const MAC_BYTES = 6;
const STAMPS = 2 ** 16;

/**
 * Connection ids (BEP 15): they prove that an address receives what is sent to it, and cost no memory.
 *
 * Layout: 0 second of issue, modulo 2^16 | 2 first 6 bytes of SipHash-2-4(key, second u64 | address), with the key made
 * from the secret by HMAC-SHA256.
 * - Bound to the address alone. libtorrent uses one id for all ports of a tracker's address, so trackers on one
 *   machine must share the secret; any of them takes the others' ids.
 * - The second counts on the monotonic clock from a wall time read once, at start: a jump of the wall clock moves
 *   nothing while the tracker runs, and ids outlive a restart that keeps the secret.
 * - The whole second is under the MAC, so an id of the future, or of 18 hours ago, is as good as a guess, and a
 *   guess hits once in 2^48.
 */
export class Cookie {
  readonly #mac: SipHash;
  readonly #epochMs: number;
  /** The second and the address that the MAC is over, as words. */
  readonly #message = new Int32Array(2 + 4);

  constructor(options: {
    /** 32 bytes. */
    readonly secret: Uint8Array;
    /** The wall time, in milliseconds since 1970, at which the monotonic clock stood at 0. */
    readonly epochMs: number;
  }) {
    const key = createHmac('sha256', options.secret).update('connection ids').digest();
    this.#mac = new SipHash({ key: key.subarray(0, 16) });
    this.#epochMs = options.epochMs;
  }

  /** The 8 bytes for an address of 4 or 16 bytes. */
  issue(address: Uint8Array, now: Instant): Uint8Array {
    const second = this.#second(now);
    const id = new Uint8Array(ID_BYTES);
    writeU16(id, 0, second % STAMPS);
    this.#sign(second, address);
    for (let i = 0; i < MAC_BYTES; i++) id[2 + i] = this.#macByte(i);
    return id;
  }

  /** Judges the first 8 bytes of a datagram. `expired`: it was ours, for this address, and is older than two minutes. */
  check(datagram: Uint8Array, address: Uint8Array, now: Instant): 'good' | 'expired' | 'bad' {
    const current = this.#second(now);
    const ageS = (((current - readU16(datagram, 0)) % STAMPS) + STAMPS) % STAMPS;
    this.#sign(current - ageS, address);
    let difference = 0;
    for (let i = 0; i < MAC_BYTES; i++) difference |= this.#macByte(i) ^ datagram[2 + i]!;
    if (difference !== 0) return 'bad';
    return ageS * 1000 <= CONNECTION_ID_TTL_MS ? 'good' : 'expired';
  }

  #second(now: Instant): number {
    return Math.floor((this.#epochMs + now) / 1000);
  }

  /** An IPv4 address makes a shorter message, so it is no beginning of an IPv6 address. */
  #sign(second: number, address: Uint8Array): void {
    this.#message[0] = second % 2 ** 32;
    this.#message[1] = Math.floor(second / 2 ** 32);
    const words = address.length / 4;
    for (let i = 0; i < words; i++) this.#message[2 + i] = readLittleEndian(address, 4 * i);
    this.#mac.hash(this.#message, 2 + words);
  }

  #macByte(index: number): number {
    return (index < 4 ? this.#mac.low >>> (8 * index) : this.#mac.high >>> (8 * index - 32)) & 0xff;
  }
}

const readLittleEndian = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
