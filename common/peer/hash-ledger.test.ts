import { describe, expect, it } from 'vitest';
import { MAX_OUTSTANDING_HASH_REQUESTS } from '../base/limits.ts';
import { HashLedger } from './hash-ledger.ts';

const request = (index: number, length = 512) => ({
  root: new Uint8Array(32).fill(1),
  baseLayer: 5,
  index,
  length,
  proofLayers: 9,
});

describe('a hash request', () => {
  it('[fault 39] is answered once, by what repeats it exactly', () => {
    const ledger = new HashLedger();
    expect(ledger.add(request(0))).toBe(true);
    expect(ledger.settle({ ...request(0), index: 1 })).toBe(false);
    expect(ledger.settle({ ...request(0), proofLayers: 8 })).toBe(false);
    expect(ledger.settle({ ...request(0), root: new Uint8Array(32) })).toBe(false);
    expect(ledger.settle(request(0))).toBe(true);
    expect(ledger.settle(request(0))).toBe(false);
  });

  it('is not made twice', () => {
    const ledger = new HashLedger();
    ledger.add(request(0));
    expect(ledger.add(request(0))).toBe(false);
    expect(ledger.count).toBe(1);
  });

  it('waits its turn when too many are open', () => {
    const ledger = new HashLedger();
    for (let i = 0; i < MAX_OUTSTANDING_HASH_REQUESTS; i++) expect(ledger.add(request(i * 512))).toBe(true);
    expect(ledger.add(request(512 * 100))).toBe(false);
    ledger.settle(request(0));
    expect(ledger.add(request(512 * 100))).toBe(true);
  });
});

it('knows the longest answer that may come', () => {
  const ledger = new HashLedger();
  expect(ledger.mostHashes).toBe(0);
  ledger.add(request(0, 64));
  ledger.add(request(512, 512));
  expect(ledger.mostHashes).toBe(512);
  ledger.settle(request(512, 512));
  expect(ledger.mostHashes).toBe(64);
});
