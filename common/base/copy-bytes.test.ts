import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyBytes } from './copy-bytes.ts';

const anyCopy = fc.record({
  before: fc.nat(20),
  bytes: fc.uint8Array({ maxLength: 300 }),
  after: fc.nat(20),
  isShared: fc.boolean(),
});

describe('copying bytes', () => {
  it('puts them at their place and leaves the rest, as `set` does', () => {
    fc.assert(
      fc.property(anyCopy, ({ before, bytes, after, isShared }) => {
        const sizeBytes = 5 + before + bytes.length + after;
        const memory = isShared ? new SharedArrayBuffer(sizeBytes) : new ArrayBuffer(sizeBytes);
        const wanted = new Uint8Array(sizeBytes).fill(0xee);
        wanted.set(bytes, 5 + before);
        new Uint8Array(memory).fill(0xee);
        copyBytes(new Uint8Array(memory, 5), bytes, before);
        expect(new Uint8Array(memory)).toEqual(wanted);
      }),
    );
  });

  it('refuses bytes that there is no room for', () => {
    expect(() => {
      copyBytes(new Uint8Array(4), Uint8Array.of(1, 2), 3);
    }).toThrow(RangeError);
  });
});
