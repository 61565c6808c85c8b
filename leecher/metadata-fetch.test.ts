import { describe, expect, it } from 'vitest';
import { equalBytes } from '../common/base/bytes.ts';
import { instant, NEVER, type Instant } from '../common/base/ids.ts';
import {
  BLOCK_BYTES,
  MAX_METADATA_BYTES,
  MAX_OUTSTANDING_METADATA_REQUESTS,
  METADATA_REQUEST_TIMEOUT_MS,
  MIB,
} from '../common/base/limits.ts';
import { generate } from '../common/fixtures/generate.ts';
import { MetadataFetch, type MetadataTaken } from './metadata-fetch.ts';

const INFO = generate(5 * BLOCK_BYTES + 100, 11);
const BLOCKS = 6;
const NOTHING = { kind: 'nothing-new' };
const FURTHER = { kind: 'further' };

/** A fetch with the requests it made and has no answer to: peer and block. */
class Bench {
  asked: (readonly [peer: number, block: number])[] = [];
  now: Instant = instant(1_000);
  readonly fetch: MetadataFetch;

  constructor(info = INFO) {
    this.fetch = new MetadataFetch({
      isTrue: (bytes) => equalBytes(bytes, info),
      ask: (peer, block) => this.asked.push([peer, block]),
    });
  }

  add(peer: number, sizeBytes = INFO.length): void {
    this.fetch.addPeer(peer, sizeBytes, this.now);
  }

  /** Answers one request with the true bytes, or what is made of them. */
  answer(peer: number, block: number, change: (data: Uint8Array) => Uint8Array = (data) => data): MetadataTaken {
    const data = INFO.slice(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
    return this.fetch.take(peer, block, INFO.length, change(data), this.now);
  }

  /** Answers all requests as they come. */
  answerAll(change?: (data: Uint8Array) => Uint8Array): MetadataTaken {
    let last: MetadataTaken = { kind: 'nothing-new' };
    for (let request = this.asked.shift(); request !== undefined; request = this.asked.shift()) {
      last = this.answer(...request, change);
      if (last.kind === 'false') return last;
    }
    return last;
  }

  /** Who is being asked. */
  get askedPeers(): number[] {
    return [...new Set(this.asked.map(([peer]) => peer))];
  }

  /** Lets time pass to the next due time. */
  tick(): void {
    this.now = this.fetch.nextDue;
    this.fetch.tick(this.now);
  }
}

describe('metadata fetch', () => {
  it('asks one peer for every block once, a few at a time, and has the bytes at the end', () => {
    const bench = new Bench();
    bench.add(1);
    bench.add(2);
    expect(bench.asked).toEqual([0, 1, 2, 3].slice(0, MAX_OUTSTANDING_METADATA_REQUESTS).map((block) => [1, block]));
    const seen: number[] = [];
    let last: MetadataTaken = { kind: 'nothing-new' };
    for (let request = bench.asked.shift(); request !== undefined; request = bench.asked.shift()) {
      seen.push(request[1]);
      last = bench.answer(...request);
      expect(bench.asked.length).toBeLessThanOrEqual(MAX_OUTSTANDING_METADATA_REQUESTS);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(last.kind).toBe('whole');
    if (last.kind === 'whole') expect(equalBytes(last.info, INFO)).toBe(true);
    expect(bench.fetch.nextDue).toBe(NEVER);
  });

  it('takes blocks in any order, and each only once', () => {
    const bench = new Bench();
    bench.add(1);
    expect(bench.answer(1, 3)).toEqual(FURTHER);
    expect(bench.answer(1, 3)).toEqual(NOTHING);
    for (const block of [1, 0, 2, 5]) expect(bench.answer(1, block)).toEqual(FURTHER);
    expect(bench.answer(1, 4).kind).toBe('whole');
  });

  it('[fault 26] a size of 0, 4 GiB or more than is ever fetched is not asked for', () => {
    const bench = new Bench();
    for (const sizeBytes of [0, -1, Number.NaN, MAX_METADATA_BYTES + 1, 4096 * MIB]) bench.add(1, sizeBytes);
    expect(bench.asked).toEqual([]);
    expect(bench.fetch.nextDue).toBe(NEVER);
    bench.add(2, MAX_METADATA_BYTES);
    expect(bench.askedPeers).toEqual([2]);
  });

  it('[fault 26] a peer whose size changes, or whose blocks have another length, lied and is not asked again', () => {
    const lies: ((bench: Bench) => MetadataTaken)[] = [
      (bench) => bench.fetch.take(1, 0, INFO.length + 1, INFO.slice(0, BLOCK_BYTES), bench.now),
      (bench) => bench.answer(1, 0, (data) => data.subarray(1)),
      (bench) => bench.fetch.take(1, 5, INFO.length, INFO.slice(0, BLOCK_BYTES), bench.now),
    ];
    for (const lie of lies) {
      const bench = new Bench();
      bench.add(1);
      bench.add(2);
      bench.asked = [];
      expect(lie(bench)).toEqual({ kind: 'false' });
      expect(bench.askedPeers).toEqual([2]);
      bench.asked = [];
      bench.tick();
      expect(bench.askedPeers).toEqual([2]);
    }
  });

  it('[fault 26] the one that gave bytes of another hash is found, and the next is asked', () => {
    const bench = new Bench();
    bench.add(1);
    bench.add(2);
    expect(bench.answerAll((data) => data.map((byte) => byte ^ 1))).toEqual({ kind: 'false' });
    expect(bench.askedPeers).toEqual([2]);
    expect(bench.answerAll().kind).toBe('whole');
  });

  it('bytes from others than the one that is asked are not looked at', () => {
    const bench = new Bench();
    bench.add(1);
    bench.add(2);
    for (let block = 0; block < BLOCKS; block++) expect(bench.answer(2, block)).toEqual(NOTHING);
    expect(bench.answer(1, BLOCKS)).toEqual(NOTHING);
    expect(bench.answerAll().kind).toBe('whole');
    expect(bench.answer(1, 0)).toEqual(NOTHING);
  });

  it('a silent peer makes way for the next after the timeout, and comes last', () => {
    const bench = new Bench();
    for (const peer of [1, 2, 3]) bench.add(peer);
    const order: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      order.push(...bench.askedPeers);
      bench.asked = [];
      const before = bench.now;
      bench.fetch.tick(instant(bench.fetch.nextDue - 1));
      expect(bench.asked).toEqual([]);
      bench.tick();
      expect(bench.now - before).toBe(METADATA_REQUEST_TIMEOUT_MS);
    }
    expect(order).toEqual([1, 2, 3, 1]);
  });

  it('[fault 42] a peer that sends a block now and then does not keep the others waiting', () => {
    const sizeBytes = 40 * BLOCK_BYTES;
    const bench = new Bench();
    bench.add(1, sizeBytes);
    bench.add(2);
    const startedAt = bench.now;
    for (let block = 0; bench.askedPeers.includes(1) && block < 40; block++) {
      bench.now = instant(bench.now + METADATA_REQUEST_TIMEOUT_MS - 1);
      bench.asked = [];
      bench.fetch.tick(bench.now);
      bench.fetch.take(1, block, sizeBytes, new Uint8Array(BLOCK_BYTES), bench.now);
    }
    expect(bench.askedPeers).toEqual([2]);
    expect(bench.now - startedAt).toBeLessThan(3 * METADATA_REQUEST_TIMEOUT_MS);
  });

  it('a slow peer that is alone gets through', () => {
    const bench = new Bench();
    bench.add(1);
    let last: MetadataTaken = { kind: 'nothing-new' };
    for (let step = 0; step < 100 && last.kind !== 'whole'; step++) {
      const request = bench.asked.shift()!;
      bench.now = instant(bench.now + 3_000);
      if (bench.now >= bench.fetch.nextDue) {
        bench.asked = [];
        bench.fetch.tick(bench.now);
      } else last = bench.answer(...request);
    }
    expect(last.kind).toBe('whole');
  });

  it('a peer that rejects rests: it is not asked again at once, though nobody else is there', () => {
    const bench = new Bench();
    bench.add(1);
    bench.asked = [];
    for (let block = 0; block < 4; block++) bench.fetch.rejected(1, bench.now);
    expect(bench.asked).toEqual([]);
    expect(bench.fetch.nextDue).toBe(bench.now + METADATA_REQUEST_TIMEOUT_MS);
    bench.tick();
    expect(bench.answerAll().kind).toBe('whole');
  });

  it('a reject hands over to the next peer, and one that comes meanwhile is asked at once', () => {
    const bench = new Bench();
    bench.add(1);
    bench.add(2);
    bench.asked = [];
    bench.fetch.rejected(1, bench.now);
    expect(bench.askedPeers).toEqual([2]);
    bench.fetch.rejected(1, bench.now);
    bench.fetch.rejected(2, bench.now);
    bench.asked = [];
    bench.add(3);
    expect(bench.askedPeers).toEqual([3]);
  });

  it('a peer that goes makes way for the next; one that is not asked just goes', () => {
    const bench = new Bench();
    for (const peer of [1, 2, 3]) bench.add(peer);
    bench.asked = [];
    bench.fetch.removePeer(2, bench.now);
    expect(bench.asked).toEqual([]);
    bench.fetch.removePeer(1, bench.now);
    expect(bench.askedPeers).toEqual([3]);
    bench.fetch.removePeer(3, bench.now);
    expect(bench.fetch.nextDue).toBe(NEVER);
  });

  it('goes further only with more than any peer gave before', () => {
    const bench = new Bench();
    bench.add(1);
    bench.add(2);
    expect(bench.answer(1, 0)).toEqual(FURTHER);
    expect(bench.answer(1, 1)).toEqual(FURTHER);
    bench.fetch.rejected(1, bench.now);
    expect(bench.answer(2, 0)).toEqual(NOTHING);
    expect(bench.answer(2, 1)).toEqual(NOTHING);
    expect(bench.answer(2, 2)).toEqual(FURTHER);
  });

  it('passes on what the check of the bytes throws', () => {
    const fetch = new MetadataFetch({
      isTrue: () => {
        throw new Error('it is invalid');
      },
      ask: () => undefined,
    });
    fetch.addPeer(1, 10, instant(0));
    expect(() => fetch.take(1, 0, 10, new Uint8Array(10), instant(1))).toThrow('it is invalid');
  });
});
