import { describe, expect, it } from 'vitest';
import { toHex } from '../common/base/bytes.ts';
import { HalfSipHash } from './half-sip-hash.ts';
import { SipHash } from './sip-hash.ts';

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);
const wordsOf = (bytes: Uint8Array): Int32Array => new Int32Array(bytes.buffer);

/** Of the reference implementation: keys and messages are 00 01 02 …, here those of whole words. */
describe('SipHash-2-4', () => {
  it.each([
    [0, '310e0edd47db6f72'],
    [4, 'b7877127e09427cf'],
    [8, '6224939a79f5f593'],
    [12, 'fbe50e86bc8f1e75'],
    [16, 'db9bc2577fcc2a3f'],
    [20, '98eea21af25cd6be'],
  ])('of %d bytes is %s', (length, expected) => {
    const sip = new SipHash({ key: counting(16) });
    sip.hash(wordsOf(counting(length)), length / 4);
    expect(toHex(new Uint8Array(Int32Array.of(sip.low, sip.high).buffer))).toBe(expected);
  });
});

describe('HalfSipHash-2-4', () => {
  it.each([
    [0, 'a9359f5b'],
    [4, '2a6e4689'],
    [8, 'd0b8848f'],
    [12, '57f0872f'],
    [16, 'd9b5ac84'],
    [20, 'e34d1045'],
  ])('of %d bytes is %s', (length, expected) => {
    const half = new HalfSipHash({ key: counting(8), roundsPerWord: 2, roundsAtEnd: 4 });
    const word = half.of(wordsOf(counting(length)), length / 4);
    expect(toHex(new Uint8Array(Int32Array.of(word).buffer))).toBe(expected);
  });
});
