import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, utf8 } from '../base/bytes.ts';
import { MAX_PEX_TAKEN } from '../base/limits.ts';
import { vectors } from '../fixtures/vectors.ts';
import { decodePex, encodePex, PEX_FLAG, type PexMessage } from './pex.ts';

/** The vector writes raw bytes as `<hex>`. */
const rawOf = (text: string): Uint8Array =>
  concatBytes(text.split(/[<>]/).map((part, i) => (i % 2 === 0 ? utf8(part) : fromHex(part)!)));

const read = (payload: Uint8Array | string): PexMessage | undefined => {
  const result = decodePex(typeof payload === 'string' ? utf8(payload) : payload);
  return result.ok ? result.value : undefined;
};

describe('a peer exchange', () => {
  it('of Transmission is read', () => {
    expect(read(rawOf(vectors.pex_example.payload))).toEqual({
      added: [{ endpoint: { host: '10.99.0.1', port: 7111 }, flags: PEX_FLAG.reachable }],
      dropped: [],
    });
  });

  it('without anything, as aria2 sends it, is one', () => {
    expect(read('de')).toEqual({ added: [], dropped: [] });
  });

  it('is read as it was written, both families', () => {
    const message = {
      added: [
        { endpoint: { host: '10.0.0.1', port: 7001 }, flags: PEX_FLAG.reachable | PEX_FLAG.uploadOnly },
        { endpoint: { host: 'fd00::1', port: 7002 }, flags: 0 },
      ],
      dropped: [
        { host: '10.0.0.3', port: 1 },
        { host: 'fd00::2', port: 65_535 },
      ],
    };
    expect(read(encodePex(message))).toEqual(message);
  });

  it('has one flag for each contact of its family, and all keys sorted', () => {
    const text = new TextDecoder('latin1').decode(
      encodePex({ added: [{ endpoint: { host: '1.2.3.4', port: 0x3132 }, flags: 2 }], dropped: [] }),
    );
    expect(text).toBe(
      'd5:added6:\u0001\u0002\u0003\u0004127:added.f1:\u00026:added60:8:added6.f0:7:dropped0:8:dropped60:e',
    );
  });

  it('with too few flags knows nothing of the rest', () => {
    const both = concatBytes([
      utf8('d5:added12:'),
      new Uint8Array(12).fill(9),
      utf8('7:added.f1:'),
      Uint8Array.of(2),
      utf8('e'),
    ]);
    expect(read(both)!.added.map(({ flags }) => flags)).toEqual([2, 0]);
  });

  it('of thousands of contacts is read up to a limit', () => {
    const bytes = new Uint8Array(6 * 5_000).fill(7);
    const many = concatBytes([utf8(`d5:added${bytes.length}:`), bytes, utf8('e')]);
    expect(read(many)!.added).toHaveLength(MAX_PEX_TAKEN);
  });

  it.each([['i1e'], ['le'], [''], ['d5:added5:abcdee'], ['d6:added66:abcdefe'], ['d7:dropped7:abcdefge']])(
    '%s is refused',
    (text) => {
      expect(read(text)).toBeUndefined();
    },
  );

  it('of any bytes is judged without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (payload) => {
        decodePex(payload);
      }),
    );
  });
});
