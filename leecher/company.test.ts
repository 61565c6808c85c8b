import { describe, expect, it } from 'vitest';
import { instant } from '../common/base/ids.ts';
import { FakePeer } from '../common/fixtures/fake-peer.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { Company } from './company.ts';
import { KeptEvents } from './fixtures/kept-events.ts';
import { Learning } from './learning.ts';

class Bench {
  readonly clock = new VirtualClock({ startAt: instant(1_000) });
  readonly events = new KeptEvents();
  readonly failures: unknown[] = [];
  changes = 0;
  heardBytes = 0;
  isOver = false;
  readonly company = new Company({
    clock: this.clock,
    events: this.events,
    learning: new Learning({
      clock: this.clock,
      recognise: () => {
        throw new Error('it is invalid');
      },
      layersPatienceMs: 3_000,
      onInfo: () => undefined,
      onProof: () => undefined,
      onLayer: () => undefined,
      onForged: () => undefined,
      onLiar: () => undefined,
      onStep: () => undefined,
    }),
    isDone: () => this.isOver,
    isOver: () => this.isOver,
    onChange: () => this.changes++,
    onHeard: (bytes) => (this.heardBytes += bytes),
    onFailed: (error) => this.failures.push(error),
  });
}

describe('company', () => {
  it('knows who is there, and tells once that a peer came and why it left', () => {
    const { company, events, clock } = new Bench();
    const [one, two] = [new FakePeer(1), new FakePeer(2)];
    for (const peer of [one, two]) company.onReady(peer, clock.now());
    company.onGone(one, 'reset', clock.now());
    company.onGone(one, 'reset', clock.now());
    expect(company.size).toBe(1);
    expect(events.lines).toEqual(['source 1 joined', 'source 2 joined', 'source 1 left reset']);
    expect(company.book.entryOf(one).leftBecause).toBe('reset');
  });

  it('takes nobody in when all is over, and says nothing of those that leave', () => {
    const bench = new Bench();
    const { company, events, clock } = bench;
    const peer = new FakePeer(1);
    company.onReady(peer, clock.now());
    bench.isOver = true;
    expect(company.isDone).toBe(true);
    company.onReady(new FakePeer(2), clock.now());
    company.onGone(peer, 'stopped', clock.now());
    expect([company.size, events.lines]).toEqual([0, ['source 1 joined']]);
  });

  it('an invalid description ends the download, not the connection it came from', () => {
    const { company, failures, clock } = new Bench();
    const peer = new FakePeer(1);
    peer.metadataBytes = 10;
    company.onReady(peer, clock.now());
    company.onMetadata(peer, 0, 10, new Uint8Array(10));
    expect(failures).toEqual([new Error('it is invalid')]);
    expect(peer.closedBecause).toBeUndefined();
  });

  it('everything but block bytes may bring the next stage; bytes are heard', () => {
    const bench = new Bench();
    const { company, clock } = bench;
    const peer = new FakePeer(1);
    const calls: (() => void)[] = [
      () => company.onReady(peer, clock.now()),
      () => company.onPieces(peer),
      () => company.onHave(peer, 0 as never),
      () => company.onChoked(peer),
      () => company.onUnchoked(peer),
      () => company.onRejected(peer, 0 as never),
      () => company.onMetadataOffered(peer),
      () => company.onMetadataRejected(peer),
      () => company.onGone(peer, 'ended', clock.now()),
    ];
    for (const call of calls) call();
    expect(bench.changes).toBe(calls.length);
    company.onBlockBytes(peer, 0 as never, 0, 0, new Uint8Array(7), clock.now());
    expect([bench.changes, bench.heardBytes]).toEqual([calls.length, 7]);
  });
});
