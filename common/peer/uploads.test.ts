import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PIECE_BYTES, MAX_QUEUED_REQUESTS } from '../base/limits.ts';
import type { BlockRef } from '../wire/peer-messages.ts';
import { Uploads } from './uploads.ts';

const ref = (piece: number, begin = 0, length = 16384): BlockRef => ({ piece, begin, length });

describe('a request of a peer', () => {
  it('waits in the order it came', () => {
    const uploads = new Uploads();
    expect(uploads.next(() => true)).toBeUndefined();
    expect([ref(2), ref(0), ref(1)].map((each) => uploads.admit(each))).toEqual(['queued', 'queued', 'queued']);
    expect(uploads.next(() => true)).toEqual(ref(2));
    expect(uploads.count).toBe(3);
  });

  it('that waits already needs no second answer; of another length at the same place it is refused', () => {
    const uploads = new Uploads();
    uploads.admit(ref(0));
    expect(uploads.admit(ref(0))).toBe('duplicate');
    expect(uploads.admit(ref(0, 0, 100))).toBe('refused');
    expect(uploads.count).toBe(1);
  });

  it('[fault 33] beyond the queue is refused, until there is room', () => {
    const uploads = new Uploads();
    const admissions = Array.from({ length: 10_000 }, (_, piece) => uploads.admit(ref(piece)));
    expect(admissions.filter((each) => each === 'queued')).toHaveLength(MAX_QUEUED_REQUESTS);
    expect(admissions.slice(MAX_QUEUED_REQUESTS).every((each) => each === 'refused')).toBe(true);
    expect(uploads.count).toBe(MAX_QUEUED_REQUESTS);
    uploads.cancel(ref(0));
    expect(uploads.admit(ref(9_999))).toBe('queued');
  });
});

describe('a cancel', () => {
  it.each([
    ['of another length', ref(1, 0, 100)],
    ['of another place', ref(1, 16384)],
    ['whose numbers add up to the same place', ref(0, MAX_PIECE_BYTES)],
  ])('%s removes nothing', (_, cancelled) => {
    const uploads = new Uploads();
    uploads.admit(ref(1));
    expect(uploads.cancel(cancelled)).toBe(false);
    expect(uploads.count).toBe(1);
  });

  it('of what waits removes it, once', () => {
    const uploads = new Uploads();
    uploads.admit(ref(1));
    expect(uploads.cancel(ref(1))).toBe(true);
    expect(uploads.cancel(ref(1))).toBe(false);
  });
});

describe('requests within the same bytes', () => {
  it('are taken together from the head, up to the first that lies elsewhere', () => {
    const uploads = new Uploads();
    for (const each of [ref(0, 0), ref(0, 16384), ref(1, 0), ref(0, 32768)]) uploads.admit(each);
    expect(uploads.takeWithin(0, 0, 65536, 1e9)).toEqual([ref(0, 0), ref(0, 16384)]);
    expect(uploads.count).toBe(2);
  });

  it('are taken from behind what cannot be answered yet', () => {
    const uploads = new Uploads();
    for (const each of [ref(1, 0), ref(0, 0), ref(0, 16384), ref(1, 16384), ref(0, 32768)]) uploads.admit(each);
    expect(uploads.next(({ piece }) => piece === 0)).toEqual(ref(0, 0));
    expect(uploads.takeWithin(0, 0, 65536, 1e9)).toEqual([ref(0, 0), ref(0, 16384)]);
    expect(uploads.next(() => true)).toEqual(ref(1, 0));
    expect(uploads.takeWithin(2, 0, 65536, 1e9)).toEqual([]);
  });

  it('are dropped with all pieces but one', () => {
    const uploads = new Uploads();
    for (const each of [ref(1, 0), ref(0, 0), ref(2, 0), ref(1, 16384)]) uploads.admit(each);
    expect(uploads.dropOthers(1)).toEqual([ref(0, 0), ref(2, 0)]);
    expect(uploads.clear()).toEqual([ref(1, 0), ref(1, 16384)]);
  });

  it('are dropped with their piece', () => {
    const uploads = new Uploads();
    for (const each of [ref(1, 0), ref(0, 0), ref(1, 16384)]) uploads.admit(each);
    expect(uploads.dropPiece(1)).toEqual([ref(1, 0), ref(1, 16384)]);
    expect(uploads.dropPiece(1)).toEqual([]);
    expect(uploads.next(() => true)).toEqual(ref(0, 0));
  });

  it('are taken only as far as the bytes go', () => {
    const uploads = new Uploads();
    for (const each of [ref(0, 16384), ref(0, 32768, 16385)]) uploads.admit(each);
    expect(uploads.takeWithin(0, 16384, 49152, 1e9)).toEqual([ref(0, 16384)]);
  });

  it('are taken up to a number of bytes, but always one', () => {
    const uploads = new Uploads();
    for (let i = 0; i < 4; i++) uploads.admit(ref(0, i * 16384));
    expect(uploads.takeWithin(0, 0, 65536, 40_000)).toHaveLength(2);
    expect(uploads.takeWithin(0, 0, 65536, 1)).toHaveLength(1);
  });
});

it('lets each request leave by exactly one door', () => {
  const step = fc.tuple(fc.constantFrom('admit', 'cancel', 'take', 'clear'), fc.nat(8), fc.nat(3));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const uploads = new Uploads();
      let queued = 0;
      let left = 0;
      for (const [kind, piece, block] of steps) {
        const each = ref(piece, block * 16384);
        if (kind === 'admit' && uploads.admit(each) === 'queued') queued++;
        if (kind === 'cancel' && uploads.cancel(each)) left++;
        if (kind === 'take') left += uploads.takeWithin(piece, 0, 65536, 65536).length;
        if (kind === 'clear') left += uploads.clear().length;
        expect(uploads.count).toBe(queued - left);
      }
      left += uploads.clear().length;
      expect(left).toBe(queued);
    }),
  );
});
