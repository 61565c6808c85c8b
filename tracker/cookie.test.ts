import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes } from '../common/base/address.ts';
import { fromHex, toHex } from '../common/base/bytes.ts';
import { instant } from '../common/base/ids.ts';
import { Cookie } from './cookie.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const HERE = addressBytes('192.0.2.7')!;
const EPOCH_MS = 1_700_000_000_000;
const cookieAt = (epochMs: number, secret = SECRET): Cookie => new Cookie({ secret, epochMs });

/** SipHash-2-4 as its paper has it, on numbers of 64 bits. */
function naiveSipHash(key: Uint8Array, message: Uint8Array): Uint8Array {
  const number = (bytes: Uint8Array): bigint => bytes.reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
  const [k0, k1] = [number(key.subarray(0, 8)), number(key.subarray(8, 16))];
  const turned = (x: bigint, by: bigint): bigint => BigInt.asUintN(64, (x << by) | (x >> (64n - by)));
  const sum = (x: bigint, y: bigint): bigint => BigInt.asUintN(64, x + y);
  let [a, b] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn];
  let [c, d] = [k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const round = (): void => {
    a = sum(a, b);
    c = sum(c, d);
    b = turned(b, 13n) ^ a;
    d = turned(d, 16n) ^ c;
    a = turned(a, 32n);
    c = sum(c, b);
    a = sum(a, d);
    b = turned(b, 17n) ^ c;
    d = turned(d, 21n) ^ a;
    c = turned(c, 32n);
  };
  const padded = new Uint8Array(8 * (Math.floor(message.length / 8) + 1));
  padded.set(message);
  padded[padded.length - 1] = message.length;
  for (let at = 0; at < padded.length; at += 8) {
    const block = number(padded.subarray(at, at + 8));
    d ^= block;
    for (let i = 0; i < 2; i++) round();
    a ^= block;
  }
  c ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  const result = a ^ b ^ c ^ d;
  return Uint8Array.from({ length: 8 }, (_, i) => Number((result >> BigInt(8 * i)) & 0xffn));
}

/** The same rule as text, by another way: every second that may be meant is tried. */
function naiveCheck(
  secret: Uint8Array,
  id: Uint8Array,
  address: Uint8Array,
  wallMs: number,
): 'good' | 'expired' | 'bad' {
  const key = createHmac('sha256', secret).update('connection ids').digest().subarray(0, 16);
  const idAt = (second: number): string => {
    const input = Buffer.alloc(8);
    input.writeBigUInt64LE(BigInt(second));
    const mac = toHex(naiveSipHash(key, Uint8Array.from([...input, ...address])));
    return (second % 65_536).toString(16).padStart(4, '0') + mac.slice(0, 12);
  };
  const current = Math.floor(wallMs / 1000);
  for (let age = 0; age < 500; age++) if (idAt(current - age) === toHex(id)) return age <= 120 ? 'good' : 'expired';
  return 'bad';
}

describe('connection ids', () => {
  it.each([
    [0, '127.0.0.1', '0000a00327be900b'],
    [1_700_000_000_123, '192.0.2.7', 'f100af31766cecd2'],
    [1_700_000_000_999, '192.0.2.7', 'f100af31766cecd2'],
    [1_700_000_001_000, '192.0.2.7', 'f1018b5e16cbe8d1'],
    [1_700_000_000_000, '2001:db8::1', 'f1006e5d218b4b39'],
  ])('at %i for %s are %s', (wallMs, host, id) => {
    expect(toHex(cookieAt(wallMs).issue(addressBytes(host)!, instant(0)))).toBe(id);
    expect(toHex(cookieAt(wallMs - 5_000).issue(addressBytes(host)!, instant(5_000)))).toBe(id);
  });

  it('agree with a naive reading of the rule', () => {
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    const age = fc.oneof(fc.integer({ min: -5_000, max: 400_000 }), fc.integer({ min: 118_000, max: 123_000 }));
    fc.assert(
      fc.property(address, age, fc.nat({ max: 2 ** 40 }), (peer, ageMs, startMs) => {
        const issuedMs = 10_000 + startMs;
        const cookie = cookieAt(EPOCH_MS);
        const id = cookie.issue(peer, instant(issuedMs));
        const now = instant(issuedMs + ageMs);
        expect(cookie.check(id, peer, now)).toBe(naiveCheck(SECRET, id, peer, EPOCH_MS + now));
      }),
      { numRuns: 100 },
    );
  });

  it('[fault 3] are good for two minutes, then expired, and never good before their time', () => {
    const cookie = cookieAt(EPOCH_MS);
    const id = cookie.issue(HERE, instant(0));
    expect(cookie.check(id, HERE, instant(0))).toBe('good');
    expect(cookie.check(id, HERE, instant(120_000))).toBe('good');
    expect(cookie.check(id, HERE, instant(121_000))).toBe('expired');
    expect(cookie.check(id, HERE, instant(600_000))).toBe('expired');
    const future = cookie.issue(HERE, instant(10_000));
    expect(cookie.check(future, HERE, instant(9_000))).toBe('bad');
  });

  it('[fault 3] are bad from another address, with another secret, with any bit changed', () => {
    const cookie = cookieAt(EPOCH_MS);
    const id = cookie.issue(HERE, instant(0));
    expect(cookie.check(id, addressBytes('192.0.2.8')!, instant(0))).toBe('bad');
    expect(cookieAt(EPOCH_MS, new Uint8Array(32)).check(id, HERE, instant(0))).toBe('bad');
    for (let bit = 0; bit < 64; bit++) {
      const changed = id.slice();
      changed[bit >> 3]! ^= 0x80 >> (bit & 7);
      expect(cookie.check(changed, HERE, instant(0))).toBe('bad');
    }
    expect(cookie.check(fromHex('0000000000000000')!, HERE, instant(0))).toBe('bad');
  });

  it('do not confuse an IPv4 address with an IPv6 address that begins alike', () => {
    const cookie = cookieAt(EPOCH_MS);
    const long = new Uint8Array(16);
    long.set(HERE);
    expect(cookie.check(cookie.issue(HERE, instant(0)), long, instant(0))).toBe('bad');
  });

  it('[fault 15] outlive a restart that keeps the secret', () => {
    const id = cookieAt(EPOCH_MS).issue(HERE, instant(60_000));
    const restarted = cookieAt(EPOCH_MS + 70_000);
    expect(restarted.check(id, HERE, instant(0))).toBe('good');
    expect(restarted.check(id, HERE, instant(200_000))).toBe('expired');
  });
});
