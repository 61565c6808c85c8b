import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../base/bytes.ts';
import { vectors } from '../fixtures/vectors.ts';
import { decodeHashRequest, encodeHashRequest, HASH_REQUEST_BYTES } from './hash-request.ts';

describe('a hash request', () => {
  it.each(vectors.hash_messages)('is written and read as by another client: $note', (vector) => {
    const message = fromHex(vector.request_hex)!;
    const request = {
      root: fromHex(vectors.files[vector.file]!.pieces_root!)!,
      baseLayer: vector.base_layer,
      index: vector.index,
      length: vector.length,
      proofLayers: vector.proof_layers,
    };
    const ours = message.slice();
    ours.fill(0, 5);
    encodeHashRequest(ours, 5, request);
    expect(toHex(ours)).toBe(vector.request_hex);
    expect(decodeHashRequest(message, 5)).toEqual(request);
  });

  it('keeps every 32-bit number unsigned', () => {
    const u32 = fc.nat({ max: 0xffffffff });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), u32, u32, u32, u32, (root, ...numbers) => {
        const [baseLayer, index, length, proofLayers] = numbers;
        const request = { root, baseLayer, index, length, proofLayers };
        const bytes = new Uint8Array(HASH_REQUEST_BYTES);
        encodeHashRequest(bytes, 0, request);
        expect(decodeHashRequest(bytes, 0)).toEqual(request);
      }),
    );
  });

  it('does not keep hold of the bytes it was read from', () => {
    const bytes = new Uint8Array(HASH_REQUEST_BYTES).fill(7);
    const request = decodeHashRequest(bytes, 0);
    bytes.fill(9);
    expect(request.root).toEqual(new Uint8Array(32).fill(7));
  });
});
