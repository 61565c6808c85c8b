import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { instant, NEVER, pieceIndex, type PieceIndex } from '../common/base/ids.ts';
import {
  ENDGAME_SOURCES,
  KIB,
  MIN_SOURCE_BYTES_PER_SECOND,
  REQUEST_TIMEOUT_MS,
  RETRY_FIRST_MS,
} from '../common/base/limits.ts';
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

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('endgame', () => {
  it('joins only when nothing is free, names whom to cancel, and stops at the limit', () => {
    const full = Bitfield.full(2);
    const plan = started(2, [full, full, full, full]);
    expect([next(plan, 1), next(plan, 2)]).toEqual([0, 1]);
    const joined = [3, 4].map((id) => plan.next(id, START)!);
    expect(joined.map(({ isDuplicate }) => isDuplicate)).toEqual([true, true]);
    expect(ENDGAME_SOURCES).toBe(2);
    plan.addSource(5, full);
    expect(next(plan, 5)).toBeUndefined();
    const { piece } = joined[0]!;
    expect(plan.done(piece, 3, START)).toEqual([piece + 1]);
  });

  it('lets one that has delivered go beyond the limit beside those that have not, and give nothing', () => {
    const plan = started(3, [pieces(3, '0'), pieces(3, '0'), pieces(3, '0-1'), pieces(3, '0,2'), pieces(3, '0')]);
    expect(next(plan, 1)).toBe(0);
    expect([fetch(plan, 3, 1), fetch(plan, 4, 1)]).toEqual([[1], [2]]);
    expect(next(plan, 2)).toBe(0);
    expect(next(plan, 5)).toBeUndefined();
    plan.progressed(1, PIECE_BYTES / 4, START, pieceIndex(0));
    expect(next(plan, 3, instant(START + 1_000))).toBeUndefined();
    expect(next(plan, 3, instant(START + 10_000))).toBe(0);
    expect(next(plan, 4, instant(START + 10_000))).toBeUndefined();
    expect(plan.done(pieceIndex(0), 3, instant(START + 11_000))).toEqual([1, 2]);
  });

  it('joins only when idle', () => {
    const full = Bitfield.full(2);
    const plan = started(2, [full, full]);
    next(plan, 1);
    next(plan, 2);
    expect(next(plan, 1)).toBeUndefined();
    plan.done(pieceIndex(0), 1, START);
    expect(plan.next(1, START)).toEqual({ piece: 1, isDuplicate: true });
  });

  it('joins the piece that is expected last', () => {
    const full = Bitfield.full(9);
    const plan = started(9, [full, full, full]);
    for (const id of [1, 2, 3]) ask(plan, id, 3);
    plan.progressed(2, 400_000, instant(2_000));
    plan.progressed(3, 100_000, instant(2_000));
    for (const piece of [0, 1, 2]) plan.done(pieceIndex(piece), 1, instant(2_000));
    expect(next(plan, 1, instant(2_000))).toBe(8);
    plan.done(pieceIndex(8), 1, instant(2_000));
    expect(next(plan, 1, instant(2_000))).toBe(7);
  });

  it('never joins a piece that has arrived and is being checked', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full]);
    next(plan, 1);
    plan.arrived(pieceIndex(0), 1, START);
    expect(next(plan, 2)).toBeUndefined();
    plan.failed(1, pieceIndex(0), 'corrupt', START);
    expect(plan.next(2, START)).toEqual({ piece: 0, isDuplicate: false });
  });

  it('keeps the other fetch when one of two fails', () => {
    const full = Bitfield.full(1);
    const plan = started(1, [full, full, full]);
    next(plan, 1);
    next(plan, 2);
    plan.failed(1, pieceIndex(0), 'gone', START);
    expect(plan.next(3, START)).toEqual({ piece: 0, isDuplicate: true });
    expect(plan.done(pieceIndex(0), 2, START)).toEqual([3]);
  });

  it('joins a piece of a part it holds while others still have free pieces elsewhere', () => {
    const plan = started(20, ['0-9', '10-19', '0-9']);
    expect(ask(plan, 1, 5)).toEqual(range(0, 4));
    fetch(plan, 3, 5);
    expect(next(plan, 3)).toBe(4);
  });
});

describe('slow sources', () => {
  const overdue = (plan: Plan, now: number): { id: number; piece: PieceIndex }[] => [...plan.overdue(instant(now))];

  it('[fault 42] finds a silent source after the timeout', () => {
    const plan = started(20, [Bitfield.full(20)]);
    ask(plan, 1, 2);
    expect(plan.nextDue).toBe(START + REQUEST_TIMEOUT_MS);
    expect(overdue(plan, START + REQUEST_TIMEOUT_MS - 1)).toEqual([]);
    expect(overdue(plan, START + REQUEST_TIMEOUT_MS)).toEqual([
      { id: 1, piece: 0 },
      { id: 1, piece: 1 },
    ]);
  });

  it('[fault 42] finds one that sends a byte a second hardly later', () => {
    const plan = started(20, [Bitfield.full(20)]);
    next(plan, 1);
    for (let second = 1; second <= 20; second++) plan.progressed(1, 1, instant(START + 1_000 * second));
    expect(overdue(plan, START + 20_000)).toEqual([]);
    expect(plan.nextDue).toBeLessThan(START + 20_100);
    expect(overdue(plan, START + 20_100)).toEqual([{ id: 1, piece: 0 }]);
  });

  it('lets one go on that keeps the least pace', () => {
    const plan = started(20, [Bitfield.full(20)]);
    ask(plan, 1, 20);
    for (let second = 1; second <= 60; second++) {
      const now = instant(START + 1_000 * second);
      plan.progressed(1, MIN_SOURCE_BYTES_PER_SECOND, now);
      if (second % 4 === 0) plan.done(pieceIndex(second / 4 - 1), 1, now);
      expect(overdue(plan, now)).toEqual([]);
    }
    expect(plan.nextDue).toBeGreaterThan(START + 60_000);
  });

  it('finds a single piece that is never sent while others come', () => {
    const plan = started(1_000, [Bitfield.full(1_000)]);
    let now: number = START;
    const deliver = (piece: number): void => {
      now += 500;
      plan.progressed(1, PIECE_BYTES, instant(now), pieceIndex(piece));
      plan.done(pieceIndex(piece), 1, instant(now));
    };
    for (let piece = 0; piece < 50; piece++) {
      next(plan, 1, instant(now));
      deliver(piece);
    }
    const [forgotten] = ask(plan, 1, 1, instant(now));
    const askedAt = now;
    let late = overdue(plan, now);
    while (now < askedAt + 60_000 && late.length === 0) {
      deliver(next(plan, 1, instant(now))!);
      late = overdue(plan, now);
    }
    expect(late).toEqual([{ id: 1, piece: forgotten }]);
    expect(now - askedAt).toBeLessThan(30_000);
  });

  it('does not count the time in which a piece is checked and written', () => {
    const plan = started(20, [Bitfield.full(20)]);
    next(plan, 1);
    plan.arrived(pieceIndex(0), 1, START);
    expect(overdue(plan, START + 90_000)).toEqual([]);
    expect(plan.nextDue).toBe(NEVER);
  });

  it('gives a source that stalled again one piece at a time, after a rest', () => {
    const plan = started(100, [Bitfield.full(100)]);
    let now = START;
    for (let stall = 0; stall < 2; stall++) {
      expect(ask(plan, 1, 4, now)).toHaveLength(4);
      now = instant(now + REQUEST_TIMEOUT_MS);
      for (const { id, piece } of plan.overdue(now)) plan.failed(id, piece, 'stalled', now);
    }
    expect(plan.report(1)!.stalled).toBe(8);
    expect(ask(plan, 1, 4, now)).toEqual([]);
    now = instant(now + RETRY_FIRST_MS);
    expect(plan.nextDue).toBeLessThanOrEqual(now);
    for (let piece = 0; piece < 2; piece++) {
      const [only, ...more] = ask(plan, 1, 4, now);
      expect(more).toEqual([]);
      now = instant(now + 1_000);
      plan.progressed(1, PIECE_BYTES, now);
      plan.done(pieceIndex(only!), 1, now);
    }
    expect(ask(plan, 1, 4, now)).toHaveLength(4);
  });

  it('lets a source on probation take over a single piece only', () => {
    const plan = started(20, ['0-1,10-19', Bitfield.full(20)]);
    for (const piece of [0, 1]) {
      expect(next(plan, 1)).toBe(piece);
      plan.failed(1, pieceIndex(piece), 'rejected', START);
    }
    expect(next(plan, 1, instant(START + RETRY_FIRST_MS))).toBe(19);
  });

  it('asks less of a source each time it stalls, so that a slow one alone gets through', () => {
    const plan = started(1, [Bitfield.full(1)]);
    const perSecond = MIN_SOURCE_BYTES_PER_SECOND / 8;
    let now = START;
    let received = 0;
    while (!plan.isComplete && now < START + 600_000) {
      if (plan.next(1, now) !== undefined) received = 0;
      now = instant(now + 1_000);
      plan.progressed(1, perSecond, now);
      received += perSecond;
      if (received >= PIECE_BYTES) plan.done(pieceIndex(0), 1, now);
      for (const { id, piece } of plan.overdue(now)) plan.failed(id, piece, 'stalled', now);
    }
    expect(plan.isComplete).toBe(true);
  });

  /** The bytes a second of each source, in turns of a second, until all is here; the time, and the pieces given up. */
  function trickle(plan: Plan, pieceCount: number, paces: readonly number[]): { seconds: number; stalled: number } {
    const queues = paces.map(() => new Map<number, number>());
    let [second, stalled] = [0, 0];
    for (; !plan.isComplete && second < 50_000; second++) {
      const now = instant(START + 1_000 * second);
      paces.forEach((bytes, i) => {
        const queue = queues[i]!;
        const [piece, received] = queue.entries().next().value ?? [];
        if (piece !== undefined) {
          plan.progressed(i + 1, bytes, now, pieceIndex(piece));
          queue.set(piece, received! + bytes);
          if (received! + bytes >= PIECE_BYTES) {
            queue.delete(piece);
            for (const other of plan.done(pieceIndex(piece), i + 1, now)) queues[other - 1]!.delete(piece);
          }
        }
        for (const more of ask(plan, i + 1, Math.max(0, pieceCount - queue.size), now)) queue.set(more, 0);
      });
      for (const { id, piece } of plan.overdue(now)) {
        plan.failed(id, piece, 'stalled', now);
        queues[id - 1]!.delete(piece);
        stalled++;
      }
    }
    return { seconds: second, stalled };
  }

  it('keeps what slow sources have begun when nobody is faster: nothing is fetched twice', () => {
    const perSecond = 200;
    const plan = started(3, [Bitfield.full(3), Bitfield.full(3), Bitfield.full(3)]);
    const { seconds, stalled } = trickle(plan, 1, [perSecond, perSecond, perSecond]);
    expect(plan.isComplete).toBe(true);
    expect(stalled).toBe(0);
    expect(seconds).toBeLessThan(PIECE_BYTES / perSecond + 5);
  });

  it('keeps what waits behind what comes slowly', () => {
    const plan = started(3, [Bitfield.full(3)]);
    expect(trickle(plan, 3, [300])).toMatchObject({ stalled: 0 });
    expect(plan.isComplete).toBe(true);
  });

  it('gives what a slow source has begun to one that is much faster, and never gives up the fastest', () => {
    const full = Bitfield.full(40);
    const plan = started(40, [full, full]);
    const { seconds } = trickle(plan, 1, [200, 4_000]);
    expect(plan.isComplete).toBe(true);
    expect(plan.report(2)!.stalled).toBe(0);
    expect(seconds).toBeLessThan((40 * PIECE_BYTES) / 4_000 + 60);
  });

  it('finds one that falls silent after it was slow', () => {
    const plan = started(1, [Bitfield.full(1)]);
    next(plan, 1);
    for (let second = 1; second <= 100; second++) {
      const now = START + 1_000 * second;
      plan.progressed(1, 400, instant(now), pieceIndex(0));
      expect(overdue(plan, now)).toEqual([]);
    }
    const silentAt = START + 100_000 + REQUEST_TIMEOUT_MS;
    expect(overdue(plan, silentAt - 1)).toEqual([]);
    expect(overdue(plan, silentAt)).toEqual([{ id: 1, piece: 0 }]);
  });

  it('reports what each source did', () => {
    const full = Bitfield.full(10);
    const plan = started(10, [full, full]);
    next(plan, 1);
    plan.progressed(1, PIECE_BYTES, instant(START + 1_000));
    plan.done(pieceIndex(0), 1, instant(START + 1_000));
    next(plan, 1, instant(START + 1_000));
    plan.failed(1, pieceIndex(1), 'rejected', instant(START + 1_000));
    expect({ ...plan.report(1), ratePerSecond: plan.report(1)!.ratePerSecond }).toMatchObject({
      pieces: 1,
      bytes: PIECE_BYTES,
      corrupt: 0,
      rejected: 1,
      stalled: 0,
      ratePerSecond: PIECE_BYTES,
    });
    expect(plan.report(1)!.receivedBytes).toBe(PIECE_BYTES);
    expect(plan.report(9)).toBeUndefined();
  });
});
