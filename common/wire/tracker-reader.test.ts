import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeU16, writeU32 } from '../base/bytes.ts';
import { decodeRequest } from './tracker-packets.ts';
import { RequestReader } from './tracker-reader.ts';

describe('the reader of requests', () => {
  it('reads every datagram as decodeRequest does', () => {
    const reader = new RequestReader();
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 130 }), fc.uint8Array({ minLength: 98, maxLength: 130 }));
    const action = fc.oneof(fc.constant(1), fc.nat({ max: 4 }));
    fc.assert(
      fc.property(bytes, action, fc.nat({ max: 5 }), fc.nat({ max: 3 }), (datagram, number, event, port) => {
        if (datagram.length >= 16) writeU32(datagram, 8, number);
        if (datagram.length >= 98) {
          writeU32(datagram, 80, event);
          writeU16(datagram, 96, port);
        }
        const [read, decoded] = [reader.read(datagram), decodeRequest(datagram)];
        if (read.ok && read.value.kind === 'announce') expect(decoded).toMatchObject(read);
        else expect(read).toEqual(decoded);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps no view of the datagram', () => {
    const reader = new RequestReader();
    const datagram = new Uint8Array(98).fill(3);
    writeU32(datagram, 8, 1);
    const read = reader.read(datagram);
    datagram.fill(0);
    expect(read).toMatchObject({ ok: true, value: { infoHash: new Uint8Array(20).fill(3), port: 0x0303 } });
  });
});
