import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../base/bytes.ts';
import { vectors } from '../fixtures/vectors.ts';
import { Opening, type OpeningStep } from './opening.ts';

const HANDSHAKE = fromHex(vectors.wire['handshake_v2_only']!)!;

describe('the other side of a handshake', () => {
  it('is told in two steps: the head at 48 bytes, the peer id at 68', () => {
    const opening = new Opening();
    const kinds: string[] = [];
    for (const byte of HANDSHAKE) {
      expect(opening.collect(Uint8Array.of(byte))).toBe(1);
      const step: OpeningStep = opening.step();
      kinds.push(step.kind);
      if (step.kind === 'head') {
        expect(step.wireHash).toEqual(HANDSHAKE.subarray(28, 48));
        expect(step.flags).toEqual({ extended: true, fast: true, upgrade: false });
      }
      expect(opening.peerId === undefined).toBe(kinds.length < 68);
    }
    expect(kinds.indexOf('head')).toBe(47);
    expect(kinds.filter((kind) => kind !== 'more')).toEqual(['head']);
    expect(opening.peerId).toEqual(HANDSHAKE.subarray(48));
  });

  it('takes its 68 bytes and leaves what follows', () => {
    const opening = new Opening();
    expect(opening.collect(concatBytes([HANDSHAKE, Uint8Array.of(0, 0, 0, 0)]))).toBe(68);
    expect(opening.step().kind).toBe('head');
    expect(opening.collect(Uint8Array.of(1))).toBe(0);
  });

  it('[fault 28] that is something else is known by its first wrong byte', () => {
    const opening = new Opening();
    opening.collect(Uint8Array.of(0x16));
    expect(opening.step().kind).toBe('not-bittorrent');
    const other = new Opening();
    other.collect(HANDSHAKE.subarray(0, 10));
    expect(other.step().kind).toBe('more');
    other.collect(Uint8Array.of(0));
    expect(other.step().kind).toBe('not-bittorrent');
  });
});
