import { describe, expect, it } from 'vitest';
import { addressBytes } from '../common/base/address.ts';
import { sourceOf } from './source.ts';

describe('a source', () => {
  it('is an IPv4 address, or a /64 of IPv6', () => {
    const source = (host: string): unknown => sourceOf(addressBytes(host)!);
    expect(source('192.0.2.1')).toBe(source('192.0.2.1'));
    expect(source('192.0.2.1')).not.toBe(source('192.0.2.2'));
    expect(source('2001:db8::1')).toBe(source('2001:db8::2'));
    expect(source('2001:db8::1')).not.toBe(source('2001:db8:0:1::1'));
  });
});
