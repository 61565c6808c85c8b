import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { KIB, MAX_OUTSTANDING_BYTES, MIB, REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { FakePeer } from '../common/fixtures/fake-peer.ts';
import { FetchingBench, flip } from './fixtures/fetching-bench.ts';

describe('fetching in measure', () => {
  const LARGE = contentOfSize(64 * 256 * KIB, 256 * KIB);

  it('keeps as many requests open as the source takes, and no more than it should have in bytes', () => {
    const bench = new FetchingBench({ content: LARGE, buffers: 64 });
    const peer = new FakePeer(1, Bitfield.full(64));
    peer.requestsAtMost = 5;
    bench.fetching.add(peer);
    bench.start();
    expect(peer.open).toHaveLength(5);
    peer.requestsAtMost = 10_000;
    bench.fetching.fillAll();
    const openBytes = MAX_OUTSTANDING_BYTES - peer.roomForBytes;
    expect(openBytes).toBe(1 * MIB);
  });

  it('long blocks are asked only of a source that agreed to them and is fast', async () => {
    const bench = new FetchingBench({ content: LARGE, buffers: 64 });
    const peer = new FakePeer(1, Bitfield.full(64));
    peer.blockBytes = 512 * KIB;
    bench.fetching.add(peer);
    bench.start();
    expect(Math.max(...peer.open.map(({ length }) => length))).toBe(128 * KIB);
    let longest = 0;
    for (let ms = 0; ms < 1_000; ms += 10) {
      bench.deliver(peer);
      longest = Math.max(longest, ...peer.open.map(({ length }) => length));
      await bench.clock.runFor(10);
    }
    expect(longest).toBe(256 * KIB);
  });

  it('asks again for many blocks at once, and soon enough that the source never runs dry', () => {
    const bench = new FetchingBench({ content: LARGE, buffers: 64 });
    const peer = bench.join(1);
    bench.start();
    expect(peer.open).toHaveLength(64);
    let asked = 0;
    peer.onRequest = () => asked++;
    const askedAfter = Array.from({ length: 16 }, () => {
      bench.deliver(peer);
      return asked;
    });
    // An eighth of 1 MiB is eight blocks.
    expect(askedAfter).toEqual([0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8, 16]);
  });

  it('asks for nothing new while much of what came waits to be checked, and goes on when it is', async () => {
    const content = contentOfSize(16 * 4 * MIB, 4 * MIB);
    const bench = new FetchingBench({ content, buffers: 16 });
    bench.hasher.delayMs = 1_000;
    const peer = bench.join(1);
    peer.blockBytes = 512 * KIB;
    bench.start();
    for (let ms = 0; ms < 900; ms++) {
      bench.deliverAll(peer);
      await bench.clock.runFor(1);
    }
    // Four, and the one that was on its way by then.
    expect(bench.fetching.checking).toBe(5);
    expect(peer.open).toEqual([]);
    await bench.clock.runFor(110);
    expect(peer.open).not.toEqual([]);
    for (let ms = 0; ms < 6_000; ms++) {
      bench.deliverAll(peer);
      await bench.clock.runFor(1);
    }
    bench.expectComplete();
  });

  it('no source takes the buffers of the others, however slow the checking', async () => {
    const bench = new FetchingBench({ content: LARGE, buffers: 6 });
    bench.hasher.delayMs = 50;
    const peers = [1, 2, 3].map((id) => bench.join(id));
    bench.start();
    for (let round = 0; round < 400; round++) {
      for (const peer of peers) for (let block = 0; block < 4; block++) bench.deliver(peer);
      await bench.clock.runFor(5);
    }
    await bench.settle(...peers);
    bench.expectComplete();
    const shares = peers.map(({ id }) => bench.verified.filter(([, peer]) => peer === id).length);
    expect(Math.min(...shares)).toBeGreaterThan(12);
  });

  it('those that are connected and give nothing leave the buffers to the others', () => {
    const bench = new FetchingBench({ content: LARGE, buffers: 8 });
    for (let id = 10; id < 40; id++) bench.join(id, []);
    const peer = bench.join(1);
    bench.start();
    expect(peer.askedPieces.length).toBeGreaterThanOrEqual(4);
    expect(MAX_OUTSTANDING_BYTES - peer.roomForBytes).toBe(1 * MIB);
  });
});

describe('fetching among troubles', () => {
  const step = fc.record({
    what: fc.constantFrom(
      'deliver',
      'deliver',
      'deliver',
      'deliver',
      'corrupt',
      'choke',
      'unchoke',
      'reject',
      'leave',
      'join',
      'wait',
      'wait',
      'long wait',
    ),
    who: fc.nat(3),
  });

  it('[fault 35] [fault 45] always gives its buffers back, writes each piece once and nothing false', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150 }), fc.boolean(), async (steps, stopsEarly) => {
        const bench = new FetchingBench({ buffers: 5 });
        const peers = [1, 2, 3].map((id) => bench.join(id));
        let nextId = 4;
        bench.start();
        for (const { what, who } of steps) {
          const peer = peers[who % peers.length];
          if (what === 'join' && peers.length < 4) peers.push(bench.join(nextId++));
          if (what === 'wait') await bench.clock.runFor(1);
          if (what === 'long wait') {
            await bench.clock.runFor(REQUEST_TIMEOUT_MS / 2);
            bench.fetching.wake();
          }
          if (peer === undefined) continue;
          if (what === 'deliver') bench.deliver(peer);
          if (what === 'corrupt') bench.deliver(peer, flip);
          if (what === 'reject' && peer.open.length > 0) bench.reject(peer, peer.open[who % peer.open.length]!);
          if (what === 'leave') bench.leave(peers.splice(peers.indexOf(peer), 1)[0]!);
          if (what === 'choke' || what === 'unchoke') {
            peer.isChokingUs = what === 'choke';
            if (peer.isChokingUs) bench.fetching.choked(peer);
            else bench.fetching.review(peer);
          }
          const underWay = peers.reduce((sum, each) => sum + each.askedPieces.length, 0);
          expect(underWay + bench.fetching.checking).toBeLessThanOrEqual(bench.pool.capacity);
        }
        if (!stopsEarly) {
          for (const peer of peers) bench.leave(peer);
          const honest = bench.join(nextId);
          for (let round = 0; round < 12 && !bench.plan.isComplete; round++) {
            await bench.settle(honest);
            bench.fetching.wake();
          }
          bench.expectComplete();
        }
        bench.fetching.stop();
        await bench.clock.run(bench.fetching.drained(), 1_000);
        expect(bench.pool.taken).toBe(0);
        bench.expectNothingUnverified();
        const written = bench.verified.map(([piece]) => piece);
        expect(new Set(written).size).toBe(written.length);
      }),
      { numRuns: 40 },
    );
  });
});
