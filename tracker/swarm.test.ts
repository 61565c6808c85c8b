import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes } from '../common/base/address.ts';
import { toHex } from '../common/base/bytes.ts';
import type { WireHash } from '../common/base/ids.ts';
import type { Role, Row } from './swarm.ts';
import { peerKey, sourceOf, Swarm, swarmKey } from './swarm.ts';

const HASH = new Uint8Array(20).fill(1) as WireHash;
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const address = fc.oneof(bytesOf(4), bytesOf(16));

function rowIn(swarm: Swarm, from: Uint8Array, port: number, role: Role = 'leecher'): Row {
  const key = peerKey(from, port);
  const times = { ttlS: 90, expiryTick: 90, slotTick: 0, slotPlace: 0 };
  return { swarm, key, role, completed: false, place: 0, ...times };
}

describe('keys', () => {
  it('differ exactly when the endpoints differ', () => {
    const endpoint = fc.tuple(address, fc.nat({ max: 0xffff }));
    fc.assert(
      fc.property(endpoint, endpoint, ([a, portA], [b, portB]) => {
        const same = toHex(a) === toHex(b) && portA === portB;
        expect(peerKey(a, portA) === peerKey(b, portB)).toBe(same);
        expect(peerKey(a, portA)).toBe(peerKey(a.slice(), portA));
      }),
    );
  });

  it('name the swarm of each family', () => {
    expect(swarmKey(HASH, 4)).not.toBe(swarmKey(HASH, 16));
    expect(swarmKey(HASH, 4)).toBe(swarmKey(HASH.slice(), 4));
    expect(swarmKey(HASH, 4)).not.toBe(swarmKey(new Uint8Array(20).fill(2), 4));
  });

  it('find the address, or the /64, that a peer counts for', () => {
    const source = (host: string, port: number): unknown => sourceOf(peerKey(addressBytes(host)!, port));
    expect(source('192.0.2.1', 1)).toBe(source('192.0.2.1', 65_535));
    expect(source('192.0.2.1', 1)).not.toBe(source('192.0.2.2', 1));
    expect(source('2001:db8::1', 1)).toBe(source('2001:db8::2', 2));
    expect(source('2001:db8::1', 1)).not.toBe(source('2001:db8:0:1::1', 1));
  });
});

describe('a sample', () => {
  it('is written as address and port, as they came', () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 0xffff }), (from, port) => {
        const swarm = new Swarm('', HASH);
        swarm.attach(rowIn(swarm, from, port));
        const into = new Uint8Array(18);
        const sizeBytes = swarm.sample('leecher', 1, into, { state: 1 }, 0, () => {});
        expect(toHex(into.subarray(0, sizeBytes))).toBe(toHex(from) + port.toString(16).padStart(4, '0'));
      }),
    );
  });

  it('takes everybody when there is room for all', () => {
    const swarm = new Swarm('', HASH);
    for (let port = 1; port <= 9; port++) swarm.attach(rowIn(swarm, Uint8Array.of(10, 0, 0, 1), port));
    expect(swarm.sample('seeder', 50, new Uint8Array(300), { state: 5 }, 0, () => {})).toBe(54);
    expect([swarm.size, swarm.leechers]).toEqual([9, 9]);
  });
});
