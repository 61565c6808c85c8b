import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, looseText, utf8 } from '../base/bytes.ts';
import type { PeerId, WireHash } from '../base/ids.ts';
import { MAX_HTTP_TRACKER_ANSWER_BYTES, MAX_HTTP_TRACKER_PEERS, MAX_TRACKER_ID_BYTES } from '../base/limits.ts';
import { vectors } from '../fixtures/vectors.ts';
import { unescapeBytes } from './http-query.ts';
import type { HttpAnnounce } from './http-tracker.ts';
import {
  announceQuery,
  decodeAnnounceAnswer,
  encodeAnnounceAnswer,
  encodeFailure,
  parseAnnounceQuery,
} from './http-tracker.ts';

const HASH = fromHex(vectors.http_announce_info_hash_escaping.raw_hex) as WireHash;
const ANNOUNCE: HttpAnnounce = {
  infoHash: HASH,
  peerId: utf8('-SH0100-abcdefghijkl') as PeerId,
  port: 7000,
  uploadedBytes: 1,
  downloadedBytes: 2,
  leftBytes: 3,
  event: 'started',
  key: 0xabc,
  wanted: 50,
  trackerId: undefined,
};
const escaped = vectors.http_announce_info_hash_escaping.libtorrent_and_transmission_style;

const decode = (text: string): ReturnType<typeof decodeAnnounceAnswer> => decodeAnnounceAnswer(utf8(text));
const answerOf = (text: string | Uint8Array): Extract<ReturnType<typeof decode>, { ok: true }>['value'] => {
  const answer = decodeAnnounceAnswer(typeof text === 'string' ? utf8(text) : text);
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
};
const parse = (query: string): ReturnType<typeof parseAnnounceQuery> => parseAnnounceQuery(query);

describe('an announce as a query', () => {
  it('says everything, in the words of the vectors', () => {
    expect(announceQuery(ANNOUNCE)).toBe(
      `info_hash=${escaped}&peer_id=-SH0100-abcdefghijkl&port=7000&uploaded=1&downloaded=2&left=3` +
        '&key=00000abc&event=started&numwant=50&compact=1&no_peer_id=1',
    );
  });

  it('names no event where there is none, and gives the tracker its id back', () => {
    const query = announceQuery({ ...ANNOUNCE, event: 'none', trackerId: Uint8Array.of(0x26, 0xff) });
    expect(query).not.toContain('event');
    expect(query).toMatch(/&trackerid=%26%ff$/);
  });

  it.each([
    [Infinity, '9223372036854775807'],
    [2 ** 53 + 2, '9007199254740994'],
    [2 ** 62, '4611686018427387904'],
    [0, '0'],
  ])('says %d bytes left as %s, never with an exponent', (leftBytes, text) => {
    expect(announceQuery({ ...ANNOUNCE, leftBytes })).toContain(`&left=${text}&`);
  });

  it('is read back by a tracker', () => {
    expect(parse(announceQuery({ ...ANNOUNCE, event: 'paused' }))).toEqual({
      ok: true,
      value: { infoHash: HASH, port: 7000, leftBytes: 3, event: 'paused', wanted: 50, compact: true },
    });
  });

  it.each([
    [`info_hash=${vectors.http_announce_info_hash_escaping.aria2_style}&port=1`, {}],
    [`port=1&info_hash=${escaped}&ip=10.0.0.1&left=x&event=resumed&numwant=-5`, {}],
    [`info_hash=${escaped}&info_hash=x&port=1&port=0`, {}],
    [
      `info_hash=${escaped}&port=1&left=0&compact=0&numwant=0&event=stopped`,
      { leftBytes: 0, compact: false, wanted: 0, event: 'stopped' },
    ],
    [`info_hash=${escaped}&port=1&left=9223372036854775807`, { leftBytes: 2 ** 63 }],
    [`info_hash=${escaped}&port=1&left=-1`, {}],
    [`info_hash=${escaped}&port=1&left=99999999999999999999999`, {}],
  ])('is understood as other clients write it: %s', (query, over) => {
    const plain = { infoHash: HASH, port: 1, leftBytes: Infinity, event: 'none', wanted: -1, compact: true };
    expect(parse(query)).toEqual({ ok: true, value: { ...plain, ...over } });
  });

  it.each([
    ['', 'info_hash is missing'],
    ['port=1', 'info_hash is missing'],
    ['info_hash=&port=1', 'info_hash is not 20 bytes'],
    [`info_hash=${escaped}x&port=1`, 'info_hash is not 20 bytes'],
    [`info_hash=${'%41'.repeat(32)}&port=1`, 'info_hash is not 20 bytes'],
    [`info_hash=${escaped}`, 'port is missing'],
    [`info_hash=${escaped}&port=`, 'port is missing'],
    [`info_hash=${escaped}&port=-1`, 'port is missing'],
    [`info_hash=${escaped}&port=65536`, 'port is missing'],
    [`info_hash=${escaped}&port=0`, 'port 0'],
    [`info_hash=${escaped}&port=00`, 'port 0'],
  ])('[fault 12] is refused as %j: %s', (query, reason) => {
    expect(parse(query)).toEqual({ ok: false, reason });
  });

  it('never throws, whatever the query is', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('info_hash=', 'port=', '&', '=', '%', '%41', 'left=', '0', escaped),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const parsed = parse(parts.join(''));
        if (parsed.ok) expect([parsed.value.infoHash.length, parsed.value.port > 0]).toEqual([20, true]);
      }),
    );
  });
});

describe('an answer', () => {
  it('has peers as bytes in both families', () => {
    const peers = Uint8Array.of(10, 0, 0, 1, 0x1b, 0x58, 10, 0, 0, 2, 0, 0);
    const six = concatBytes([fromHex('20010db8000000000000000000000001')!, Uint8Array.of(0, 1)]);
    const text = concatBytes([
      utf8('d8:completei3e10:incompletei4e8:intervali1800e12:min intervali60e5:peers12:'),
      ...[peers, utf8('6:peers618:'), six, utf8('10:tracker id2:ab15:warning message3:hm!e\n')],
    ]);
    expect(answerOf(text)).toEqual({
      ...{ intervalS: 1800, minIntervalS: 60, seeders: 3, leechers: 4 },
      ...{ trackerId: utf8('ab'), warning: 'hm!' },
      peers: [
        { host: '10.0.0.1', port: 7000 },
        { host: '2001:db8::1', port: 1 },
      ],
    });
  });

  it('has peers as dictionaries; names, port 0 and what is none are left out', () => {
    const dicts =
      'd2:ip8:10.0.0.14:porti7000eed2:ip3:::17:peer id3:xyz4:porti2eed2:ip4:host4:porti1eed2:ip8:10.0.0.24:porti0ee' +
      'd2:ip8:10.0.0.34:porti65536eed4:porti1eei5ele';
    expect(answerOf(`d8:intervali1e5:peersl${dicts}ee`).peers).toEqual([
      { host: '10.0.0.1', port: 7000 },
      { host: '::1', port: 2 },
    ]);
  });

  it('may be written by one who does not sort', () => {
    expect(answerOf('d5:peers0:8:intervali9e8:completei1e10:incompletei2ee')).toMatchObject({
      intervalS: 9,
      seeders: 1,
      leechers: 2,
    });
    expect(decode('d8:intervali1e14:failure reason2:noe')).toMatchObject({ refused: true, reason: 'no' });
  });

  it('may leave everything out', () => {
    expect(answerOf('de')).toEqual({
      ...{ intervalS: undefined, minIntervalS: undefined, seeders: undefined, leechers: undefined },
      ...{ peers: [], trackerId: undefined, warning: undefined },
    });
    expect(answerOf('d8:intervali-5e5:peers0:e')).toMatchObject({ intervalS: undefined, peers: [] });
  });

  it('may be a refusal, whose words count whatever else there is', () => {
    expect(decode('d14:failure reason9:not todaye')).toEqual({ ok: false, refused: true, reason: 'not today' });
    expect(decodeAnnounceAnswer(encodeFailure('not today'))).toMatchObject({ refused: true, reason: 'not today' });
    expect(decodeAnnounceAnswer(concatBytes([utf8('d14:failure reason1:'), Uint8Array.of(255), utf8('e')]))).toEqual({
      ...{ ok: false, refused: true, reason: '\ufffd' },
    });
  });

  it.each([
    ['', 'no bencode'],
    ['<html>404</html>', 'no bencode'],
    ['le', 'no dictionary'],
    ['i1e', 'no dictionary'],
    ['d5:peers5:abcdee', 'peers that are none'],
    ['d5:peersi5ee', 'peers that are none'],
    ['d6:peers66:abcdefe', 'peers that are none'],
    ['d5:peersdee', 'peers that are none'],
  ])('[fault 12] that is %j is none: %s', (text, reason) => {
    expect(decode(text)).toEqual({ ok: false, refused: false, reason });
  });

  it('gives no more peers than anybody could use, and forgets a tracker id that is too long', () => {
    const many = new Uint8Array(6 * 10_000).fill(1);
    const id = 'x'.repeat(MAX_TRACKER_ID_BYTES + 1);
    const text = concatBytes([utf8('d5:peers60000:'), many, utf8(`10:tracker id${id.length}:${id}e`)]);
    expect(answerOf(text)).toMatchObject({ trackerId: undefined });
    expect(answerOf(text).peers).toHaveLength(MAX_HTTP_TRACKER_PEERS);
    expect(decodeAnnounceAnswer(new Uint8Array(MAX_HTTP_TRACKER_ANSWER_BYTES + 1))).toMatchObject({ ok: false });
  });

  it('never throws, whatever the bytes are', () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom('d', 'l', 'e', '5:peers', '2:ip', 'i1e', '8:interval', '6:abcdef').map(utf8),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
        expect(decodeAnnounceAnswer(concatBytes(chunks)).ok).toBeTypeOf('boolean');
      }),
    );
  });
});

describe('an answer of ours', () => {
  const facts = { intervalS: 120, minIntervalS: 30, seeders: 1, leechers: 2, completed: 3 };
  const four = Uint8Array.of(10, 0, 0, 1, 0x1b, 0x58);
  const six = concatBytes([fromHex('20010db8000000000000000000000001')!, Uint8Array.of(0, 1)]);

  it('is exactly this in IPv4', () => {
    expect(looseText(encodeAnnounceAnswer({ ...facts, peers: utf8('abcdef') }, 4, true))).toBe(
      'd8:completei1e10:downloadedi3e10:incompletei2e8:intervali120e12:min intervali30e5:peers6:abcdefe',
    );
  });

  it.each([
    [four, 4, true, '10.0.0.1', 7000],
    [four, 4, false, '10.0.0.1', 7000],
    [six, 16, true, '2001:db8::1', 1],
    [six, 16, false, '2001:db8::1', 1],
  ])('is read by a client: %s in %d bytes, compact %s', (peers, addressLength, compact, host, port) => {
    const answer = answerOf(encodeAnnounceAnswer({ ...facts, peers }, addressLength, compact));
    expect(answer).toMatchObject({
      intervalS: 120,
      minIntervalS: 30,
      seeders: 1,
      leechers: 2,
      peers: [{ host, port }],
    });
  });

  it('holds an info hash that a client escaped', () => {
    expect(unescapeBytes(escaped)).toEqual(HASH);
  });
});
