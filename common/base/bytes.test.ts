import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  looseText,
  readI32,
  readU16,
  readU32,
  readU64,
  toHex,
  utf8,
  utf8Text,
  writeU16,
  writeU32,
  writeU64,
} from './bytes.ts';

const anyBytes = fc.uint8Array({ maxLength: 40 });

describe('big-endian integers', () => {
  it('are read as they were written, at any place', () => {
    fc.assert(
      fc.property(
        fc.nat(5),
        fc.nat(0xffff),
        fc.nat({ max: 0xffffffff }),
        fc.bigInt(0n, 2n ** 64n - 1n),
        (at, a, b, c) => {
          const bytes = new Uint8Array(32);
          writeU16(bytes, at, a);
          writeU32(bytes, at + 2, b);
          writeU64(bytes, at + 6, c);
          expect([readU16(bytes, at), readU32(bytes, at + 2), readU64(bytes, at + 6)]).toEqual([a, b, c]);
        },
      ),
    );
  });

  it('agree with the platform', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        expect(readU16(bytes, 0)).toBe(view.getUint16(0));
        expect(readU32(bytes, 0)).toBe(view.getUint32(0));
        expect(readI32(bytes, 0)).toBe(view.getInt32(0));
        expect(readU64(bytes, 0)).toBe(view.getBigUint64(0));
      }),
    );
  });

  it('[fault 29] a length of 0xFFFFFFFF is a large number, not a negative one', () => {
    expect(readU32(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0)).toBe(4_294_967_295);
  });

  it('num_want is signed: -1 asks for the default (BEP 15)', () => {
    expect(readI32(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0)).toBe(-1);
  });
});

describe('hex', () => {
  it('comes back as the bytes it was made of, in either case', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  it.each(['0', 'abc', 'zz', '0x', ' 00', '00\n', '-1', '+1', '1.', 'é0'])('refuses %j', (text) => {
    expect(fromHex(text)).toBeUndefined();
  });
});

describe('comparison', () => {
  it('is the order of raw bytes, the shorter first on a tie', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Math.sign(Buffer.compare(a, b)));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  it('of bytes with a beginning of theirs tells them apart', () => {
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0);
  });
});

describe('joining', () => {
  it('puts parts one after the other into bytes of its own', () => {
    const part = Uint8Array.of(2, 3);
    const whole = concatBytes([Uint8Array.of(1), new Uint8Array(0), part]);
    part[0] = 9;
    expect([...whole]).toEqual([1, 2, 3]);
    expect(concatBytes([])).toHaveLength(0);
  });
});

describe('text', () => {
  it('strict UTF-8 is read as it was written, a byte order mark included', () => {
    for (const text of ['', 'plain', 'ünïcode 🐟', '\u{feff}mark']) expect(utf8Text(utf8(text))).toBe(text);
  });

  it('what is not UTF-8 is no text, or text with marks for people', () => {
    const broken = Uint8Array.of(0x61, 0xff, 0x62);
    expect(utf8Text(broken)).toBeUndefined();
    expect(looseText(broken)).toBe('a\u{fffd}b');
  });
});
