import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, instant, type Instant } from '../base/ids.ts';
import { CHOKE_INTERVAL_MS } from '../base/limits.ts';
import { Choker, type Chokable } from './choker.ts';

const START = instant(1000);

/** Peers as a swarm keeps them: what the choker decides is done. */
class Peers {
  readonly all = new Map<number, { id: number; isInterested: boolean; isChoked: boolean }>();
  readonly choker: Choker;

  constructor(slots: number) {
    this.choker = new Choker({ slots, now: START });
  }

  interest(id: number, isInterested = true): void {
    const peer = this.all.get(id) ?? { id, isInterested, isChoked: true };
    this.all.set(id, { ...peer, isInterested });
  }

  leave(id: number): void {
    this.all.delete(id);
    this.choker.forget(id);
  }

  decide(now: Instant): { choke: readonly number[]; unchoke: readonly number[] } {
    const decision = this.choker.decide([...this.all.values()], now);
    for (const id of decision.choke) this.all.get(id)!.isChoked = true;
    for (const id of decision.unchoke) this.all.get(id)!.isChoked = false;
    return decision;
  }

  get served(): number[] {
    return [...this.all.values()].filter((peer) => !peer.isChoked).map((peer) => peer.id);
  }
}

describe('with a free slot', () => {
  it('whoever is interested is unchoked at once', () => {
    const peers = new Peers(2);
    peers.interest(1);
    peers.interest(2);
    peers.interest(3, false);
    expect(peers.decide(START)).toEqual({ choke: [], unchoke: [1, 2] });
    expect(peers.decide(after(START, 1))).toEqual({ choke: [], unchoke: [] });
  });

  it('that comes free, the one who waited longest gets it', () => {
    const peers = new Peers(1);
    for (const id of [1, 2, 3]) {
      peers.interest(id);
      peers.decide(after(START, id));
    }
    peers.leave(1);
    expect(peers.decide(after(START, 10)).unchoke).toEqual([2]);
  });

  it('whoever loses interest makes room at once', () => {
    const peers = new Peers(1);
    peers.interest(1);
    peers.interest(2);
    peers.decide(START);
    peers.interest(1, false);
    expect(peers.decide(after(START, 1))).toEqual({ choke: [1], unchoke: [2] });
  });
});

describe('without a free slot', () => {
  it('nobody is disturbed before the turn', () => {
    const peers = new Peers(1);
    peers.interest(1);
    peers.interest(2);
    peers.decide(START);
    expect(peers.decide(after(START, CHOKE_INTERVAL_MS - 1))).toEqual({ choke: [], unchoke: [] });
    expect(peers.choker.nextDue).toBe(after(START, CHOKE_INTERVAL_MS));
  });

  it('at the turn those served longest make room for those that waited longest', () => {
    const peers = new Peers(4);
    for (let id = 1; id <= 10; id++) {
      peers.interest(id);
      peers.decide(after(START, id));
    }
    expect(peers.decide(after(START, CHOKE_INTERVAL_MS))).toEqual({ choke: [1], unchoke: [5] });
  });

  it('everyone gets a turn, and no slot is ever left empty', () => {
    const peers = new Peers(4);
    for (let id = 1; id <= 12; id++) peers.interest(id);
    const served = new Set<number>();
    for (let turn = 0; turn < 12; turn++) {
      peers.decide(after(START, turn * CHOKE_INTERVAL_MS));
      expect(peers.served).toHaveLength(4);
      for (const id of peers.served) served.add(id);
    }
    expect(served.size).toBe(12);
  });

  it('with as many slots as peers nobody is ever choked', () => {
    const peers = new Peers(3);
    for (let id = 1; id <= 3; id++) peers.interest(id);
    for (let turn = 0; turn < 5; turn++) {
      expect(peers.decide(after(START, turn * CHOKE_INTERVAL_MS)).choke).toEqual([]);
    }
  });

  it('and with no slots at all, nobody is served', () => {
    const peers = new Peers(0);
    peers.interest(1);
    expect(peers.decide(after(START, CHOKE_INTERVAL_MS))).toEqual({ choke: [], unchoke: [] });
  });
});

it('never serves more than the slots, and uses them all while someone waits', () => {
  const step = fc.tuple(fc.constantFrom('interest', 'lose', 'leave'), fc.nat(9), fc.nat(6_000));
  fc.assert(
    fc.property(fc.nat(4), fc.array(step, { maxLength: 60 }), (slots, steps) => {
      const peers = new Peers(slots);
      let now = START;
      for (const [kind, id, waitMs] of steps) {
        now = after(now, waitMs);
        if (kind === 'leave') peers.leave(id);
        else peers.interest(id, kind === 'interest');
        const { choke, unchoke } = peers.decide(now);
        expect(choke.filter((each) => unchoke.includes(each))).toEqual([]);
        const wanting = [...peers.all.values()].filter((peer: Chokable) => peer.isInterested).length;
        expect(peers.served).toHaveLength(Math.min(slots, wanting));
      }
    }),
  );
});
