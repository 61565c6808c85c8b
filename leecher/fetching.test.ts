import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { pieceIndex } from '../common/base/ids.ts';
import { BLOCK_BYTES, REQUEST_TIMEOUT_MS } from '../common/base/limits.ts';
import { StoreError } from '../common/base/ports.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import { FakePeer } from '../common/fixtures/fake-peer.ts';
import { FetchingBench, flip, PIECE_BYTES } from './fixtures/fetching-bench.ts';

describe('fetching', () => {
  it('fetches every piece once, from all sources, and gives all buffers back', async () => {
    const bench = new FetchingBench();
    const peers = [1, 2, 3].map((id) => bench.join(id));
    bench.start();
    await bench.settle(...peers);
    bench.expectComplete();
    expect(bench.store.heldPieces).toHaveLength(12);
    expect(new Set(bench.verified.map(([, peer]) => peer)).size).toBe(3);
    expect(bench.failures).toEqual([]);
  });

  it.each([1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, PIECE_BYTES, PIECE_BYTES + 1])(
    '[fault 52] fetches content of %i bytes',
    async (sizeBytes) => {
      const bench = new FetchingBench({ content: contentOfSize(sizeBytes, PIECE_BYTES) });
      const peers = [1, 2, 3].map((id) => bench.join(id));
      bench.start();
      await bench.settle(...peers);
      bench.expectComplete();
    },
  );

  it('asks for nothing before the start, nor of a source that chokes', () => {
    const bench = new FetchingBench();
    const peer = bench.join(1);
    bench.fetching.fillAll();
    expect(peer.open).toEqual([]);
    peer.isChokingUs = true;
    bench.start();
    expect(peer.open).toEqual([]);
    peer.isChokingUs = false;
    bench.fetching.review(peer);
    expect(peer.open.length).toBeGreaterThan(0);
  });

  it('says that it is interested only in a source that holds what is needed', () => {
    const bench = new FetchingBench({ have: [0, 1] });
    const [useless, useful] = [bench.join(1, [0, 1]), bench.join(2, [1, 2])];
    expect([useless.isInterested, useful.isInterested]).toEqual([false, true]);
    useless.pieces!.add(pieceIndex(5));
    bench.plan.sourceGained(1, pieceIndex(5));
    bench.fetching.review(useless);
    expect(useless.isInterested).toBe(true);
    bench.fetching.stop();
    expect([useless.isInterested, useful.isInterested]).toEqual([false, false]);
  });

  it('[fault 35] writes nothing that does not hash right, and has it from another source', async () => {
    const bench = new FetchingBench();
    const [liar, honest] = [bench.join(1), bench.join(2)];
    bench.start();
    const fromLiar = liar.askedPieces;
    bench.deliverAll(liar, flip);
    await bench.clock.runFor(10);
    const corrupt = bench.failures.filter(([, , failure]) => failure === 'corrupt');
    expect(corrupt.length).toBeGreaterThan(0);
    for (const [piece, peer] of corrupt) expect([peer, fromLiar.includes(piece)]).toEqual([1, true]);
    expect(bench.store.done.writes).toBe(0);
    bench.leave(liar);
    await bench.settle(honest);
    bench.expectComplete();
    expect(bench.verified.every(([, peer]) => peer === 2)).toBe(true);
  });

  it('a piece that comes from two sources at once is written once', async () => {
    const bench = new FetchingBench({ content: contentOfSize(PIECE_BYTES, PIECE_BYTES) });
    const [one, other] = [bench.join(1), bench.join(2)];
    bench.start();
    expect([one.askedPieces, other.askedPieces]).toEqual([[0], [0]]);
    bench.deliverAll(one);
    bench.deliverAll(other);
    expect(bench.fetching.checking).toBe(2);
    await bench.settle();
    bench.expectComplete();
    expect(bench.store.done.writes).toBe(1);
  });

  it('the other source of a piece that has come is told to stop', async () => {
    const bench = new FetchingBench({ content: contentOfSize(PIECE_BYTES, PIECE_BYTES) });
    const [one, other] = [bench.join(1), bench.join(2)];
    bench.start();
    bench.deliverAll(one);
    await bench.settle();
    expect(other.open).toEqual([]);
    expect(other.cancelled.map(({ begin }) => begin)).toEqual([0, BLOCK_BYTES]);
    bench.expectComplete();
    expect(bench.failures).toEqual([]);
  });

  it('[fault 45] a source that goes in the middle of a piece loses it to another', async () => {
    const bench = new FetchingBench();
    const [goes, stays] = [bench.join(1), bench.join(2)];
    bench.start();
    const asked = goes.askedPieces;
    bench.deliver(goes);
    bench.leave(goes);
    expect(bench.failures).toEqual(asked.map((piece) => [piece, 1, 'gone']));
    await bench.settle(stays);
    bench.expectComplete();
  });

  it('a piece that is being checked when its source goes still counts', async () => {
    const bench = new FetchingBench({ content: contentOfSize(PIECE_BYTES, PIECE_BYTES) });
    const peer = bench.join(1);
    bench.start();
    bench.deliverAll(peer);
    bench.leave(peer);
    await bench.settle();
    bench.expectComplete();
    expect(bench.verified).toEqual([[0, 1]]);
  });

  it('a choke gives all that is under way to others, and the source may go on when it unchokes', async () => {
    const bench = new FetchingBench();
    const [chokes, other] = [bench.join(1), bench.join(2)];
    bench.start();
    const asked = chokes.askedPieces;
    chokes.isChokingUs = true;
    bench.fetching.choked(chokes);
    expect(chokes.open).toEqual([]);
    expect(bench.failures).toEqual(asked.map((piece) => [piece, 1, 'choked']));
    await bench.settle(other);
    bench.expectComplete();
  });

  it('a choke leaves what was wholly asked for to a source that answers it all the same (BEP 6)', async () => {
    const bench = new FetchingBench();
    const [chokes, other] = [bench.join(1), bench.join(2)];
    chokes.answersWhenChoked = true;
    bench.start();
    const [first] = chokes.askedPieces;
    chokes.isChokingUs = true;
    bench.fetching.choked(chokes);
    expect(chokes.askedPieces).toContain(first);
    expect(bench.failures.map(([piece]) => piece)).not.toContain(first);
    bench.deliverAll(chokes);
    await bench.settle(other);
    bench.expectComplete();
    expect(bench.verified).toContainEqual([first, 1]);
  });

  it('a rejected block takes its piece away from the source, blocks that are under way too', async () => {
    const bench = new FetchingBench();
    const [unwilling, other] = [bench.join(1), bench.join(2)];
    bench.start();
    const ref = unwilling.open[1]!;
    bench.reject(unwilling, ref);
    expect(bench.failures).toEqual([[ref.piece, 1, 'rejected']]);
    expect(unwilling.askedPieces).not.toContain(ref.piece);
    await bench.settle(unwilling, other);
    bench.expectComplete();
  });

  it('[fault 42] what a silent source holds back goes to another after the timeout', async () => {
    const bench = new FetchingBench();
    const silent = bench.join(1);
    bench.start();
    const asked = silent.askedPieces;
    await bench.clock.runUntil(bench.plan.nextDue);
    expect(bench.clock.now()).toBeGreaterThanOrEqual(1_000 + REQUEST_TIMEOUT_MS);
    const other = bench.join(2);
    bench.fetching.wake();
    expect(bench.failures).toEqual(asked.map((piece) => [piece, 1, 'stalled']));
    await bench.settle(other);
    bench.expectComplete();
    expect(bench.verified.every(([, peer]) => peer === 2)).toBe(true);
  });

  it('[fault 34] bytes and blocks of pieces that are not fetched from a source change nothing', async () => {
    const bench = new FetchingBench();
    const [asked, stranger] = [bench.join(1), new FakePeer(9, Bitfield.full(12))];
    bench.start();
    const { piece, begin, length } = asked.open[0]!;
    bench.fetching.blockBytes(stranger, pieceIndex(piece), begin, 0, new Uint8Array(length), bench.clock.now());
    bench.fetching.block(stranger, pieceIndex(piece), begin, length);
    bench.fetching.block(asked, pieceIndex(11), 0, 100);
    bench.fetching.rejected(stranger, pieceIndex(piece));
    expect(bench.fetching.checking).toBe(0);
    await bench.settle(asked);
    bench.expectComplete();
  });

  it('[fault 47] a store that refuses is told of, once for each piece, and nothing counts as verified', async () => {
    const bench = new FetchingBench();
    const peer = bench.join(1);
    bench.store.failWrites('full');
    bench.start();
    bench.deliver(peer);
    bench.deliver(peer);
    await bench.clock.runFor(20);
    expect(bench.storeErrors).toEqual([expect.any(StoreError)]);
    expect(bench.verified).toEqual([]);
    bench.fetching.stop();
    await bench.fetching.drained();
    expect(bench.pool.taken).toBe(0);
  });

  it('a hasher that fails is told of like a store', async () => {
    const bench = new FetchingBench();
    const peer = bench.join(1);
    bench.hasher.pieceRoot = () => Promise.reject(new Error('a thread died'));
    bench.start();
    bench.deliver(peer);
    bench.deliver(peer);
    await bench.clock.runFor(20);
    expect(String(bench.storeErrors[0])).toContain('a thread died');
    expect(bench.store.done.writes).toBe(0);
  });

  it('tells nothing more after a stop, and is drained when the store is left alone', async () => {
    for (const afterMs of [0, 1, 2, 3, 4, 5]) {
      const bench = new FetchingBench();
      const peers = [bench.join(1), bench.join(2)];
      bench.start();
      for (const peer of peers) bench.deliver(peer);
      for (const peer of peers) bench.deliver(peer);
      await bench.clock.runFor(afterMs);
      const told = [bench.verified.length, bench.failures.length, bench.steps];
      bench.fetching.stop();
      let isDrained = false;
      void bench.fetching.drained().then(() => (isDrained = true));
      const writes = bench.store.done.writes;
      for (let ms = 0; ms < 10; ms++) {
        if (isDrained) expect([bench.pool.taken, bench.fetching.checking]).toEqual([0, 0]);
        await bench.clock.runFor(1);
      }
      expect(isDrained).toBe(true);
      expect(bench.store.done.writes).toBe(writes);
      expect([bench.verified.length, bench.failures.length, bench.steps]).toEqual(told);
      for (const peer of peers) expect([peer.open, peer.isInterested]).toEqual([[], false]);
      bench.expectNothingUnverified();
    }
  });

  it('a stopped one asks nobody, whoever comes or unchokes', () => {
    const bench = new FetchingBench();
    bench.start();
    bench.fetching.stop();
    const peer = bench.join(1);
    bench.fetching.fillAll();
    bench.fetching.wake();
    expect(peer.open).toEqual([]);
  });
});
