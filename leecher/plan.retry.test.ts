import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, pieceIndex } from '../common/base/ids.ts';
import { KIB, RETRY_FIRST_MS, RETRY_LAST_MS } from '../common/base/limits.ts';
import type { Random } from '../common/base/ports.ts';
import { Plan } from './plan.ts';

const PIECE_BYTES = 64 * KIB;
const START = instant(1_000);

/** Keeps every order as it is given: `below(i + 1)` is `i`, so that a shuffle swaps each with itself. */
const orderly: Random = { bytes: (count) => new Uint8Array(count), below: (bound) => bound - 1 };

/** `0-9,20` as a set. */
function pieces(size: number, spec: string): Bitfield {
  const set = new Bitfield(size);
  for (const part of spec === '' ? [] : spec.split(',')) {
    const [first, last = first] = part.split('-').map(Number) as [number, number?];
    for (let piece = first; piece <= last; piece++) set.add(pieceIndex(piece));
  }
  return set;
}

/** A started plan; source ids are 1, 2, 3 … in the order of `holdings`. */
function started(pieceCount: number, holdings: readonly (Bitfield | string)[]): Plan {
  const have = new Bitfield(pieceCount);
  const plan = new Plan({ pieceCount, sizeOf: () => PIECE_BYTES, have, random: orderly });
  holdings.forEach((held, i) => plan.addSource(i + 1, typeof held === 'string' ? pieces(pieceCount, held) : held));
  plan.start();
  return plan;
}

const next = (plan: Plan, id: number, now = START): number | undefined => plan.next(id, now)?.piece;

/** Up to `count` pieces in a row, left under way. */
function ask(plan: Plan, id: number, count: number, now = START): number[] {
  const asked: number[] = [];
  while (asked.length < count) {
    const piece = next(plan, id, now);
    if (piece === undefined) break;
    asked.push(piece);
  }
  return asked;
}

/** Fetches up to `count` pieces one after the other. */
function fetch(plan: Plan, id: number, count: number, now = START): number[] {
  const fetched: number[] = [];
  while (fetched.length < count) {
    const piece = next(plan, id, now);
    if (piece === undefined) break;
    plan.done(pieceIndex(piece), id, now);
    fetched.push(piece);
  }
  return fetched;
}

describe('failures', () => {
  it('[fault 45] gives what was under way at a lost connection to the next that asks', () => {
    const full = Bitfield.full(20);
    const plan = started(20, [full, full]);
    next(plan, 1);
    plan.failed(1, pieceIndex(0), 'gone', START);
    expect(next(plan, 2)).toBe(0);
  });

  it('lets a source that had choked us have its piece again', () => {
    const plan = started(20, [Bitfield.full(20)]);
    next(plan, 1);
    plan.failed(1, pieceIndex(0), 'choked', START);
    expect(next(plan, 1)).toBe(0);
  });

  it('asks one that chokes us again and again, and gives nothing, less and less often', () => {
    const plan = started(20, [Bitfield.full(20)]);
    let now = START;
    let asked = 0;
    for (; now < START + 60_000; now = after(now, 10)) {
      plan.overdue(now);
      for (const piece of [next(plan, 1, now), next(plan, 1, now)]) {
        if (piece === undefined) continue;
        asked++;
        plan.failed(1, pieceIndex(piece), 'choked', now);
      }
    }
    // Two rounds, then single pieces after 250, 500 … 8,000 ms.
    expect(asked).toBeLessThan(20);
    expect(asked).toBeGreaterThan(8);
  });

  it('[fault 35] never asks a source again for a piece it gave corrupt, and goes on with it otherwise', () => {
    const full = Bitfield.full(3);
    const plan = started(3, [full]);
    next(plan, 1);
    plan.arrived(pieceIndex(0), 1, START);
    plan.failed(1, pieceIndex(0), 'corrupt', START);
    expect(plan.blamed(pieceIndex(0))).toEqual([1]);
    expect(fetch(plan, 1, 99, START)).toEqual([1, 2]);
    expect(fetch(plan, 1, 99, instant(START + 60_000))).toEqual([]);
    plan.addSource(2, full);
    expect(next(plan, 2)).toBe(0);
    plan.done(pieceIndex(0), 2, START);
    expect(plan.blamed(pieceIndex(0))).toEqual([]);
    expect(plan.report(1)!.corrupt).toBe(1);
  });

  it('[fault 36] names the pieces that every holder gave corrupt', () => {
    const full = Bitfield.full(9);
    const plan = started(9, [full, full, '0-3']);
    for (const id of [1, 2, 3]) {
      while (plan.remaining > 0) {
        const piece = plan.next(id, START)?.piece;
        if (piece === undefined) break;
        if (piece === 5 || piece === 2) plan.failed(id, piece, 'corrupt', START);
        else plan.done(piece, id, START);
      }
      if (id === 1) expect(plan.hopeless()).toEqual([]);
    }
    expect(plan.hopeless()).toEqual([2, 5]);
    expect(plan.blamed(pieceIndex(2))).toEqual([1, 2, 3]);
    expect(plan.remaining).toBe(2);
    plan.removeSource(1, START);
    plan.removeSource(2, START);
    expect(plan.hopeless()).toEqual([2, 5]);
    plan.addSource(4, full);
    expect(plan.hopeless()).toEqual([]);
  });

  it('has hope while a piece is still under way somewhere', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full]);
    next(plan, 1);
    next(plan, 2);
    plan.failed(1, pieceIndex(0), 'corrupt', START);
    expect(plan.hopeless()).toEqual([]);
    plan.failed(2, pieceIndex(0), 'corrupt', START);
    expect(plan.hopeless()).toEqual([0]);
  });

  it('blames a source for bytes that turn out corrupt after it left', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full]);
    next(plan, 1);
    plan.arrived(pieceIndex(0), 1, START);
    plan.removeSource(1, START);
    expect(next(plan, 2)).toBeUndefined();
    plan.failed(1, pieceIndex(0), 'corrupt', START);
    expect(plan.blamed(pieceIndex(0))).toEqual([1]);
    expect(next(plan, 2)).toBe(0);
  });

  it('gives a rejected piece to another source at once, and before anything else', () => {
    const full = Bitfield.full(20);
    const plan = started(20, [full, full]);
    next(plan, 1);
    plan.failed(1, pieceIndex(0), 'rejected', START);
    expect(next(plan, 1)).toBe(1);
    expect(next(plan, 2)).toBe(0);
    expect(next(plan, 2)).toBe(10);
  });

  it('lets the same source try again after a pause that doubles, when there is no other', () => {
    const plan = started(1, [Bitfield.full(1)]);
    let now = START;
    for (const pause of [250, 500, 1000, 2000, 4000, 8000, 8000]) {
      expect(next(plan, 1, now)).toBe(0);
      plan.failed(1, pieceIndex(0), 'rejected', now);
      expect(next(plan, 1, instant(now + pause - 1))).toBeUndefined();
      let wakes = 0;
      while (plan.nextDue < now + pause && wakes++ < 5) expect(plan.overdue(plan.nextDue)).toEqual([]);
      expect(plan.nextDue).toBe(now + pause);
      now = plan.nextDue;
    }
    expect(RETRY_LAST_MS).toBe(8_000);
  });

  it('waits longest when another holds it, and the pause ends for all once all failed it', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full]);
    next(plan, 1);
    plan.failed(1, pieceIndex(0), 'rejected', START);
    expect(next(plan, 1, instant(START + RETRY_LAST_MS - 1))).toBeUndefined();
    const now = instant(START + 100);
    expect(next(plan, 2, now)).toBe(0);
    plan.failed(2, pieceIndex(0), 'stalled', now);
    expect(plan.nextDue).toBe(now + RETRY_FIRST_MS);
    expect(next(plan, 1, instant(now + RETRY_FIRST_MS))).toBe(0);
  });

  it('goes back to the same source in the end even if the other never asks', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full]);
    next(plan, 1);
    plan.failed(1, pieceIndex(0), 'rejected', START);
    expect(next(plan, 1, instant(START + RETRY_LAST_MS))).toBe(0);
  });

  it('does not let a source that rejects everything spin', () => {
    const plan = started(1_000, [Bitfield.full(1_000)]);
    let asked = 0;
    let now = START;
    while (now < START + 60_000) {
      const piece = plan.next(1, now)?.piece;
      if (piece === undefined) {
        now = plan.nextDue;
        plan.overdue(now);
        continue;
      }
      asked++;
      plan.failed(1, piece, 'rejected', now);
    }
    expect(asked).toBeLessThan(20);
    expect(asked).toBeGreaterThan(8);
    expect(now).toBeLessThan(START + 70_000);
  });

  it('ignores late news', () => {
    const full = Bitfield.full(4);
    const plan = started(4, [full, full]);
    next(plan, 1);
    expect(plan.done(pieceIndex(0), 1, START)).toEqual([]);
    expect(plan.done(pieceIndex(0), 1, START)).toEqual([]);
    plan.failed(1, pieceIndex(0), 'stalled', START);
    plan.arrived(pieceIndex(0), 1, START);
    plan.failed(9, pieceIndex(1), 'corrupt', START);
    plan.progressed(9, 5, START);
    expect(plan.removeSource(9, START)).toBeUndefined();
    expect(plan.remaining).toBe(3);
    expect(plan.report(1)).toMatchObject({ pieces: 1, bytes: PIECE_BYTES, stalled: 0 });
  });

  it('gives nobody a piece that came right after its fetch was given up', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full]);
    next(plan, 1);
    plan.failed(1, pieceIndex(0), 'stalled', START);
    plan.done(pieceIndex(0), 1, START);
    expect(plan.isNeeded(pieceIndex(0))).toBe(false);
    expect(next(plan, 2)).toBeUndefined();
  });

  it('accepts a piece that comes right after its fetch was given up', () => {
    const full = Bitfield.full(4);
    const plan = started(4, [full, full]);
    next(plan, 1);
    plan.failed(1, pieceIndex(0), 'stalled', START);
    expect(next(plan, 2)).toBe(0);
    expect(plan.done(pieceIndex(0), 1, START)).toEqual([2]);
    expect(plan.report(1)!.pieces).toBe(1);
    plan.done(pieceIndex(3), 1, START);
    expect(new Set([...ask(plan, 1, 9), ...ask(plan, 2, 9)])).toEqual(new Set([1, 2]));
  });
});
