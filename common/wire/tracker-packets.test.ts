import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex, writeU16, writeU32 } from '../base/bytes.ts';
import type { PeerId, WireHash } from '../base/ids.ts';
import { MAX_DATAGRAM_BYTES, MAX_SCRAPE_HASHES } from '../base/limits.ts';
import { vectors } from '../fixtures/vectors.ts';
import type { ConnectionId } from './tracker-header.ts';
import type { Announce, AnnounceRequest } from './tracker-packets.ts';
import {
  decodeAnnounceResponse,
  decodeConnectResponse,
  decodeErrorText,
  decodeRequest,
  decodeScrapeResponse,
  encodeAnnounceRequest,
  encodeAnnounceResponse,
  encodeConnectRequest,
  encodeConnectResponse,
  encodeErrorResponse,
  encodeScrapeRequest,
  encodeScrapeResponse,
} from './tracker-packets.ts';

const hex = (text: string): Uint8Array => fromHex(text)!;
/** A vector without the note that may stand behind it. */
const vector = (name: string): Uint8Array => hex(vectors.udp_tracker[name]!.split(' ')[0]!);

const TID = 0x01020304;
const ID = hex('1122334455667788') as ConnectionId;
const HASH = new Uint8Array(20).fill(0x4b) as WireHash;

const ANNOUNCE: Announce = {
  infoHash: vector('announce_request').slice(16, 36) as WireHash,
  peerId: vector('announce_request').slice(36, 56) as PeerId,
  downloadedBytes: 0,
  leftBytes: 1572869,
  uploadedBytes: 0,
  event: 'started',
  key: 0xcafebabe,
  wanted: -1,
  port: 6881,
  ttlS: undefined,
  urlPath: '',
};

const announceOf = (bytes: Uint8Array): AnnounceRequest => {
  const request = decodeRequest(bytes);
  if (!request.ok || request.value.kind !== 'announce') throw new Error('no announce');
  return request.value;
};

describe('the vectors of a UDP tracker', () => {
  it('reads and writes a connect request', () => {
    expect(decodeRequest(vector('connect_request'))).toEqual({
      ok: true,
      value: { kind: 'connect', transactionId: TID },
    });
    expect(encodeConnectRequest(TID)).toEqual(vector('connect_request'));
  });

  it('reads and writes a connect response', () => {
    expect(decodeConnectResponse(vector('connect_response'))).toEqual({ ok: true, value: ID });
    expect(encodeConnectResponse(TID, ID)).toEqual(vector('connect_response'));
  });

  it('reads and writes an announce request', () => {
    const { urlPath, ...fields } = ANNOUNCE;
    expect(urlPath).toBe('');
    expect(announceOf(vector('announce_request'))).toEqual({ kind: 'announce', transactionId: TID, ...fields });
    expect(toHex(encodeAnnounceRequest(ID, TID, ANNOUNCE))).toBe(toHex(vector('announce_request')));
  });

  it.each(['announce_request_with_url_option', 'announce_request_as_aria2'])(
    '[fault 18] reads %s as the same announce without its tail',
    (name) => {
      expect(announceOf(vector(name))).toEqual(announceOf(vector('announce_request')));
    },
  );

  it('writes the URL option as libtorrent does', () => {
    expect(encodeAnnounceRequest(ID, TID, { ...ANNOUNCE, urlPath: '/announce' })).toEqual(
      vector('announce_request_with_url_option'),
    );
  });

  it('reads and writes an announce response with IPv4 peers', () => {
    const bytes = vector('announce_response_v4');
    const peers = [
      { host: '10.0.0.1', port: 6881 },
      { host: '10.0.0.2', port: 6882 },
    ];
    expect(decodeAnnounceResponse(bytes, 4)).toEqual({
      ok: true,
      value: { intervalS: 30, leechers: 1, seeders: 2, peers },
    });
    const compact = { intervalS: 30, leechers: 1, seeders: 2, peers: bytes.subarray(20) };
    expect(encodeAnnounceResponse(TID, compact)).toEqual(bytes);
  });

  it('reads an announce response with IPv6 peers', () => {
    const peers = [{ host: 'fd00::1', port: 6881 }];
    expect(decodeAnnounceResponse(vector('announce_response_v6'), 16)).toEqual({
      ok: true,
      value: { intervalS: 30, leechers: 0, seeders: 1, peers },
    });
  });

  it('reads and writes scrapes', () => {
    const request = vector('scrape_request');
    const hash = request.slice(16) as WireHash;
    expect(decodeRequest(request)).toEqual({
      ok: true,
      value: { kind: 'scrape', transactionId: TID, hashes: [hash] },
    });
    expect(encodeScrapeRequest(ID, TID, [hash])).toEqual(request);
    const response = vector('scrape_response_seeders2_completed5_leechers1');
    const counts = [{ seeders: 2, completed: 5, leechers: 1 }];
    expect(decodeScrapeResponse(response)).toEqual({ ok: true, value: counts });
    expect(encodeScrapeResponse(TID, counts)).toEqual(response);
  });

  it('reads and writes an error', () => {
    const bytes = vector('error_response');
    expect(decodeErrorText(bytes)).toBe('Connection ID mismatch');
    expect(encodeErrorResponse(TID, 'Connection ID mismatch')).toEqual(bytes);
  });
});

describe('requests that are not as expected', () => {
  it('[fault 1] says of every prefix that it is short, and that it may not be answered', () => {
    for (const name of ['connect_request', 'announce_request', 'scrape_request']) {
      const whole = vector(name);
      for (let length = 0; length < whole.length; length++) {
        expect(decodeRequest(whole.subarray(0, length))).toEqual({
          ok: false,
          answerable: false,
          reason: 'short_packet',
        });
      }
    }
  });

  it('[fault 2] says of another protocol constant that it may not be answered', () => {
    const bytes = vector('connect_request');
    bytes[7]! ^= 1;
    expect(decodeRequest(bytes)).toEqual({ ok: false, answerable: false, reason: 'wrong_magic' });
  });

  it('drops unknown actions', () => {
    for (const action of [3, 4, 0xffff_ffff, 0x746a_0100]) {
      const bytes = vector('scrape_request');
      writeU32(bytes, 8, action);
      expect(decodeRequest(bytes)).toEqual({ ok: false, answerable: false, reason: 'unknown_action' });
    }
  });

  it('[fault 7] tells an announce with port 0 so', () => {
    const bytes = vector('announce_request');
    writeU16(bytes, 96, 0);
    const reason = { ok: false, answerable: true, reason: 'zero_port', transactionId: TID, text: 'port 0' };
    expect(decodeRequest(bytes)).toEqual(reason);
  });

  it('takes connects that are longer than the standard', () => {
    const longer = concatBytes([vector('connect_request'), new Uint8Array(50)]);
    expect(decodeRequest(longer)).toMatchObject({ ok: true, value: { kind: 'connect' } });
  });

  it('[fault 9] leaves out what is ragged or too much in a scrape', () => {
    const hashesIn = (count: number, extraBytes: number): number => {
      const head = vector('scrape_request').subarray(0, 16);
      const request = decodeRequest(concatBytes([head, new Uint8Array(20 * count + extraBytes)]));
      return request.ok && request.value.kind === 'scrape' ? request.value.hashes.length : -1;
    };
    expect(hashesIn(3, 19)).toBe(3);
    expect(hashesIn(MAX_SCRAPE_HASHES, 0)).toBe(MAX_SCRAPE_HASHES);
    expect(hashesIn(MAX_SCRAPE_HASHES + 1, 7)).toBe(MAX_SCRAPE_HASHES);
    expect(hashesIn(3_000, 0)).toBe(MAX_SCRAPE_HASHES);
  });

  it('reads an unknown event as none, and 4 as a partial seed', () => {
    const bytes = vector('announce_request');
    writeU32(bytes, 80, 4);
    expect(announceOf(bytes).event).toBe('paused');
    for (const event of [5, 0x8000_0000, 0xffff_ffff]) {
      writeU32(bytes, 80, event);
      expect(announceOf(bytes).event).toBe('none');
    }
  });

  it('never reads the IP field', () => {
    const bytes = vector('announce_request');
    const claimed = bytes.slice();
    writeU32(claimed, 84, 0x01020304);
    expect(announceOf(claimed)).toEqual(announceOf(bytes));
  });

  it('tells 0 left from every other 64-bit number', () => {
    const leftOf = (text: string): number => {
      const bytes = vector('announce_request');
      bytes.set(hex(text), 64);
      return announceOf(bytes).leftBytes;
    };
    expect(leftOf('0000000000000000')).toBe(0);
    expect(leftOf('0000000100000000')).toBe(2 ** 32);
    expect(leftOf('8000000000000000')).toBe(2 ** 63);
    expect(leftOf('7fffffffffffffff')).toBeGreaterThan(2 ** 62);
    expect(leftOf('ffffffffffffffff')).toBeGreaterThan(2 ** 63);
    const unknown = encodeAnnounceRequest(ID, TID, { ...ANNOUNCE, leftBytes: Infinity });
    expect(toHex(unknown.subarray(64, 72))).toBe('7fffffffffffffff');
  });

  it('never throws on any bytes, and answers nothing that has no header', () => {
    const action = fc.constantFrom(0, 1, 2, 3, 0x746b0100, 0x746b0101, 0x746b0102, 0x746b0103, 0x746b0104, 0x746b0105);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), action, (bytes, number) => {
        if (bytes.length >= 12) writeU32(bytes, 8, number);
        const request = decodeRequest(bytes);
        if (!request.ok && request.answerable) expect(bytes.length).toBeGreaterThanOrEqual(16);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the options behind an announce', () => {
  const withTail = (tail: string): AnnounceRequest => announceOf(concatBytes([vector('announce_request'), hex(tail)]));

  it('finds our own option behind others', () => {
    expect(withTail('54040100005a').ttlS).toBe(90);
    expect(withTail('01010202616254040100005a').ttlS).toBe(90);
    expect(withTail('7f00' + '54040100005a').ttlS).toBe(90);
    expect(withTail('5406010000' + '5affff').ttlS).toBe(90);
  });

  it('[fault 18] takes the announce whatever the tail is', () => {
    for (const tail of [
      '00' + '54040100005a',
      '54',
      '5404',
      '5404010000',
      '54030100005a',
      '54040200005a',
      '02ff2f',
      '',
    ]) {
      expect(withTail(tail).ttlS).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (tail) => {
        const whole = announceOf(concatBytes([vector('announce_request'), tail]));
        expect({ ...whole, ttlS: undefined }).toEqual(announceOf(vector('announce_request')));
      }),
    );
  });

  it('splits a path that is longer than an option', () => {
    const bytes = encodeAnnounceRequest(ID, TID, { ...ANNOUNCE, urlPath: `/${'a'.repeat(299)}`, ttlS: 90 });
    expect(bytes.length).toBe(98 + 2 + 255 + 2 + 45 + 6);
    expect([...bytes.subarray(98, 101)]).toEqual([2, 255, 0x2f]);
    expect([...bytes.subarray(98 + 257, 98 + 259)]).toEqual([2, 45]);
    expect(announceOf(bytes).ttlS).toBe(90);
  });
});

describe('responses that are not as expected', () => {
  it('refuses short and ragged announce answers, among them the 8 bytes of a tracker with a whitelist', () => {
    const whole = vector('announce_response_v4');
    for (let length = 0; length < 20; length++) {
      expect(decodeAnnounceResponse(whole.subarray(0, length), 4)).toEqual({ ok: false, reason: 'too short' });
    }
    expect(decodeAnnounceResponse(whole.subarray(0, 31), 4)).toEqual({ ok: false, reason: 'ragged length' });
    expect(decodeAnnounceResponse(whole, 16)).toEqual({ ok: false, reason: 'ragged length' });
    expect(decodeConnectResponse(whole.subarray(0, 15))).toEqual({ ok: false, reason: 'too short' });
    expect(decodeScrapeResponse(whole.subarray(0, 7))).toEqual({ ok: false, reason: 'too short' });
    expect(decodeScrapeResponse(whole.subarray(0, 21))).toEqual({ ok: false, reason: 'ragged length' });
  });

  it('leaves out peers with port 0', () => {
    const bytes = vector('announce_response_v4');
    writeU16(bytes, 24, 0);
    expect(decodeAnnounceResponse(bytes, 4)).toMatchObject({ value: { peers: [{ host: '10.0.0.2', port: 6882 }] } });
  });
});

describe('round trips', () => {
  const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
  const u32 = fc.nat({ max: 0xffff_ffff });
  const amount = fc.maxSafeNat();

  it('reads every announce it writes', () => {
    const announces = fc.record({
      infoHash: bytesOf(20),
      peerId: bytesOf(20),
      downloadedBytes: amount,
      leftBytes: amount,
      uploadedBytes: amount,
      event: fc.constantFrom('none', 'completed', 'started', 'stopped', 'paused'),
      key: u32,
      wanted: fc.integer(),
      port: fc.integer({ min: 1, max: 0xffff }),
      ttlS: fc.option(fc.nat({ max: 0xffff }), { nil: undefined }),
      urlPath: fc.string({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(announces, u32, (announce, transactionId) => {
        const bytes = encodeAnnounceRequest(ID, transactionId, announce as unknown as Announce);
        const { urlPath: _, ...fields } = announce;
        expect(bytes.subarray(0, 8)).toEqual(ID);
        expect(announceOf(bytes)).toEqual({ kind: 'announce', transactionId, ...fields });
      }),
    );
  });

  it('fills a datagram with a scrape of as many hashes as it takes', () => {
    const hashes = Array.from({ length: MAX_SCRAPE_HASHES }, () => HASH);
    const counts = hashes.map((_, i) => ({ seeders: i, completed: 0xffff_ffff, leechers: 1 }));
    const response = encodeScrapeResponse(TID, counts);
    expect(response.length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
    expect(decodeScrapeResponse(response)).toEqual({ ok: true, value: counts });
    expect(decodeRequest(encodeScrapeRequest(ID, TID, hashes))).toMatchObject({ value: { hashes } });
  });
});
