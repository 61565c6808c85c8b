import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_OUTSTANDING_REQUESTS, MAX_PIECE_BYTES } from '../base/limits.ts';
import { Ledger } from './ledger.ts';

const ref = (piece: number, begin = 0, length = 16384) => ({ piece, begin, length });

describe('a request', () => {
  it('is open until it is answered, and counts with its bytes', () => {
    const ledger = new Ledger();
    const request = ref(3);
    expect(ledger.add(request)).toBe(true);
    expect([ledger.count, ledger.bytes]).toEqual([1, 16384]);
    expect(ledger.wanted(ref(3))).toBe(request);
    ledger.settle(request);
    expect([ledger.count, ledger.bytes]).toEqual([0, 0]);
    expect(ledger.wanted(ref(3))).toBeUndefined();
  });

  it('for a place that is open already is not made', () => {
    const ledger = new Ledger();
    ledger.add(ref(3));
    expect(ledger.add(ref(3))).toBe(false);
    expect(ledger.add(ref(3, 0, 100))).toBe(false);
    expect(ledger.bytes).toBe(16384);
  });

  it.each([
    ['[fault 34] from another piece', ref(4)],
    ['[fault 34] from another place', ref(3, 16384)],
    ['[fault 34] shorter than asked', ref(3, 0, 16383)],
    ['[fault 34] longer than asked', ref(3, 0, 16385)],
    ['[fault 34] whose numbers add up to the same place', ref(2, MAX_PIECE_BYTES)],
  ])('is not answered by a block %s', (_, block) => {
    const ledger = new Ledger();
    ledger.add(ref(3));
    expect(ledger.wanted(block)).toBeUndefined();
    expect(ledger.excuse(block)).toBe(false);
    expect(ledger.takeReject(block)).toBe('unasked');
    expect(ledger.cancel(block)).toBe(false);
    expect(ledger.count).toBe(1);
  });
});

describe('a cancelled request', () => {
  it('may still be answered, once', () => {
    const ledger = new Ledger();
    ledger.add(ref(3));
    expect(ledger.cancel(ref(3))).toBe(true);
    expect(ledger.cancel(ref(3))).toBe(false);
    expect([ledger.count, ledger.bytes]).toEqual([0, 0]);
    expect(ledger.wanted(ref(3))).toBeUndefined();
    expect(ledger.excuse(ref(3))).toBe(true);
    expect(ledger.excuse(ref(3))).toBe(false);
  });

  it('has as many answers to come as it was made and cancelled', () => {
    const ledger = new Ledger();
    for (let i = 0; i < 2; i++) {
      ledger.add(ref(3));
      ledger.cancel(ref(3));
    }
    ledger.add(ref(3));
    expect([1, 2, 3, 4].map(() => ledger.takeReject(ref(3)))).toEqual(['cancelled', 'cancelled', 'wanted', 'unasked']);
  });

  it('that is made again is answered by the block, and the reject that comes first answers the cancel', () => {
    const ledger = new Ledger();
    ledger.add(ref(3));
    ledger.cancel(ref(3));
    ledger.add(ref(3));
    expect(ledger.takeReject(ref(3))).toBe('cancelled');
    expect(ledger.wanted(ref(3))).toBeDefined();
    expect(ledger.takeReject(ref(3))).toBe('wanted');
    expect(ledger.takeReject(ref(3))).toBe('unasked');
  });

  it('is forgotten when too many came after it', () => {
    const ledger = new Ledger();
    for (let piece = 0; piece <= MAX_OUTSTANDING_REQUESTS; piece++) {
      ledger.add(ref(piece));
      ledger.cancel(ref(piece));
    }
    expect(ledger.excuse(ref(0))).toBe(false);
    expect(ledger.excuse(ref(1))).toBe(true);
  });
});

describe('a choke without the fast extension', () => {
  it('gives back what was open and forgets the rest', () => {
    const ledger = new Ledger();
    ledger.add(ref(1));
    ledger.add(ref(2));
    ledger.add(ref(3));
    ledger.cancel(ref(2));
    expect(ledger.forgetAll()).toEqual([ref(1), ref(3)]);
    expect([ledger.count, ledger.bytes]).toEqual([0, 0]);
    expect(ledger.excuse(ref(2))).toBe(false);
  });
});

it('counts the bytes of exactly what is open, whatever happens', () => {
  const step = fc.tuple(fc.constantFrom('add', 'cancel', 'block', 'reject'), fc.nat(5), fc.constantFrom(100, 200));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ledger = new Ledger();
      const open = new Map<number, number>();
      for (const [kind, piece, length] of steps) {
        const block = ref(piece, 0, length);
        if (kind === 'add') {
          if (ledger.add(block)) open.set(piece, length);
        } else if (kind === 'cancel') {
          if (ledger.cancel(block)) open.delete(piece);
        } else if (kind === 'reject') {
          if (ledger.takeReject(block) === 'wanted') open.delete(piece);
        } else {
          const request = ledger.wanted(block);
          if (request === undefined) continue;
          ledger.settle(request);
          open.delete(piece);
        }
        expect(ledger.count).toBe(open.size);
        expect(ledger.bytes).toBe([...open.values()].reduce((sum, each) => sum + each, 0));
      }
    }),
  );
});
