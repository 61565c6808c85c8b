import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../base/bytes.ts';
import { wireHashOf, type InfoHashV2, type PeerId } from '../base/ids.ts';
import { vectors } from '../fixtures/vectors.ts';
import {
  BLOCK_HEADER_BYTES,
  couldBeHandshake,
  decodeBlockRef,
  decodeHandshakeHead,
  decodeHandshakePeerId,
  encodeBare,
  encodeBitfield,
  encodeBlockHeader,
  encodeBlockRef,
  encodeExtended,
  encodeHandshake,
  encodeHashes,
  encodeHashMessage,
  encodeHave,
  encodeKeepAlive,
  HANDSHAKE_HEAD_BYTES,
  MESSAGE,
} from './peer-messages.ts';
import { decodeHashRequest } from './hash-request.ts';
import { encodeMetadataMessage } from './extended.ts';

const { wire } = vectors;
const bytesOf = (name: string): Uint8Array => fromHex(wire[name]!)!;
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a handshake', () => {
  const { btmh } = vectors.torrents['s1572869.v2.torrent']!;
  const wireHash = wireHashOf(fromHex(btmh!.slice(4))! as InfoHashV2);
  const peerId = ascii('-XX0001-abcdefghijkl') as PeerId;

  it('is written as another implementation does', () => {
    const flags = { extended: true, fast: true, upgrade: false };
    expect(toHex(encodeHandshake({ flags, wireHash, peerId }))).toBe(wire['handshake_v2_only']);
  });

  it('of another implementation is read', () => {
    const bytes = bytesOf('handshake_v2_only');
    expect(couldBeHandshake(bytes)).toBe(true);
    expect(decodeHandshakeHead(bytes.subarray(0, HANDSHAKE_HEAD_BYTES))).toEqual({
      flags: { extended: true, fast: true, upgrade: false },
      wireHash,
    });
    expect(decodeHandshakePeerId(bytes)).toEqual(peerId);
  });

  it('carries each flag in its own bit', () => {
    for (let set = 0; set < 8; set++) {
      const flags = { extended: (set & 1) !== 0, fast: (set & 2) !== 0, upgrade: (set & 4) !== 0 };
      const bytes = encodeHandshake({ flags, wireHash, peerId });
      expect(decodeHandshakeHead(bytes).flags).toEqual(flags);
      expect([bytes[25], bytes[27]]).toEqual([
        flags.extended ? 0x10 : 0,
        (flags.fast ? 0x04 : 0) | (flags.upgrade ? 0x10 : 0),
      ]);
    }
  });

  it('[fault 40] may set any other reserved bit: DHT and what is not invented yet', () => {
    const bytes = bytesOf('handshake_v2_only');
    bytes.fill(0xff, 20, 28);
    expect(couldBeHandshake(bytes)).toBe(true);
    expect(decodeHandshakeHead(bytes).flags).toEqual({ extended: true, fast: true, upgrade: true });
  });

  it('gives a hash and a peer id that stay when the buffer is used again', () => {
    const bytes = bytesOf('handshake_v2_only');
    const head = decodeHandshakeHead(bytes);
    const id = decodeHandshakePeerId(bytes);
    bytes.fill(0);
    expect(head.wireHash).toEqual(wireHash);
    expect(id).toEqual(peerId);
  });

  it('[fault 28] is ruled out by its first wrong byte', () => {
    const bytes = bytesOf('handshake_v2_only');
    expect(couldBeHandshake(new Uint8Array(0))).toBe(true);
    for (let length = 1; length <= 20; length++) {
      const start = bytes.slice(0, length);
      expect(couldBeHandshake(start)).toBe(true);
      start[length - 1]! ^= 0x20;
      expect(couldBeHandshake(start)).toBe(false);
    }
    expect(couldBeHandshake(ascii('GET / HTTP/1.1'))).toBe(false);
  });
});

describe('a message is written as another implementation does:', () => {
  it.each([
    ['keepalive', encodeKeepAlive()],
    ['have_all', encodeBare(MESSAGE.haveAll)],
    ['have_none', encodeBare(MESSAGE.haveNone)],
    ['request_piece2_offset16384_len16384', encodeBlockRef(MESSAGE.request, 2, 16384, 16384)],
    ['reject_of_it', encodeBlockRef(MESSAGE.reject, 2, 16384, 16384)],
    ['bitfield_pieces_0_2_3_of_4', encodeBitfield(Uint8Array.of(0b10110000))],
    [
      'ut_metadata_request_piece0_to_peer_using_id3',
      encodeExtended(3, encodeMetadataMessage({ type: 'request', block: 0 })),
    ],
  ])('%s', (name, bytes) => {
    expect(toHex(bytes)).toBe(wire[name]);
  });

  it('ut_metadata data', () => {
    const info = new Uint8Array(164).fill(0x2e);
    const message = encodeExtended(2, encodeMetadataMessage({ type: 'data', block: 0, totalBytes: 164, data: info }));
    const dictionary = ascii(wire['ut_metadata_data_head']!.split(' ')[0]!);
    expect(message).toEqual(
      concatBytes([Uint8Array.of(0, 0, 0, 2 + dictionary.length + 164, 20, 2), dictionary, info]),
    );
  });

  it.each(vectors.hash_messages.map((vector) => [vector.note, vector] as const))('hash request: %s', (_, vector) => {
    const bytes = fromHex(vector.request_hex)!;
    const request = decodeHashRequest(bytes, 5);
    expect(request).toMatchObject({
      baseLayer: vector.base_layer,
      index: vector.index,
      length: vector.length,
      proofLayers: vector.proof_layers,
    });
    expect(encodeHashMessage(MESSAGE.hashRequest, request)).toEqual(bytes);
    if (vector.answer_hex === undefined) return;
    const answer = fromHex(vector.answer_hex)!;
    expect(encodeHashes(request, answer.subarray(5 + 48))).toEqual(answer);
  });
});

describe('numbers of a message', () => {
  it('are unsigned in both directions', () => {
    const bytes = encodeBlockRef(MESSAGE.cancel, 0xffffffff, 0x80000000, 0xfffffffe);
    expect(toHex(bytes)).toBe('0000000d08ffffffff80000000fffffffe');
    expect(decodeBlockRef(bytes.subarray(5))).toEqual({ piece: 0xffffffff, begin: 0x80000000, length: 0xfffffffe });
  });

  it('of a have and of a block header stand where BEP 3 puts them', () => {
    expect(toHex(encodeHave(0x01020304))).toBe('000000050401020304');
    const header = encodeBlockHeader(5, 16384, 9522);
    expect(header.length).toBe(BLOCK_HEADER_BYTES);
    expect(toHex(header)).toBe(`${(9 + 9522).toString(16).padStart(8, '0')}070000000500004000`);
  });
});
