import { describe, expect, it } from 'vitest';
import { after, endpointText, instant, NEVER, wireHashOf, type InfoHashV2 } from './ids.ts';

describe('ids', () => {
  it('an endpoint with IPv6 has brackets', () => {
    expect(endpointText({ host: '192.0.2.1', port: 6881 })).toBe('192.0.2.1:6881');
    expect(endpointText({ host: '2001:db8::1', port: 6881 })).toBe('[2001:db8::1]:6881');
  });

  it('a swarm is named by the first 20 bytes, a copy of them (BEP 52)', () => {
    const infoHash = Uint8Array.from({ length: 32 }, (_, i) => i) as InfoHashV2;
    const wireHash = wireHashOf(infoHash);
    infoHash[0] = 99;
    expect([...wireHash]).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('what never comes does not come later either', () => {
    expect(after(instant(5), 10)).toBe(15);
    expect(after(NEVER, -1_000)).toBe(NEVER);
  });
});
