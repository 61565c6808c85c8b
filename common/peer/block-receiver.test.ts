import { describe, expect, it } from 'vitest';
import { BlockReceiver } from './block-receiver.ts';
import { Ledger } from './ledger.ts';

const ref = (length = 4) => ({ piece: 7, begin: 16384, length });

function receiver() {
  const ledger = new Ledger();
  const told: unknown[] = [];
  const blocks = new BlockReceiver({
    ledger,
    events: {
      blockData: (piece, begin, offset, view) => told.push([piece, begin, offset, ...view]),
      block: (piece, begin, length) => told.push(['whole', piece, begin, length]),
    },
  });
  return { ledger, told, blocks };
}

describe('a block', () => {
  it('that was asked for is passed on as it comes, then said to be whole', () => {
    const { ledger, told, blocks } = receiver();
    ledger.add(ref());
    blocks.start(ref());
    blocks.bytes(0, Uint8Array.of(1, 2));
    blocks.bytes(2, Uint8Array.of(3, 4));
    expect(blocks.end()).toBe(true);
    expect(told).toEqual([
      [7, 16384, 0, 1, 2],
      [7, 16384, 2, 3, 4],
      ['whole', 7, 16384, 4],
    ]);
    expect(ledger.count).toBe(0);
  });

  it('[fault 34] that nobody asked for, or of another length, is dropped and told apart', () => {
    const { ledger, told, blocks } = receiver();
    ledger.add(ref());
    for (const length of [3, 5]) {
      blocks.start(ref(length));
      blocks.bytes(0, new Uint8Array(length));
      expect(blocks.end()).toBe(false);
    }
    expect(told).toEqual([]);
    expect(ledger.count).toBe(1);
  });

  it('[fault 34] that came before it was asked for is no answer', () => {
    const { ledger, told, blocks } = receiver();
    blocks.start(ref());
    ledger.add(ref());
    blocks.bytes(0, new Uint8Array(4));
    expect(blocks.end()).toBe(false);
    expect(told).toEqual([]);
    expect(ledger.count).toBe(1);
  });

  it('cancelled on the way is dropped from there on, and no offence', () => {
    const { ledger, told, blocks } = receiver();
    ledger.add(ref());
    blocks.start(ref());
    blocks.bytes(0, Uint8Array.of(1));
    ledger.cancel(ref());
    blocks.bytes(1, Uint8Array.of(2));
    expect(blocks.end()).toBe(true);
    expect(told).toEqual([[7, 16384, 0, 1]]);
  });

  it('cancelled and asked for again on the way does not answer the second request with half of its bytes', () => {
    const { ledger, told, blocks } = receiver();
    ledger.add(ref());
    blocks.start(ref());
    blocks.bytes(0, Uint8Array.of(1));
    ledger.cancel(ref());
    ledger.add(ref());
    blocks.bytes(1, Uint8Array.of(2, 3, 4));
    expect(blocks.end()).toBe(true);
    expect(told).toEqual([[7, 16384, 0, 1]]);
    expect(ledger.count).toBe(1);
    blocks.start(ref());
    blocks.bytes(0, Uint8Array.of(1, 2, 3, 4));
    expect(blocks.end()).toBe(true);
    expect(told.slice(1)).toEqual([
      [7, 16384, 0, 1, 2, 3, 4],
      ['whole', 7, 16384, 4],
    ]);
  });
});
