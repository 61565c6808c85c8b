import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { addressBytes, addressText, canonicalAddress, isIPv6 } from './address.ts';

describe('address', () => {
  it('of four bytes is dotted decimal, and back', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(addressText(addressBytes(text)!)).toBe(text);
        expect(addressBytes(text)).toEqual(Uint8Array.from(text.split('.').map(Number)));
      }),
    );
  });

  it('of sixteen bytes has one spelling', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = canonicalAddress(text)!;
        expect(canonicalAddress(canonical)).toBe(canonical);
        expect(addressBytes(canonical)).toEqual(addressBytes(text));
      }),
    );
  });

  it.each([
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::', '::'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%25en0', 'fe80::1'],
    ['::1%', '::1'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  it.each(['::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:192.0.2.7'])(
    '[fault 16] %s is the IPv4 address that it maps',
    (text) => {
      expect(canonicalAddress(text)).toBe('192.0.2.7');
      expect(addressBytes(text)).toEqual(Uint8Array.of(192, 0, 2, 7));
      expect(addressText(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7))).toBe('192.0.2.7');
    },
  );

  it.each(
    '|.|1|1.2.3|1.2.3.|1.2.3.4.|.1.2.3.4|1..2.3|1.2.3.4.5|256.1.1.1|01.2.3.4|1.2.3.04|0x1.2.3.4|1.2.3.4 | 1.2.3.4|1.2.3.-4|1.2.3.4e0|localhost|:|:::|1:2|g::|::1::|1:2:3:4:5:6:7:8:9|[::1]'.split(
      '|',
    ),
  )('%j is no address', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });

  it.each([
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3', 'the longest run of zeros'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4', 'the first of two'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7', 'no single zero'],
    ['0:0:1:0:0:0:0:0', '0:0:1::', 'a run at the end'],
  ])('%s is written as %s: left out is %s', (text, short) => {
    expect(canonicalAddress(text)).toBe(short);
    expect(canonicalAddress(short)).toBe(short);
  });

  it('of hexadecimal groups means what others take it for', () => {
    const group = fc.constantFrom('', '0', '0', '1', 'ffff', '00a0', 'BEEF', '12345', 'g');
    const text = fc.array(group, { minLength: 2, maxLength: 9 }).map((groups) => groups.join(':'));
    fc.assert(
      fc.property(text, (address) => {
        const isOne = ipaddr.IPv6.isValid(address);
        expect(addressBytes(address) !== undefined).toBe(isOne);
        if (!isOne) return;
        const theirs = ipaddr.IPv6.parse(address);
        const bytes = (theirs.isIPv4MappedAddress() ? theirs.toIPv4Address() : theirs).toByteArray();
        expect([...addressBytes(address)!]).toEqual(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it('0.0.0.0 and 255.255.255.255 are addresses like others', () => {
    expect(canonicalAddress('0.0.0.0')).toBe('0.0.0.0');
    expect(canonicalAddress('255.255.255.255')).toBe('255.255.255.255');
  });

  it('any text at all is read or refused, never thrown at', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdf:.%'.split('')) }), (text) => {
        const canonical = canonicalAddress(text);
        if (canonical !== undefined) expect(isIPv6(canonical)).toBe(addressBytes(canonical)!.length === 16);
      }),
    );
  });
});
