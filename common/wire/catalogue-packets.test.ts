import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, writeU16, writeU32 } from '../base/bytes.ts';
import type { InfoHashV1, InfoHashV2, PeerId, WireHash } from '../base/ids.ts';
import { MAX_DATAGRAM_BYTES, MAX_HEARTBEAT_HASHES } from '../base/limits.ts';
import type { CatalogueEntry, CatalogueItem } from './catalogue-entry.ts';
import { entryBytes, itemSwarm } from './catalogue-entry.ts';
import { catalogueErrorCode, catalogueErrorText } from './catalogue-errors.ts';
import { decodeCatalogueRequest } from './catalogue-packets.ts';
import type { Publish } from './catalogue-publishing.ts';
import {
  decodeBeatResponse,
  decodePublishResponse,
  encodeBeatRequest,
  encodeBeatResponse,
  encodePublishRequest,
  encodePublishResponse,
} from './catalogue-publishing.ts';
import {
  decodeHelloResponse,
  decodeListResponse,
  decodeLookupResponse,
  encodeHelloRequest,
  encodeHelloResponse,
  encodeListRequest,
  encodeListResponse,
  encodeLookupRequest,
  encodeLookupResponse,
} from './catalogue-reading.ts';
import type { ConnectionId } from './tracker-header.ts';

const ID = fromHex('1122334455667788')! as ConnectionId;
const TID = 0x01020304;
const PEER = new Uint8Array(20).fill(0x2d) as PeerId;
const V2 = new Uint8Array(32).fill(0x22) as InfoHashV2;
const V1 = new Uint8Array(20).fill(0x11) as InfoHashV1;

const ITEM: CatalogueItem = {
  infoHashV2: V2,
  infoHashV1: undefined,
  multiFile: false,
  unlisted: false,
  pieceBytes: 512 * 1024,
  sizeBytes: 5_000_000_000,
  infoBytes: 123,
  name: 'naïve.iso',
};
const PUBLISH: Publish = { peerId: PEER, port: 7000, ttlS: 90, item: ITEM };
const entryOf = (item: CatalogueItem): CatalogueEntry => ({ ...item, infoBytes: undefined, seeders: 3, leechers: 1 });

describe('publish', () => {
  it('stands on the wire as described', () => {
    expect(toHex(encodePublishRequest(ID, TID, PUBLISH))).toBe(
      '1122334455667788' +
        '746b0101' +
        '01020304' +
        '2d'.repeat(20) +
        '1b58' +
        '01' +
        '13' +
        '000000012a05f200' +
        '22'.repeat(32) +
        '00'.repeat(20) +
        '0000007b' +
        '005a' +
        '000a' +
        '6e61c3af76652e69736f',
    );
  });

  it('is read as it was written, with any pair of hashes', () => {
    for (const hashes of [{}, { infoHashV1: V1 }, { infoHashV1: V1, infoHashV2: undefined }]) {
      const item = { ...ITEM, ...hashes, multiFile: true, unlisted: true };
      const request = decodeCatalogueRequest(encodePublishRequest(ID, TID, { ...PUBLISH, item }));
      expect(request).toEqual({ ok: true, value: { kind: 'publish', transactionId: TID, port: 7000, ttlS: 90, item } });
    }
    expect(itemSwarm(ITEM)).toEqual(V2.slice(0, 20));
    expect(itemSwarm({ infoHashV2: undefined, infoHashV1: V1 })).toEqual(V1);
  });

  it('ignores options behind the name', () => {
    const bytes = encodePublishRequest(ID, TID, PUBLISH);
    const longer = new Uint8Array(bytes.length + 18);
    longer.set(bytes);
    longer.set([1, 16], bytes.length);
    expect(decodeCatalogueRequest(longer)).toEqual(decodeCatalogueRequest(bytes));
  });

  it.each<[string, (bytes: Uint8Array) => void, string]>([
    ['port 0', (bytes) => writeU16(bytes, 36, 0), 'zero-port'],
    ['no hash at all', (bytes) => (bytes[38] = 12), 'malformed'],
    ['pieces of 8 KiB', (bytes) => (bytes[39] = 13), 'malformed'],
    ['pieces of 256 MiB', (bytes) => (bytes[39] = 28), 'malformed'],
    ['a size past 2^53', (bytes) => (bytes[40] = 1), 'malformed'],
    ['an info dictionary of 4 GiB', (bytes) => writeU32(bytes, 100, 0xffff_ffff), 'malformed'],
    ['no name', (bytes) => writeU16(bytes, 106, 0), 'bad-name'],
    ['a name past the end', (bytes) => writeU16(bytes, 106, 11), 'bad-name'],
    ['a name of 201 bytes', (bytes) => writeU16(bytes, 106, 201), 'bad-name'],
    ['a name that is not UTF-8', (bytes) => (bytes[110] = 0xff), 'bad-name'],
  ])('refuses %s', (_, spoil, reason) => {
    const bytes = encodePublishRequest(ID, TID, PUBLISH);
    spoil(bytes);
    expect(decodeCatalogueRequest(bytes)).toMatchObject({ ok: false, reason });
  });

  it('is answered with the ttl and the sequence', () => {
    const answer = { ttlS: 90, sequence: 0x0102_0304_0506_0708n };
    const bytes = encodePublishResponse(TID, answer);
    expect(toHex(bytes)).toBe('746b0101' + '01020304' + '005a' + '0000' + '0102030405060708');
    expect(decodePublishResponse(bytes)).toEqual({ ok: true, value: answer });
    expect(decodePublishResponse(bytes.subarray(0, 19))).toEqual({ ok: false, reason: 'too short' });
  });
});

describe('hello', () => {
  it('stands on the wire as described', () => {
    expect(toHex(encodeHelloRequest(ID, TID))).toBe('1122334455667788' + '746b0100' + '01020304');
    const answer = { operations: 0x3f, intervalS: 30, maxEntriesPerSource: 256, maxHeartbeatHashes: 55 };
    const bytes = encodeHelloResponse(TID, answer);
    expect(toHex(bytes)).toBe('746b0100' + '01020304' + '0000003f' + '001e' + '0100' + '0037');
    expect(decodeHelloResponse(bytes)).toEqual({ ok: true, value: answer });
    expect(decodeHelloResponse(bytes.subarray(0, 17))).toEqual({ ok: false, reason: 'too short' });
  });
});

describe('list', () => {
  it('stands on the wire as described', () => {
    const bytes = encodeListRequest(ID, TID, { cursor: 258n, max: 7, query: 'iso' });
    expect(toHex(bytes)).toBe(
      '1122334455667788746b010201020304' + '0000000000000102' + '0007' + '00' + '03' + '69736f',
    );
    expect(decodeCatalogueRequest(bytes)).toEqual({
      ok: true,
      value: { kind: 'list', transactionId: TID, cursor: 258n, max: 7, query: 'iso' },
    });
  });

  it('refuses a query that is too long, cut or no text', () => {
    const long = encodeListRequest(ID, TID, { cursor: 0n, max: 0, query: 'a'.repeat(65) });
    const whole = encodeListRequest(ID, TID, { cursor: 0n, max: 0, query: 'aé' });
    for (const bytes of [long, whole.subarray(0, 27), whole.subarray(0, whole.length - 1)]) {
      expect(decodeCatalogueRequest(bytes)).toMatchObject({ ok: false, reason: 'malformed' });
    }
    whole[29] = 0xff;
    expect(decodeCatalogueRequest(whole)).toMatchObject({ ok: false, reason: 'malformed' });
  });

  it('is answered with entries as described', () => {
    const entries = [entryOf(ITEM), entryOf({ ...ITEM, infoHashV1: V1, name: 'b' })];
    const bytes = encodeListResponse(TID, { nextCursor: 5n, matches: 9, entries });
    const first = '0113' + '0003' + '0001' + '000000012a05f200' + '22'.repeat(32) + '0a' + '6e61c3af76652e69736f';
    const second = '0313' + '0003' + '0001' + '000000012a05f200' + '22'.repeat(32) + '11'.repeat(20) + '01' + '62';
    expect(toHex(bytes)).toBe('746b010201020304' + '0000000000000005' + '00000009' + '0002' + first + second);
    expect(decodeListResponse(bytes)).toEqual({ ok: true, value: { nextCursor: 5n, matches: 9, entries } });
    expect(entryBytes(ITEM)).toBe(first.length / 2);
  });

  it('holds swarms that are wider than the fields', () => {
    const entries = [{ ...entryOf(ITEM), seeders: 70_000, leechers: 65_536 }];
    const answer = decodeListResponse(encodeListResponse(TID, { nextCursor: 0n, matches: 1, entries }));
    expect(answer).toMatchObject({ value: { entries: [{ seeders: 65_535, leechers: 65_535 }] } });
  });

  it('refuses every cut of an answer', () => {
    const whole = encodeListResponse(TID, { nextCursor: 5n, matches: 9, entries: [entryOf(ITEM)] });
    for (let length = 0; length < whole.length; length++) {
      expect(decodeListResponse(whole.subarray(0, length)).ok).toBe(false);
    }
  });

  it('never throws on any answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        if (bytes.length > 21) writeU16(bytes, 20, bytes[20]! & 7);
        decodeListResponse(bytes);
        decodeLookupResponse(bytes);
        decodeBeatResponse(bytes);
      }),
    );
  });
});

describe('lookup', () => {
  it('is read as it was written, by every kind of key', () => {
    const keys = [
      { kind: 'swarm', hash: V1 as Uint8Array as WireHash },
      { kind: 'v2', hash: V2 },
      { kind: 'name', name: 'naïve.iso' },
    ] as const;
    for (const by of keys) {
      expect(decodeCatalogueRequest(encodeLookupRequest(ID, TID, by))).toEqual({
        ok: true,
        value: { kind: 'lookup', transactionId: TID, by },
      });
    }
    expect(toHex(encodeLookupRequest(ID, TID, keys[2]).subarray(16))).toBe('020a6e61c3af76652e69736f');
  });

  it('refuses hashes of another length, unknown kinds and cuts', () => {
    const whole = encodeLookupRequest(ID, TID, { kind: 'v2', hash: V2 });
    const wrongLength = whole.slice();
    wrongLength[17] = 31;
    const unknownKind = whole.slice();
    unknownKind[16] = 3;
    for (const bytes of [wrongLength, unknownKind, whole.subarray(0, 49), whole.subarray(0, 17)]) {
      expect(decodeCatalogueRequest(bytes)).toMatchObject({ ok: false, reason: 'malformed' });
    }
  });

  it('is answered with the size of the info dictionary behind each entry', () => {
    const entries = [{ ...entryOf(ITEM), infoBytes: 123 }];
    const bytes = encodeLookupResponse(TID, entries);
    expect(toHex(bytes.subarray(-4))).toBe('0000007b');
    expect(decodeLookupResponse(bytes)).toEqual({ ok: true, value: entries });
    expect(decodeLookupResponse(bytes.subarray(0, bytes.length - 1))).toEqual({ ok: false, reason: 'bad entry' });
  });
});

describe('heartbeat and withdraw', () => {
  const hashes = Array.from({ length: MAX_HEARTBEAT_HASHES }, (_, i) => new Uint8Array(20).fill(i) as WireHash);

  it('are read as they were written', () => {
    for (const kind of ['heartbeat', 'withdraw'] as const) {
      const bytes = encodeBeatRequest(ID, TID, { kind, peerId: PEER, key: 1, port: 7000, hashes });
      expect(bytes.length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
      expect(decodeCatalogueRequest(bytes)).toEqual({
        ok: true,
        value: { kind, transactionId: TID, port: 7000, hashes },
      });
    }
    const none = encodeBeatRequest(ID, TID, { kind: 'heartbeat', peerId: PEER, key: 1, port: 7000, hashes: [] });
    expect(decodeCatalogueRequest(none)).toMatchObject({ ok: true, value: { hashes: [] } });
  });

  it('refuse more hashes than there are, or than are allowed', () => {
    const bytes = encodeBeatRequest(ID, TID, {
      kind: 'heartbeat',
      peerId: PEER,
      key: 1,
      port: 7000,
      hashes: hashes.slice(0, 2),
    });
    expect(decodeCatalogueRequest(bytes.subarray(0, bytes.length - 1))).toMatchObject({ reason: 'malformed' });
    const many = encodeBeatRequest(ID, TID, {
      kind: 'heartbeat',
      peerId: PEER,
      key: 1,
      port: 7000,
      hashes: [...hashes, hashes[0]!],
    });
    expect(decodeCatalogueRequest(many)).toMatchObject({ reason: 'malformed' });
    writeU16(bytes, 40, 0);
    expect(decodeCatalogueRequest(bytes)).toMatchObject({ reason: 'zero-port' });
  });

  it('are answered with a bitmap, most significant bit first', () => {
    const known = [true, false, true, false, false, false, false, false, true];
    const bytes = encodeBeatResponse('heartbeat', TID, { intervalS: 30, known });
    expect(toHex(bytes)).toBe('746b010401020304' + '0000001e' + '0009' + 'a080');
    expect(decodeBeatResponse(bytes)).toEqual({ ok: true, value: { intervalS: 30, known } });
    expect(decodeBeatResponse(bytes.subarray(0, 15))).toEqual({ ok: false, reason: 'too short' });
  });
});

describe('errors', () => {
  it('carry their code in the text', () => {
    expect(catalogueErrorCode(catalogueErrorText('slow-down', 'once a second'))).toBe('slow-down');
    expect(catalogueErrorCode('Connection ID mismatch')).toBeUndefined();
    expect(catalogueErrorCode('tk nonsense')).toBeUndefined();
    expect(catalogueErrorCode('')).toBeUndefined();
  });

  it('answer our own actions of other versions', () => {
    const bytes = encodeHelloRequest(ID, TID);
    for (const action of [0x746b0106, 0x746b0200, 0x746b01ff]) {
      writeU32(bytes, 8, action);
      expect(decodeCatalogueRequest(bytes)).toMatchObject({ ok: false, reason: 'unknown-operation' });
    }
  });
});
