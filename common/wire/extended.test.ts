import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex, utf8 } from '../base/bytes.ts';
import { BLOCK_BYTES, MAX_METADATA_BYTES } from '../base/limits.ts';
import { torrentFixture, vectors } from '../fixtures/vectors.ts';
import { bencodeDict, encodeBencode } from './bencode.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeMetadataMessage,
  type ExtendedHandshake,
  type MetadataMessage,
} from './extended.ts';

/** The vector as bytes: what stands in angle brackets is hex. */
function libtorrentHandshake(): Uint8Array {
  const text = vectors.wire['ext_handshake_libtorrent_seed']!.replace(/ \(.*\)$/, '');
  const [before, hex, after] = text.split(/[<>]/);
  return concatBytes([utf8(before!), fromHex(hex!)!, utf8(after!)]);
}

const read = (payload: Uint8Array | string): ExtendedHandshake => {
  const result = decodeExtendedHandshake(typeof payload === 'string' ? utf8(payload) : payload);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
};

describe('an extended handshake', () => {
  it('of libtorrent is read', () => {
    expect(read(libtorrentHandshake())).toEqual({
      ids: new Map(
        Object.entries({ lt_donthave: 7, share_mode: 8, upload_only: 3, ut_holepunch: 4, ut_metadata: 2, ut_pex: 1 }),
      ),
      metadataBytes: 167,
      requestQueue: 2000,
      uploadOnly: true,
      client: 'libtorrent/2.0.8.0',
    });
  });

  it('cut short anywhere is refused', () => {
    const whole = libtorrentHandshake();
    for (let length = 0; length < whole.length; length++) {
      expect(decodeExtendedHandshake(whole.subarray(0, length)).ok).toBe(false);
    }
  });

  it('is written with its keys in order', () => {
    const bytes = encodeExtendedHandshake({
      ids: new Map([['ut_metadata', 2]]),
      listenPort: 7001,
      client: 'Shoal',
      requestQueue: 500,
      metadataBytes: 167,
      uploadOnly: false,
      maxRequestBytes: 524_288,
      yourIp: utf8('abcd'),
    });
    expect(bytes).toEqual(
      utf8(
        'd1:md11:ut_metadatai2ee13:metadata_sizei167e1:pi7001e4:reqqi500e9:tk_maxreqi524288e' +
          '11:upload_onlyi0e1:v5:Shoal6:yourip4:abcde',
      ),
    );
  });

  it('is read as it was written', () => {
    const handshake = fc.record(
      {
        ids: fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 255 })), {
          comparator: (a, b) => a[0] === b[0] || a[1] === b[1],
        }).map((entries) => new Map(entries)), // prettier-ignore
        listenPort: fc.integer({ min: 1, max: 65_535 }),
        client: fc.string({ minLength: 1, maxLength: 64 }),
        requestQueue: fc.nat(),
        metadataBytes: fc.nat(),
        uploadOnly: fc.boolean(),
        maxRequestBytes: fc.integer({ min: 14, max: 20 }).map((log) => 2 ** log),
      },
      { requiredKeys: ['ids'] },
    );
    fc.assert(
      fc.property(handshake, (value) => {
        expect(read(encodeExtendedHandshake(value as ExtendedHandshake))).toEqual(value);
      }),
    );
  });

  it('may lack everything', () => {
    expect(read('de')).toEqual({ ids: new Map() });
  });

  it('with values of the wrong kind or range is read without them', () => {
    const text = 'd1:m3:abc13:metadata_sizei-1e1:pi65536e4:reqq1:x9:tk_maxreqi12345e11:upload_onlyle1:vi1ee';
    expect(read(text)).toEqual({ ids: new Map() });
    expect(read('d1:pi0ee').listenPort).toBeUndefined();
  });

  it.each([
    [8192, undefined],
    [16384, 16384],
    [16385, undefined],
    [1048576, 1048576],
    [2097152, undefined],
    [4294967296, undefined],
  ])('that offers blocks of %i bytes counts as offering %s', (offer, taken) => {
    expect(read(`d9:tk_maxreqi${offer}ee`).maxRequestBytes).toBe(taken);
  });

  it('[fault 41] whose message numbers clash names none of those messages', () => {
    const ids = bencodeDict([['ut_metadata', 3], ['ut_pex', 3], ['x', 3], ['lt_donthave', 4], ['a', 0], ['b', 0]]); // prettier-ignore
    const { ids: taken } = read(encodeBencode(bencodeDict([['m', ids]])));
    expect([...taken]).toEqual([
      ['a', 0],
      ['b', 0],
      ['lt_donthave', 4],
    ]);
    expect(read('d1:md1:ai256e1:bi-1e1:ci255eee').ids).toEqual(new Map([['c', 255]]));
  });

  it('[fault 41] that is huge, deep or of too many values is refused', () => {
    const reasonOf = (text: string) => {
      const result = decodeExtendedHandshake(utf8(text));
      return result.ok ? undefined : result.reason;
    };
    expect(reasonOf(`d1:v100000:${'x'.repeat(100_000)}e`)).toBe('it is longer than allowed');
    expect(reasonOf(`d1:x${'l'.repeat(20)}${'e'.repeat(20)}e`)).toBe('it is nested too deeply');
    expect(reasonOf(`d1:xl${'0:'.repeat(3000)}ee`)).toBe('it has too many values');
    expect(reasonOf('le')).toBe('it is no dictionary');
  });

  it('gives a client name without control characters and of a sane length', () => {
    expect(read(encodeBencode(bencodeDict([['v', '\u001b[2Jab\u202ec\n']]))).client).toBe('[2Jabc');
    expect(read(encodeBencode(bencodeDict([['v', '\u{1f600}'.repeat(500)]]))).client).toBe('\u{1f600}'.repeat(64));
    expect(read(encodeBencode(bencodeDict([['v', '\n']]))).client).toBeUndefined();
  });

  it('of any bytes is judged without an error', () => {
    const inside = fc.uint8Array({ maxLength: 60 }).map((bytes) => concatBytes([utf8('d1:m'), bytes, utf8('e')]));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), inside), (payload) => {
        decodeExtendedHandshake(payload);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a metadata message', () => {
  const decode = (payload: Uint8Array | string) =>
    decodeMetadataMessage(typeof payload === 'string' ? utf8(payload) : payload);
  const info = torrentFixture('many.v2.torrent').slice(0, 20_000);

  it('that asks is written as another client does', () => {
    const vector = vectors.wire['ut_metadata_request_piece0_to_peer_using_id3']!;
    const payload = encodeMetadataMessage({ type: 'request', block: 0 });
    // Length, message 20 and the extended id come first.
    expect(`0000001b1403${toHex(payload)}`).toBe(vector);
    expect(decode(payload)).toEqual({ ok: true, value: { type: 'request', block: 0 } });
  });

  it('with data has its dictionary as another client writes it, and the bytes after it', () => {
    const head = utf8(vectors.wire['ut_metadata_data_head']!.replace(/ followed.*$/, ''));
    const data = info.subarray(0, 164);
    const payload = encodeMetadataMessage({ type: 'data', block: 0, totalBytes: 164, data });
    expect(payload).toEqual(concatBytes([head, data]));
    expect(decode(payload)).toEqual({ ok: true, value: { type: 'data', block: 0, totalBytes: 164, data } });
  });

  it('that rejects may have a size with it, as libtorrent sends it', () => {
    const expected = { ok: true, value: { type: 'reject', block: 3 } };
    expect(decode(encodeMetadataMessage({ type: 'reject', block: 3 }))).toEqual(expected);
    expect(decode('d8:msg_typei2e5:piecei3e10:total_sizei9ee')).toEqual(expected);
  });

  it('of a type nobody knows is told apart, to be ignored', () => {
    for (const type of [3, -1, 2 ** 40]) {
      expect(decode(`d8:msg_typei${type}e5:piecei0ee`)).toEqual({ ok: true, value: { type: 'unknown' } });
    }
  });

  it('is read as it was written', () => {
    const block = fc.nat({ max: MAX_METADATA_BYTES / BLOCK_BYTES - 1 });
    const data = block.chain((index) =>
      fc.integer({ min: index * BLOCK_BYTES + 1, max: MAX_METADATA_BYTES }).map((totalBytes): MetadataMessage => {
        const length = Math.min(BLOCK_BYTES, totalBytes - index * BLOCK_BYTES);
        return { type: 'data', block: index, totalBytes, data: new Uint8Array(length).fill(7) };
      }),
    );
    const small = fc.tuple(fc.constantFrom('request' as const, 'reject' as const), fc.nat());
    const message = fc.oneof(
      small.map(([type, index]): MetadataMessage => ({ type, block: index })),
      data,
    );
    fc.assert(
      fc.property(message, (value) => {
        const payload = encodeMetadataMessage(value as Exclude<MetadataMessage, { type: 'unknown' }>);
        expect(decode(payload)).toEqual({ ok: true, value });
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['', 'it ends in the middle of a value'],
    ['le', 'it is no dictionary'],
    ['de', 'it has no type'],
    ['d8:msg_type1:0e', 'it has no type'],
    ['d8:msg_typei0ee', 'it has no block number'],
    ['d8:msg_typei0e5:piecei-1ee', 'it has no block number'],
    ['d8:msg_typei1e5:piecei0ee', 'its size is impossible'],
    ['d8:msg_typei1e5:piecei0e10:total_sizei5eeabcd', 'its size is impossible'],
    ['d8:msg_typei1e5:piecei0e10:total_sizei5eeabcdef', 'its size is impossible'],
    ['d8:msg_typei1e5:piecei1e10:total_sizei5eeabcde', 'its size is impossible'],
    ['d8:msg_typei1e5:piecei1e10:total_sizei16384ee', 'its size is impossible'],
    ['d8:msg_typei1e5:piecei9007199254740991e10:total_sizei16384ee', 'its size is impossible'],
  ])('%s: %s', (text, reason) => {
    expect(decode(text)).toEqual({ ok: false, reason });
  });

  it.each([0, 4294967296, MAX_METADATA_BYTES + 1])(
    '[fault 26] of a dictionary of %i bytes is refused',
    (totalBytes) => {
      const head = utf8(`d8:msg_typei1e5:piecei0e10:total_sizei${totalBytes}ee`);
      const message = decode(concatBytes([head, new Uint8Array(totalBytes === 0 ? 0 : BLOCK_BYTES)]));
      expect(message).toEqual({ ok: false, reason: 'its size is impossible' });
    },
  );

  it('of any bytes is judged without an error', () => {
    const likely = fc
      .tuple(fc.integer({ min: -1, max: 3 }), fc.integer({ min: -1, max: 3 }), fc.uint8Array({ maxLength: 30 }))
      .map(([type, block, rest]) => concatBytes([utf8(`d8:msg_typei${type}e5:piecei${block}e`), rest]));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), likely), (payload) => {
        decode(payload);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a client that does not sort its keys', () => {
  it('is understood', () => {
    const handshake = decodeExtendedHandshake(utf8('d1:v3:foo1:md11:ut_metadatai3e6:ut_pexi1eee'));
    expect(handshake.ok && [...handshake.value.ids]).toEqual([
      ['ut_metadata', 3],
      ['ut_pex', 1],
    ]);
    expect(decodeMetadataMessage(utf8('d5:piecei0e8:msg_typei2ee'))).toEqual({
      ok: true,
      value: { type: 'reject', block: 0 },
    });
  });
});
