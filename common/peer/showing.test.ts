import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { after, instant, type Instant, pieceIndex, type PieceIndex } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { Showing } from './showing.ts';

const START = instant(1_000_000);
const COUNT = 12;

/** A seeder of pieces of 1 MiB, so that two fill a window, and its peers, who ask for what they are shown. */
class Crowd {
  readonly shown = new Map<number, PieceIndex[]>();
  readonly have = new Map<number, Bitfield>();
  readonly heldBack = new Set<number>();
  readonly showing: Showing;
  now: Instant = START;

  readonly count: number;

  constructor(count = COUNT) {
    this.count = count;
    this.showing = new Showing({
      pieceCount: count,
      sizeOf: () => MIB,
      show: (id, piece) => void this.shown.get(id)!.push(piece),
      isHeldBack: (id) => this.heldBack.has(id),
    });
  }

  join(id: number, have: readonly number[] = [], twin?: number): void {
    this.shown.set(id, []);
    const field = new Bitfield(this.count);
    for (const piece of have) field.add(pieceIndex(piece));
    this.have.set(id, field);
    this.showing.open(id, twin, this.now);
    this.showing.met(id, field, this.now);
  }

  leave(id: number): void {
    this.have.delete(id);
    this.showing.left(id, this.now);
  }

  ask(id: number, piece: number): void {
    this.showing.asked(id, pieceIndex(piece), this.now);
  }

  send(id: number, piece: number, bytes = MIB): void {
    this.ask(id, piece);
    this.showing.sent(id, pieceIndex(piece), bytes, this.now);
  }

  get(id: number, piece: number): void {
    this.have.get(id)!.add(pieceIndex(piece));
    this.showing.has(id, pieceIndex(piece), this.now);
  }

  pass(ms: number): void {
    for (const end = after(this.now, ms); this.now < end;) {
      this.now = instant(Math.min(end, Math.max(this.now + 1, this.showing.nextDue)));
      this.showing.tick(this.now);
    }
  }

  sees(id: number): number[] | 'all' {
    const view = this.showing.viewOf(id);
    return view === undefined ? 'all' : [...view];
  }
}

describe('an initial seeder', () => {
  it('shows a single peer everything, and each of those that follow pieces of its own', () => {
    const crowd = new Crowd();
    for (const id of [1, 2, 3]) crowd.join(id);
    expect(crowd.sees(1)).toBe('all');
    expect(crowd.sees(2)).toEqual([0, 1]);
    expect(crowd.sees(3)).toEqual([2, 3]);
    expect(crowd.shown.get(3)).toEqual([2, 3]);
  });

  it('shows the next piece when one was sent, not before', () => {
    const crowd = new Crowd();
    for (const id of [1, 2]) crowd.join(id);
    crowd.send(2, 0, MIB / 2);
    expect(crowd.sees(2)).toEqual([0, 1]);
    crowd.send(2, 0, MIB / 2);
    expect(crowd.sees(2)).toEqual([0, 1, 2]);
    crowd.get(2, 0);
    expect(crowd.sees(2)).toEqual([0, 1, 2]);
  });

  it('keeps what it was asked for by one who sees all from the others', () => {
    const crowd = new Crowd();
    crowd.join(1);
    crowd.ask(1, 0);
    crowd.join(2);
    expect(crowd.sees(2)).toEqual([1, 2]);
  });

  it('shows what a peer has to nobody', () => {
    const crowd = new Crowd();
    crowd.join(1, [0, 2]);
    crowd.join(2);
    expect(crowd.sees(2)).toEqual([1, 3]);
  });

  it('shows again what was with a peer that left', () => {
    const crowd = new Crowd(6);
    for (const id of [1, 2, 3]) crowd.join(id);
    crowd.send(2, 0);
    crowd.get(2, 0);
    crowd.leave(2);
    crowd.send(3, 2);
    crowd.send(3, 3);
    expect(crowd.sees(3)).toEqual([0, 2, 3, 5]);
  });

  it('shows to another what was not asked for, and all to whoever asks for none of it', () => {
    const crowd = new Crowd(6);
    for (const id of [1, 2, 3]) crowd.join(id);
    crowd.ask(3, 2);
    crowd.pass(5_000);
    crowd.showing.reveal(100);
    expect(crowd.sees(2)).toBe('all');
    // It waits for the one before.
    expect(crowd.sees(3)).toEqual([2, 3]);
  });

  it('waits for one that must not ask', () => {
    const crowd = new Crowd(6);
    for (const id of [1, 2, 3]) crowd.join(id);
    crowd.heldBack.add(2);
    crowd.pass(5_000);
    expect(crowd.sees(2)).toEqual([0, 1]);
  });

  it('counts what a peer keeps to itself', () => {
    const crowd = new Crowd();
    for (const id of [1, 2, 3]) crowd.join(id);
    for (const piece of [0, 1]) {
      crowd.send(2, piece);
      crowd.get(2, piece);
    }
    expect(crowd.showing.unspread(2)).toBe(2);
    crowd.get(3, 0);
    expect(crowd.showing.unspread(2)).toBe(1);
  });

  it('shows to others what one keeps to itself, who is shown nothing more until it passes something on', () => {
    const crowd = new Crowd(24);
    for (const id of [1, 2, 3]) crowd.join(id);
    const kept = [0, 1, 4, 5];
    for (const piece of kept) {
      crowd.send(2, piece);
      crowd.get(2, piece);
    }
    expect(crowd.showing.unspread(2)).toBe(Infinity);
    const seen = crowd.sees(2);
    for (const piece of [2, 3]) crowd.send(3, piece);
    expect(crowd.sees(2)).toEqual(seen);
    expect(crowd.showing.freeCount).toBe(24 - 2 - 2);
    crowd.get(1, 4);
    expect(crowd.showing.unspread(2)).toBe(Infinity);
    crowd.get(3, 5);
    expect(crowd.showing.unspread(2)).toBe(0);
  });

  it('is not locked when all who are left were taken for takers', () => {
    const crowd = new Crowd(24);
    for (const id of [1, 2, 3, 4]) crowd.join(id);
    for (const id of [2, 3]) {
      for (let sent = 0; sent < 4; sent++) {
        const piece = crowd.shown.get(id)![sent]!;
        crowd.send(id, piece);
        crowd.get(id, piece);
      }
    }
    crowd.leave(4);
    crowd.leave(1);
    crowd.pass(3_000);
    expect(crowd.showing.unspread(2)).toBe(0);
    crowd.pass(10_000);
    crowd.showing.reveal(100);
    expect([2, 3].filter((id) => crowd.sees(id) === 'all' || (crowd.sees(id) as number[]).length > 6)).toEqual([2, 3]);
  });

  it('shows all, in bounded numbers, once every piece was sent to someone', () => {
    const crowd = new Crowd(4);
    for (const id of [1, 2, 3]) crowd.join(id);
    for (const [id, piece] of [
      [2, 0],
      [2, 1],
      [3, 2],
    ] as const) {
      crowd.send(id, piece);
    }
    expect(crowd.showing.isOn).toBe(true);
    crowd.send(3, 3);
    expect(crowd.showing.isOn).toBe(false);
    expect(crowd.showing.reveal(3)).toBe(true);
    expect(crowd.sees(2)).toBe('all');
    expect(crowd.sees(3)).toEqual([0, 2, 3]);
    expect(crowd.showing.reveal(3)).toBe(false);
    expect(crowd.sees(3)).toBe('all');
    crowd.join(4);
    expect(crowd.sees(4)).toBe('all');
  });

  it('shows all to one that is left alone, and to the second connection of one that sees all', () => {
    const crowd = new Crowd();
    crowd.join(1);
    crowd.join(2);
    crowd.join(3, [], 1);
    expect(crowd.sees(3)).toBe('all');
    crowd.leave(1);
    crowd.leave(3);
    crowd.pass(1_000);
    crowd.showing.reveal(100);
    expect(crowd.sees(2)).toBe('all');
  });

  it('is one no more when others are known to have everything, or pieces come from elsewhere', () => {
    const told = new Crowd();
    told.join(1);
    told.join(2);
    told.showing.setCompany(true);
    expect(told.showing.isOn).toBe(false);

    const seen = new Crowd();
    for (const id of [1, 2, 3]) seen.join(id);
    seen.get(2, 8);
    expect(seen.showing.isOn).toBe(true);
    seen.get(3, 9);
    expect(seen.showing.isOn).toBe(false);

    const met = new Crowd();
    met.join(1);
    met.join(2, [...Array.from({ length: COUNT }).keys()]);
    expect(met.showing.isOn).toBe(false);
  });

  it('begins anew when everyone has left', () => {
    const crowd = new Crowd(4);
    for (const id of [1, 2]) crowd.join(id);
    for (const piece of [0, 1, 2, 3]) crowd.send(2, piece);
    expect(crowd.showing.isOn).toBe(false);
    crowd.leave(1);
    crowd.leave(2);
    expect(crowd.showing.isOn).toBe(true);
    for (const id of [3, 4]) crowd.join(id);
    expect(crowd.sees(4)).toEqual([0, 1]);
  });
});

it('shows a piece that is nowhere to one alone, keeps windows full, and ends when all is out', () => {
  const step = fc.tuple(fc.constantFrom('join', 'leave', 'send', 'send', 'send', 'pass'), fc.nat(5), fc.nat(2));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const crowd = new Crowd();
      const { showing } = crowd;
      let next = 1;
      for (const [kind, who, what] of steps) {
        const ids = [...crowd.have.keys()];
        const id = ids[who % Math.max(1, ids.length)];
        if (kind === 'join') crowd.join(next++);
        else if (id === undefined) continue;
        else if (kind === 'leave') crowd.leave(id);
        else if (kind === 'pass') {
          // All ask for what they see, so nothing is taken back for want of it.
          for (const each of ids) for (const piece of crowd.shown.get(each)!) crowd.ask(each, piece);
          crowd.pass(100);
        } else {
          const wanted = crowd.shown.get(id)!.filter((piece) => !crowd.have.get(id)!.has(piece));
          const piece = wanted[what % Math.max(1, wanted.length)];
          if (piece === undefined) continue;
          crowd.send(id, piece);
          crowd.get(id, piece);
        }
        if (!showing.isOn) continue;
        const restricted = [...crowd.have.keys()].filter((each) => showing.viewOf(each) !== undefined);
        for (let piece = 0; piece < COUNT; piece++) {
          const index = pieceIndex(piece);
          const isNowhere = [...crowd.have.values()].every((field) => !field.has(index));
          const seen = restricted.filter((each) => showing.viewOf(each)!.has(index)).length;
          if (isNowhere) expect(seen).toBeLessThanOrEqual(1);
        }
        for (const each of restricted) {
          const [view, have] = [showing.viewOf(each)!, crowd.have.get(each)!];
          const unsent = [...view].filter((piece) => !have.has(piece)).length;
          // Who passes nothing on is shown nothing more.
          const isTaker = showing.unspread(each) === Number.POSITIVE_INFINITY;
          if (showing.freeCount > 0 && !isTaker) expect(unsent).toBeGreaterThanOrEqual(2);
        }
      }
    }),
  );
});
