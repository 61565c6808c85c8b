import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, instant, type Instant } from '../base/ids.ts';
import { CHOKE_INTERVAL_MS, KIB, MAX_MEASURED_SLOTS, MIB, OPTIMISTIC_INTERVAL_MS } from '../base/limits.ts';
import { SeededRandom } from '../sim/random.ts';
import { Choker, slotsFor, USUAL_CHOKE_TERMS, type Chokable } from './choker.ts';

const START = instant(1000);

/** Peers as a swarm keeps them: what the choker decides is done. */
class Peers {
  readonly all = new Map<number, { id: number; isInterested: boolean; isChoked: boolean; receivedBytes: number }>();
  readonly choker: Choker;
  slots: number;
  isServingOnly = true;

  constructor(slots: number, seed = 1) {
    this.slots = slots;
    this.choker = new Choker({ terms: USUAL_CHOKE_TERMS, random: new SeededRandom({ seed }), now: START });
  }

  interest(id: number, isInterested = true): void {
    const peer = this.all.get(id) ?? { id, isInterested, isChoked: true, receivedBytes: 0 };
    this.all.set(id, { ...peer, isInterested });
  }

  leave(id: number): void {
    this.all.delete(id);
    this.choker.forget(id);
  }

  decide(now: Instant): { choke: readonly number[]; unchoke: readonly number[] } {
    const { slots, isServingOnly } = this;
    const decision = this.choker.decide([...this.all.values()], { slots, isServingOnly }, now);
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

  it('at the turn of one that only serves, those served longest make room for those that waited longest', () => {
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

  it('and fewer slots than before, those served longest lose theirs at once', () => {
    const peers = new Peers(4);
    for (let id = 1; id <= 6; id++) {
      peers.interest(id);
      peers.decide(after(START, id));
    }
    peers.slots = 2;
    expect(peers.decide(after(START, 10))).toEqual({ choke: [1, 2], unchoke: [] });
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

describe('tit for tat, while we fetch', () => {
  /** Ten peers; the higher the number, the more it gives. */
  function giving(slots: number, seed = 1): Peers {
    const peers = new Peers(slots, seed);
    peers.isServingOnly = false;
    for (let id = 0; id < 10; id++) {
      peers.interest(id);
      peers.all.get(id)!.receivedBytes = id * 1000;
    }
    peers.decide(START);
    return peers;
  }

  it('those that give most are served, and one by chance', () => {
    const peers = giving(4);
    peers.decide(after(START, CHOKE_INTERVAL_MS));
    expect(peers.served).toHaveLength(4);
    expect(peers.served.slice(-3)).toEqual([7, 8, 9]);
  });

  it('the one by chance keeps its slot for the optimistic interval, then it is the turn of another', () => {
    const peers = giving(4);
    const lucky = new Set<number>();
    let last = -1;
    let changes = 0;
    for (let turn = 1; turn <= 60; turn++) {
      peers.decide(after(START, turn * CHOKE_INTERVAL_MS));
      const [one] = peers.served;
      lucky.add(one!);
      if (one !== last) changes++;
      last = one!;
    }
    expect(changes).toBe(1 + (60 * CHOKE_INTERVAL_MS) / OPTIMISTIC_INTERVAL_MS);
    expect([...lucky].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('who has just come is drawn three times as often as the others', () => {
    let drawn = 0;
    const tries = 600;
    for (let seed = 0; seed < tries; seed++) {
      const peers = giving(2, seed);
      peers.interest(99);
      peers.decide(after(START, 7 * CHOKE_INTERVAL_MS));
      if (peers.served.includes(99)) drawn++;
    }
    // Of twelve tickets three; one among nine would be 67.
    expect(drawn).toBeGreaterThan(110);
    expect(drawn).toBeLessThan(190);
  });

  it('a single slot goes to whoever gives most, and round as long as nobody gives anything', () => {
    const peers = giving(1);
    peers.decide(after(START, CHOKE_INTERVAL_MS));
    expect(peers.served).toEqual([9]);
    for (const peer of peers.all.values()) peer.receivedBytes = 0;
    const served = new Set<number>();
    for (let turn = 2; turn < 12; turn++) {
      peers.decide(after(START, turn * CHOKE_INTERVAL_MS));
      for (const id of peers.served) served.add(id);
    }
    expect(served.size).toBe(10);
  });
});

it('never serves more than the slots, uses them all while someone waits, and says nothing twice', () => {
  const step = fc.tuple(fc.constantFrom('interest', 'lose', 'leave'), fc.nat(9), fc.nat(6_000), fc.nat(3));
  fc.assert(
    fc.property(fc.nat(4), fc.boolean(), fc.array(step, { maxLength: 60 }), (slots, isServingOnly, steps) => {
      const peers = new Peers(slots);
      peers.isServingOnly = isServingOnly;
      let now = START;
      for (const [kind, id, waitMs, given] of steps) {
        now = after(now, waitMs);
        if (kind === 'leave') peers.leave(id);
        else peers.interest(id, kind === 'interest');
        for (const peer of peers.all.values()) if (peer.id === id) peer.receivedBytes += given;
        const before = new Set(peers.served);
        const { choke, unchoke } = peers.decide(now);
        expect(choke.filter((each) => !before.has(each))).toEqual([]);
        expect(unchoke.filter((each) => before.has(each))).toEqual([]);
        const wanting = [...peers.all.values()].filter((peer: Chokable) => peer.isInterested).length;
        expect(peers.served).toHaveLength(Math.min(slots, wanting));
      }
    }),
  );
});

describe('the slots that follow from the uplink', () => {
  it.each([
    ['as many as there may be while it is unknown', 0, 512 * KIB, MAX_MEASURED_SLOTS],
    ['some on a slow line', 128 * KIB, 512 * KIB, 4],
    ['a piece every ten seconds for each', 1 * MIB, 512 * KIB, 20],
    ['fewer of large pieces', 4 * MIB, 4 * MIB, 10],
    ['no more than there may be on a fast line', 1_000 * MIB, 512 * KIB, MAX_MEASURED_SLOTS],
  ])('are %s', (_words, rate, pieceBytes, slots) => {
    expect(slotsFor(rate, pieceBytes)).toBe(slots);
  });
});
