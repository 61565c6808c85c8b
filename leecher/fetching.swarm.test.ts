import { describe, expect, it } from 'vitest';
import { pieceIndex } from '../common/base/ids.ts';
import { KIB, MAX_OUTSTANDING_BYTES, MIB } from '../common/base/limits.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import type { FakePeer } from '../common/fixtures/fake-peer.ts';
import { FetchingBench } from './fixtures/fetching-bench.ts';

const LARGE = contentOfSize(64 * 256 * KIB, 256 * KIB);

const outstanding = (peer: FakePeer): number => MAX_OUTSTANDING_BYTES - peer.roomForBytes;

function swarmOf(options: { readonly sources: number; readonly buffers?: number; readonly passOn?: boolean }): {
  readonly bench: FetchingBench;
  readonly peers: readonly FakePeer[];
} {
  const bench = new FetchingBench({ content: LARGE, buffers: options.buffers ?? 64 });
  bench.plan.becomeSwarm();
  const peers = Array.from({ length: options.sources }, (_, i) => bench.join(i + 1));
  for (const peer of peers) {
    peer.requestsAtMost = 400;
    peer.passesOn = options.passOn ?? false;
  }
  bench.start();
  return { bench, peers };
}

describe('fetching in a swarm', () => {
  it('asks each source for one whole piece at once, and for the next when that is nearly here', () => {
    const { bench, peers } = swarmOf({ sources: 3 });
    for (const peer of peers) expect([peer.askedPieces.length, outstanding(peer)]).toEqual([1, 256 * KIB]);
    const [first] = peers as [FakePeer];
    const [piece] = first.askedPieces;
    while (first.askedPieces.length === 1) bench.deliver(first);
    expect(outstanding(first)).toBeLessThan(256 * KIB + 128 * KIB);
    expect(first.askedPieces[0]).toBe(piece);
  });

  it('asks one that passes on parts for no more of a piece than keeps it busy: the rest may come from elsewhere', () => {
    const { bench, peers } = swarmOf({ sources: 2, passOn: true });
    for (const peer of peers) expect([peer.askedPieces.length, outstanding(peer)]).toEqual([1, 128 * KIB]);
    const [first] = peers as [FakePeer];
    const [piece] = first.askedPieces;
    for (let block = 0; block < 7; block++) bench.deliver(first);
    expect([first.askedPieces, outstanding(first) > 96 * KIB]).toEqual([[piece], true]);
    bench.leave(first);
    expect(bench.failures).toEqual([[piece, 1, 'gone']]);
  });

  it('takes no buffer for a request before its first byte comes, and never promises more than there are', () => {
    const { bench, peers } = swarmOf({ sources: 12, buffers: 8 });
    expect(bench.pool.taken).toBe(0);
    expect(peers.reduce((sum, peer) => sum + peer.askedPieces.length, 0)).toBe(8);
    for (const peer of peers.slice(0, 3)) bench.deliver(peer);
    expect(bench.pool.taken).toBe(3);
  });

  it('keeps a deep pipe to a source that is fast', async () => {
    const { bench, peers } = swarmOf({ sources: 1 });
    const [peer] = peers as [FakePeer];
    let deepest = 0;
    for (let ms = 0; ms < 1_000 && peer.open.length > 0; ms += 20) {
      for (let block = 0; block < 16; block++) bench.deliver(peer);
      await bench.clock.runFor(20);
      deepest = Math.max(deepest, outstanding(peer));
    }
    expect(deepest).toBeGreaterThan(2 * MIB);
  });

  it('a source that is asked for what another begins to send is told that it is not wanted', async () => {
    const bench = new FetchingBench();
    bench.plan.becomeSwarm();
    const [slow, quick] = [bench.join(1, [3]), bench.join(2, [3])];
    for (const piece of Array.from({ length: 12 }, (_, i) => i)) {
      if (piece !== 3) bench.plan.done(pieceIndex(piece), 0, bench.clock.now());
    }
    bench.start();
    expect([slow.askedPieces, quick.askedPieces]).toEqual([[3], [3]]);
    bench.deliver(quick);
    expect([slow.open, quick.askedPieces]).toEqual([[], [3]]);
    expect(bench.pool.taken).toBe(1);
    await bench.settle(slow, quick);
    expect(bench.plan.isComplete).toBe(true);
    expect(bench.verified).toEqual([[3, 2]]);
  });

  it('fetches all from sources that hold and gain parts, each piece once, and gives all buffers back', async () => {
    const bench = new FetchingBench();
    bench.plan.becomeSwarm();
    const seeder = bench.join(1);
    const leechers = [bench.join(2, []), bench.join(3, [])];
    bench.start();
    for (let round = 0; round < 200; round++) {
      for (const leecher of leechers) {
        const piece = pieceIndex((round * 5 + leecher.id) % 12);
        if (round < 40 && leecher.pieces!.add(piece)) {
          bench.plan.sourceGained(leecher.id, piece);
          bench.fetching.review(leecher);
        }
        bench.deliver(leecher);
      }
      bench.deliver(seeder);
      await bench.clock.runFor(3);
    }
    bench.expectComplete();
    expect(new Set(bench.verified.map(([, peer]) => peer)).size).toBe(3);
  });
});
