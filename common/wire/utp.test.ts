import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../base/bytes.ts';
import { decodeUtpSyn, encodeUtpReset } from './utp.ts';

/** Laid out by hand after the header figure of BEP 29. */
const SYN = fromHex('41' + '00' + 'a1b2' + '00000064' + '00000000' + '00100000' + '0001' + '0000')!;

describe('a uTP SYN', () => {
  it('is read as far as an answer needs it', () => {
    expect(decodeUtpSyn(SYN)).toEqual({ connectionId: 0xa1b2, timestampUs: 100, sequence: 1 });
  });

  it('may bring extensions', () => {
    const longer = Uint8Array.from([...SYN, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(decodeUtpSyn(longer)?.connectionId).toBe(0xa1b2);
  });

  it('is nothing shorter, of no other version, and no other packet', () => {
    expect(decodeUtpSyn(SYN.subarray(0, 19))).toBeUndefined();
    expect(decodeUtpSyn(new Uint8Array(0))).toBeUndefined();
    for (const first of [0x01, 0x11, 0x21, 0x31, 0x40, 0x42]) {
      expect(decodeUtpSyn(Uint8Array.from([first, ...SYN.subarray(1)]))).toBeUndefined();
    }
  });
});

describe('a uTP RESET', () => {
  it('names the connection, the times and the packet that it answers', () => {
    const reset = encodeUtpReset(decodeUtpSyn(SYN)!, 350);
    expect(toHex(reset)).toBe('3100' + 'a1b2' + '0000015e' + '000000fa' + '00000000' + '0000' + '0001');
  });

  it('has times modulo 2^32, whoever is ahead', () => {
    const reset = encodeUtpReset({ connectionId: 1, timestampUs: 0xffff_ffff, sequence: 2 }, 2 ** 40 + 1);
    expect(toHex(reset.subarray(4, 12))).toBe('00000001' + '00000002');
  });

  it('is never longer than what it answers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(), (bytes, nowUs) => {
        const syn = decodeUtpSyn(bytes);
        if (syn !== undefined) expect(encodeUtpReset(syn, nowUs).length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
