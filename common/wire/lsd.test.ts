import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, looseText, utf8 } from '../base/bytes.ts';
import type { WireHash } from '../base/ids.ts';
import { vectors } from '../fixtures/vectors.ts';
import { decodeLsd, encodeLsd, LSD_GROUPS } from './lsd.ts';

const { libtorrent, aria2 } = vectors.lsd_datagrams;
const hash = (hex: string): WireHash => fromHex(hex) as WireHash;
const HASH = hash('bed4500ece2799e8d17e609658b09f4851dc14c3');
const text = (...lines: string[]): Uint8Array => utf8(`${['BT-SEARCH * HTTP/1.1', ...lines].join('\r\n')}\r\n\r\n\r\n`);

describe('a search of the local network', () => {
  it('of libtorrent is read, and written the same', () => {
    const announce = { port: 7601, wireHashes: [HASH], cookie: '6ffb4de2' };
    expect(decodeLsd(utf8(libtorrent))).toEqual(announce);
    expect(looseText(encodeLsd(LSD_GROUPS[0]!, announce))).toBe(libtorrent);
  });

  it('of aria2, which has no cookie, is read', () => {
    const wireHashes = [hash('443c34a9a6ecead078861dce27b639a7fecc4db5')];
    expect(decodeLsd(utf8(aria2))).toEqual({ port: 7602, wireHashes });
  });

  it('names its group, of either family', () => {
    const sent = looseText(encodeLsd(LSD_GROUPS[1]!, { port: 1, wireHashes: [HASH] }));
    expect(sent).toContain('Host: [ff15::efc0:988f]:6771\r\n');
  });

  it('may name several contents, in any case and with headers that nobody knows', () => {
    const wireHashes = [HASH, hash('11'.repeat(20))];
    const bytes = text(
      'PORT:7',
      `INFOHASH: ${'BED4500ECE2799E8D17E609658B09F4851DC14C3'}`,
      'X: y',
      `infohash:${'11'.repeat(20)}`,
    );
    expect(decodeLsd(bytes)).toEqual({ port: 7, wireHashes });
  });

  it.each([
    ['no port', text(`Infohash: ${'11'.repeat(20)}`)],
    ['port 0', text('Port: 0', `Infohash: ${'11'.repeat(20)}`)],
    ['a port that is none', text('Port: 65536', `Infohash: ${'11'.repeat(20)}`)],
    ['no hash', text('Port: 7')],
    ['a short hash', text('Port: 7', 'Infohash: 1122')],
    ['a hash that is no hex', text('Port: 7', `Infohash: ${'zz'.repeat(20)}`)],
    ['another method', utf8(libtorrent.replace('BT-SEARCH', 'M-SEARCH'))],
    ['too many bytes', text('Port: 7', ...Array.from({ length: 40 }, () => `Infohash: ${'11'.repeat(20)}`))],
    ['nothing', new Uint8Array(0)],
  ])('with %s is none', (_, bytes) => {
    expect(decodeLsd(bytes)).toBeUndefined();
  });

  it('of any bytes is judged without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(120), (bytes, at) => {
        decodeLsd(bytes);
        const spoilt = utf8(libtorrent);
        spoilt.set(bytes.subarray(0, 8), at);
        decodeLsd(spoilt);
      }),
    );
  });
});
