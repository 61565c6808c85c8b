import { describe, expect, it } from 'vitest';
import { pieceIndex } from '../common/base/ids.ts';
import { contentOfSize } from '../common/fixtures/content.ts';
import type { FetchingOptions } from './fetching.ts';
import { FetchingBench, flip, PIECE_BYTES } from './fixtures/fetching-bench.ts';

/** Pieces that are passed on while they come: told what is fetched, and given buffers that others still read. */
class Relayed {
  readonly told: string[] = [];
  readonly kept: (() => void)[] = [];
  /** Whether what ends is still being read by somebody. */
  isLent = false;
  readonly relaying: FetchingOptions['relaying'] = {
    begun: (peer, { piece }) => void this.told.push(`begun ${piece} at ${peer.id}`),
    progressed: ({ piece, leadBytes }) => void this.told.push(`${piece}: ${leadBytes}`),
    ended: ({ piece }, onFree) => {
      this.told.push(`ended ${piece}`);
      if (this.isLent) this.kept.push(onFree);
      else onFree();
    },
  };

  bench(pieces: number, buffers?: number): FetchingBench {
    const content = contentOfSize(pieces * PIECE_BYTES, PIECE_BYTES);
    return new FetchingBench({
      content,
      relaying: this.relaying,
      onTold: (what) => this.told.push(what),
      ...(buffers === undefined ? {} : { buffers }),
    });
  }

  takeTold(): string[] {
    return this.told.splice(0);
  }
}

describe('a piece that others get parts of while it comes', () => {
  it('is spoken of when it is asked for, with each block but the last, and when it is here', async () => {
    const relayed = new Relayed();
    const bench = relayed.bench(1);
    const peer = bench.join(7);
    bench.start();
    bench.deliver(peer);
    expect(relayed.takeTold()).toEqual(['begun 0 at 7', `0: ${PIECE_BYTES / 2}`]);
    bench.deliver(peer);
    expect(relayed.takeTold()).toEqual([]);
    await bench.settle();
    expect(relayed.takeTold()).toEqual(['verified 0', 'ended 0']);
    bench.expectComplete();
  });

  it('keeps its buffer as long as they read it, and there is one fewer to fetch into', async () => {
    const relayed = new Relayed();
    const bench = relayed.bench(6, 2);
    relayed.isLent = true;
    const peer = bench.join(1);
    bench.start();
    await bench.settle(peer);
    expect([bench.verified.length, bench.pool.taken, relayed.kept.length]).toEqual([2, 2, 2]);
    expect(peer.open).toEqual([]);
    relayed.isLent = false;
    relayed.kept.splice(0).forEach((free) => free());
    bench.fetching.fillAll();
    await bench.settle(peer);
    bench.expectComplete();
  });

  it('keeps it over a stop as well', async () => {
    const relayed = new Relayed();
    relayed.isLent = true;
    const bench = relayed.bench(2);
    const peer = bench.join(1);
    bench.start();
    bench.deliver(peer);
    bench.fetching.stop();
    await bench.fetching.drained();
    expect(bench.pool.taken).toBe(1);
    relayed.kept.splice(0).forEach((free) => free());
    expect(bench.pool.taken).toBe(0);
  });

  it('is here before it is given up at another source: nobody is told in between that it does not come', async () => {
    const relayed = new Relayed();
    const bench = relayed.bench(1);
    const [first, second] = [bench.join(1), bench.join(2)];
    bench.start();
    bench.deliver(first);
    relayed.takeTold();
    bench.deliverAll(second);
    await bench.settle();
    expect(relayed.takeTold().filter((line) => !line.includes(':'))).toEqual(['verified 0', 'ended 0', 'ended 0']);
    bench.expectComplete();
  });

  it('[fault 35] is taken back when it is wrong, before anybody is blamed or asked for it', async () => {
    const relayed = new Relayed();
    const bench = relayed.bench(1);
    const liar = bench.join(1);
    bench.start();
    bench.deliverAll(liar, flip);
    const honest = bench.join(2);
    relayed.takeTold();
    await bench.clock.runFor(5);
    expect(relayed.takeTold()).toEqual(['ended 0', 'corrupt 0', 'begun 0 at 2']);
    await bench.settle(honest);
    bench.expectComplete();
  });
});

describe('a piece that was on its way to its source', () => {
  it('and does not come is asked of others at once, and no fault of the source', async () => {
    const relayed = new Relayed();
    const bench = relayed.bench(1);
    const peer = bench.join(1);
    bench.start();
    bench.deliver(peer);
    const other = bench.join(2, []);
    other.pieces!.add(pieceIndex(0));
    bench.plan.sourceGained(2, pieceIndex(0));
    peer.pieces!.remove(pieceIndex(0));
    bench.plan.sourceChanged(1);
    relayed.takeTold();
    bench.fetching.review(peer);
    expect(relayed.takeTold()).toEqual(['ended 0', 'gone 0', 'begun 0 at 2']);
    expect([peer.open, peer.isInterested, peer.cancelled]).toEqual([
      [],
      false,
      [expect.objectContaining({ piece: 0 })],
    ]);
    expect(bench.plan.report(1)).toMatchObject({ corrupt: 0, rejected: 0, stalled: 0 });
    await bench.settle(other);
    bench.expectComplete();
  });

  it('is left alone by news of other pieces', () => {
    const relayed = new Relayed();
    const bench = relayed.bench(3);
    const peer = bench.join(1, [0]);
    bench.start();
    peer.pieces!.add(pieceIndex(2));
    bench.plan.sourceGained(1, pieceIndex(2));
    bench.fetching.review(peer);
    expect([bench.failures, peer.askedPieces]).toEqual([[], [0, 2]]);
  });
});
