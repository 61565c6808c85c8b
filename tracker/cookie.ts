import type { KeyObject } from 'node:crypto';
import { createHmac, createSecretKey } from 'node:crypto';
import { readU16, writeU16, writeU32 } from '../common/base/bytes.ts';
import type { Instant } from '../common/base/ids.ts';
import { CONNECTION_ID_TTL_MS } from '../common/base/limits.ts';

const ID_BYTES = 8;
const MAC_BYTES = 6;
const STAMPS = 2 ** 16;

/**
 * Connection ids (BEP 15): they prove that an address receives what is sent to it, and cost no memory.
 *
 * Layout: 0 second of issue, modulo 2^16 | 2 first 6 bytes of HMAC-SHA256(secret, second u64 | address).
 * - Bound to the address alone. libtorrent uses one id for all ports of a tracker's address, so trackers on one
 *   machine must share the secret; any of them takes the others' ids.
 * - The second counts on the monotonic clock from a wall time read once, at start: a jump of the wall clock moves
 *   nothing while the tracker runs, and ids outlive a restart that keeps the secret.
 * - The whole second is under the MAC, so an id of the future, or of 18 hours ago, is as good as a guess, and a
 *   guess hits once in 2^48.
 */
export class Cookie {
  readonly #key: KeyObject;
  readonly #epochMs: number;
  /** The second and the address that the MAC is over; an IPv6 address fills it, an IPv4 address ends it early. */
  readonly #message = new Uint8Array(8 + 16);

  constructor(options: {
    /** 32 bytes. */
    readonly secret: Uint8Array;
    /** The wall time, in milliseconds since 1970, at which the monotonic clock stood at 0. */
    readonly epochMs: number;
  }) {
    this.#key = createSecretKey(options.secret);
    this.#epochMs = options.epochMs;
  }

  /** The 8 bytes for an address of 4 or 16 bytes. */
  issue(address: Uint8Array, now: Instant): Uint8Array {
    const second = this.#second(now);
    const id = new Uint8Array(ID_BYTES);
    writeU16(id, 0, second % STAMPS);
    id.set(this.#mac(second, address), 2);
    return id;
  }

  /** Judges the first 8 bytes of a datagram. `expired`: it was ours, for this address, and is older than two minutes. */
  check(datagram: Uint8Array, address: Uint8Array, now: Instant): 'good' | 'expired' | 'bad' {
    const current = this.#second(now);
    const ageS = (((current - readU16(datagram, 0)) % STAMPS) + STAMPS) % STAMPS;
    const mac = this.#mac(current - ageS, address);
    let difference = 0;
    for (let i = 0; i < MAC_BYTES; i++) difference |= mac[i]! ^ datagram[2 + i]!;
    if (difference !== 0) return 'bad';
    return ageS * 1000 <= CONNECTION_ID_TTL_MS ? 'good' : 'expired';
  }

  #second(now: Instant): number {
    return Math.floor((this.#epochMs + now) / 1000);
  }

  #mac(second: number, address: Uint8Array): Uint8Array {
    writeU32(this.#message, 0, Math.floor(second / 2 ** 32));
    writeU32(this.#message, 4, second % 2 ** 32);
    this.#message.set(address, 8);
    const message = this.#message.subarray(0, 8 + address.length);
    return createHmac('sha256', this.#key).update(message).digest().subarray(0, MAC_BYTES);
  }
}
