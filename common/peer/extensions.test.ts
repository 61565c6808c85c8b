import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../base/bytes.ts';
import {
  BLOCK_BYTES,
  DEFAULT_REQUEST_QUEUE,
  MAX_LARGE_REQUEST_BYTES,
  MAX_METADATA_BYTES,
  MAX_PARTS,
} from '../base/limits.ts';
import { vectors } from '../fixtures/vectors.ts';
import { decodeExtendedHandshake, encodeMetadataMessage } from '../wire/extended.ts';
import { Extensions } from './extensions.ts';

const handshake = (text: string): Uint8Array => concatBytes([Uint8Array.of(0), utf8(text)]);
const heard = (...texts: string[]): Extensions => {
  const extensions = new Extensions();
  for (const text of texts) expect(extensions.take(handshake(text)).kind).toBe('handshake');
  return extensions;
};

describe('our own handshake', () => {
  const own = new Extensions().encodeOwn({
    listenPort: 7001,
    remote: { host: '192.0.2.7', port: 1 },
    uploadOnly: true,
    takesPex: true,
    metadataBytes: 164,
  });

  it('is message 20 with the number 0', () => {
    expect([...own.subarray(4, 6)]).toEqual([20, 0]);
  });

  it('names what we take, and the address we see', () => {
    expect(decodeExtendedHandshake(own.subarray(6))).toMatchObject({
      ok: true,
      value: {
        ids: new Map([
          ['lt_donthave', 7],
          ['tk_coming', 8],
          ['tk_parts', 9],
          ['upload_only', 3],
          ['ut_metadata', 2],
          ['ut_pex', 1],
        ]),
        listenPort: 7001,
        requestQueue: 500,
        metadataBytes: 164,
        uploadOnly: true,
        maxRequestBytes: MAX_LARGE_REQUEST_BYTES,
      },
    });
    expect(new TextDecoder('latin1').decode(own)).toContain('6:yourip4:\u00c0\0\u0002\u0007');
  });

  it('names no port and no size where there is none', () => {
    const facts = { listenPort: 0, remote: { host: '::1', port: 1 }, uploadOnly: false, takesPex: false };
    const text = new TextDecoder('latin1').decode(new Extensions().encodeOwn(facts));
    expect(text).not.toContain('1:pi');
    expect(text).not.toContain('metadata_size');
    expect(text).toContain('6:yourip16:');
  });
});

describe('before the peer has spoken', () => {
  it('nothing is assumed of it, and nothing is sent to it', () => {
    const extensions = new Extensions();
    expect(extensions.heard).toBe(false);
    expect(extensions.metadataBytes).toBeUndefined();
    expect(extensions.requestQueue).toBe(DEFAULT_REQUEST_QUEUE);
    expect(extensions.blockBytes(1 << 20)).toBe(BLOCK_BYTES);
    expect(extensions.encodeMetadata({ type: 'request', block: 0 })).toBeUndefined();
  });
});

describe('the handshake of a peer', () => {
  it('of libtorrent is read', () => {
    const [before, , rest] = vectors.wire['ext_handshake_libtorrent_seed']!.split(/[<>]/);
    const extensions = heard(`${before}\0\0\0\0${rest!.split(' ')[0]}`);
    expect(extensions.client).toBe('libtorrent/2.0.8.0');
    expect(extensions.metadataBytes).toBe(167);
    expect(extensions.requestQueue).toBe(400);
    expect(extensions.encodeMetadata({ type: 'request', block: 0 })![5]).toBe(2);
  });

  it('that comes later adds to the first', () => {
    const extensions = heard('d1:md11:ut_metadatai3ee1:pi6881ee', 'd13:metadata_sizei164e4:reqqi10ee');
    expect(extensions.metadataBytes).toBe(164);
    expect(extensions.listenPort).toBe(6881);
    expect(extensions.requestQueue).toBe(10);
  });

  it('may take a message back, and is not sent it any more', () => {
    const extensions = heard('d1:md11:ut_metadatai3ee13:metadata_sizei164ee', 'd1:md11:ut_metadatai0eee');
    expect(extensions.metadataBytes).toBeUndefined();
    expect(extensions.encodeMetadata({ type: 'request', block: 0 })).toBeUndefined();
  });

  it('[fault 41] whose numbers clash leaves neither message to be sent', () => {
    const extensions = heard('d1:md11:ut_metadatai1e6:ut_pexi1ee13:metadata_sizei164ee');
    expect(extensions.encodeMetadata({ type: 'request', block: 0 })).toBeUndefined();
    expect(extensions.metadataBytes).toBeUndefined();
  });

  it.each([0, -1, MAX_METADATA_BYTES + 1, 4 * 2 ** 30])('[fault 26] with a metadata size of %d names none', (size) => {
    expect(heard(`d1:md11:ut_metadatai3ee13:metadata_sizei${size}ee`).metadataBytes).toBeUndefined();
  });

  it('[fault 26] with another size than before counts with the last', () => {
    const extensions = heard('d1:md11:ut_metadatai3ee13:metadata_sizei164ee', 'd13:metadata_sizei165ee');
    expect(extensions.metadataBytes).toBe(165);
  });

  it.each([
    ['nothing', '', BLOCK_BYTES],
    ['128 KiB', '9:tk_maxreqi131072e', 131_072],
    ['more than we do', '9:tk_maxreqi1048576e', MAX_LARGE_REQUEST_BYTES],
    ['no power of two', '9:tk_maxreqi100000e', BLOCK_BYTES],
    ['2 MiB', '9:tk_maxreqi2097152e', BLOCK_BYTES],
  ])('agrees on longer blocks where it offers %s', (_, key, expected) => {
    const extensions = heard(`d${key}e`);
    expect(extensions.blockBytes(1 << 22)).toBe(expected);
    expect(extensions.blockBytes(32_768)).toBe(Math.min(expected, 32_768));
    expect(extensions.blockBytes(undefined)).toBe(BLOCK_BYTES);
  });

  it('that leaves no room for requests leaves room for one', () => {
    expect(heard('d4:reqqi0ee').requestQueue).toBe(1);
  });
});

describe('an extended message', () => {
  it('with our number is read, with any other is ignored', () => {
    const extensions = new Extensions();
    const body = encodeMetadataMessage({ type: 'request', block: 3 });
    expect(extensions.take(concatBytes([Uint8Array.of(2), body]))).toEqual({
      kind: 'metadata',
      message: { type: 'request', block: 3 },
    });
    for (const id of [4, 5, 255]) {
      expect(extensions.take(concatBytes([Uint8Array.of(id), body]))).toEqual({ kind: 'other' });
    }
  });

  it.each([
    ['[fault 41] that is no dictionary', 'i1e'],
    ['[fault 41] nested too deep', `d1:x${'l'.repeat(40)}${'e'.repeat(40)}e`],
    ['[fault 41] with too much of everything', `d1:xl${'i0e'.repeat(2_500)}ee`],
    ['[fault 41] that is cut short', 'd1:md'],
  ])('%s is malformed', (_, text) => {
    expect(new Extensions().take(handshake(text))).toEqual({ kind: 'malformed' });
  });

  it('about metadata that is longer than a block can be is malformed', () => {
    const body = concatBytes([utf8('d8:msg_typei1e5:piecei0e10:total_sizei20000ee'), new Uint8Array(20_000)]);
    expect(new Extensions().take(concatBytes([Uint8Array.of(2), body]))).toEqual({ kind: 'malformed' });
  });
});

describe('a word about pieces on their way', () => {
  const ids = 'd1:md11:lt_donthavei21e9:tk_comingi22e8:tk_partsi23eee';
  const take = (id: number, length: number) => new Extensions().take(new Uint8Array(1 + length).fill(id, 0, 1));

  it('is read under our numbers', () => {
    const piece = [0, 1, 0, 2];
    expect(new Extensions().take(Uint8Array.of(8, ...piece))).toEqual({ kind: 'coming', piece: 65_538 });
    const hashes = new Uint8Array(64).fill(3);
    expect(new Extensions().take(Uint8Array.of(9, ...piece, ...hashes))).toEqual({
      kind: 'parts',
      piece: 65_538,
      hashes,
    });
    expect(new Extensions().take(Uint8Array.of(7, ...piece))).toEqual({ kind: 'dont-have', piece: 65_538 });
    expect(take(9, 4 + MAX_PARTS * 32).kind).toBe('parts');
  });

  it.each([
    ['coming, of no piece', 8, 0],
    ['coming, cut short', 8, 3],
    ['coming, too long', 8, 5],
    ['lost, cut short', 7, 3],
    ['parts, of no piece', 9, 0],
    ['parts, cut short', 9, 3],
    ['parts, without hashes', 9, 4],
    ['parts, of one part', 9, 4 + 32],
    ['parts, a hash cut short', 9, 4 + 63],
    ['parts, three of them', 9, 4 + 96],
    ['parts, more than there may be', 9, 4 + 2 * MAX_PARTS * 32],
    ['parts, of 1 MiB', 9, 4 + 2 ** 20],
  ])('that is malformed is found out: %s', (_, id, length) => {
    expect(take(id, length)).toEqual({ kind: 'malformed' });
  });

  it('is said under the numbers of the other', () => {
    const extensions = heard(ids);
    expect(extensions.passesOn).toBe(true);
    expect([...extensions.encodeComing(258)]).toEqual([0, 0, 0, 6, 20, 22, 0, 0, 1, 2]);
    expect([...extensions.encodeDontHave(258)]).toEqual([0, 0, 0, 6, 20, 21, 0, 0, 1, 2]);
    const parts = extensions.encodeParts(258, new Uint8Array(64).fill(7));
    expect([...parts.subarray(0, 11)]).toEqual([0, 0, 0, 70, 20, 23, 0, 0, 1, 2, 7]);
  });

  it('is for those alone who take all of them, and have not taken that back', () => {
    expect(new Extensions().passesOn).toBe(false);
    expect(heard(ids.replace('lt_donthave', 'xx_donthave')).passesOn).toBe(false);
    expect(heard(ids.replace('tk_coming', 'tk_comixx')).passesOn).toBe(false);
    expect(heard(ids.replace('tk_parts', 'tk_party')).passesOn).toBe(false);
    expect(heard(ids, 'd1:md8:tk_partsi0eee').passesOn).toBe(false);
    expect(heard(ids, 'd4:reqqi10ee').passesOn).toBe(true);
  });
});
