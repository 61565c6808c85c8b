import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { instant, pieceIndex, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { KIB, MIB } from '../common/base/limits.ts';
import type { Random } from '../common/base/ports.ts';
import { Plan } from './plan.ts';

/**
 * Whole downloads on paper: sources with a pace each, that deliver what they were asked in order, in steps of 20 ms.
 */
const STEP_MS = 20;
const PIECE_BYTES = 256 * KIB;
/** Pieces that the driver keeps under way at a source. */
const DEPTH = 3;

interface Seeder {
  readonly perSecond: number;
  readonly holds?: readonly [first: number, last: number];
  /** Pieces it gives corrupt. */
  readonly corrupt?: readonly number[];
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** It falls silent then. */
  readonly silentFromMs?: number;
}

interface Outcome {
  readonly isComplete: boolean;
  readonly seconds: number;
  /** Bytes sent for nothing. */
  readonly wastedBytes: number;
  readonly pieces: readonly number[];
  readonly plan: Plan;
}

const chance: Random = { bytes: (count) => new Uint8Array(count), below: () => 0 };

class Drive {
  readonly #seeders: readonly Seeder[];
  readonly #plan: Plan;
  /** What each seeder still has to send. */
  readonly #queues = new Map<number, { piece: PieceIndex; leftBytes: number }[]>();
  readonly #pieces: number[];
  #sentBytes = 0;

  constructor(pieceCount: number, seeders: readonly Seeder[]) {
    this.#seeders = seeders;
    this.#pieces = seeders.map(() => 0);
    this.#plan = new Plan({
      pieceCount,
      sizeOf: () => PIECE_BYTES,
      have: new Bitfield(pieceCount),
      random: chance,
    });
    seeders.forEach((seeder, id) => {
      if (seeder.fromMs === undefined) this.#join(id, pieceCount);
    });
    this.#plan.start();
  }

  run(limitMs: number): Outcome {
    const total = this.#plan.remaining;
    let now = instant(0);
    while (!this.#plan.isComplete && now < limitMs) {
      this.#seeders.forEach((seeder, id) => {
        if (seeder.fromMs === now) this.#join(id, total);
        if (seeder.untilMs === now) this.#leave(id, now);
      });
      this.#ask(now);
      now = instant(now + STEP_MS);
      for (const [id, queue] of this.#queues) this.#deliver(id, queue, now);
      if (now >= this.#plan.nextDue) {
        for (const { id, piece } of this.#plan.overdue(now)) this.#fail(id, piece, 'stalled', now);
      }
    }
    return {
      isComplete: this.#plan.isComplete,
      seconds: now / 1000,
      wastedBytes: this.#sentBytes - (total - this.#plan.remaining) * PIECE_BYTES,
      pieces: this.#pieces,
      plan: this.#plan,
    };
  }

  #join(id: number, pieceCount: number): void {
    const [first, last] = this.#seeders[id]!.holds ?? [0, pieceCount - 1];
    const held = new Bitfield(pieceCount);
    for (let piece = first; piece <= last; piece++) held.add(pieceIndex(piece));
    this.#queues.set(id, []);
    this.#plan.addSource(id, held);
  }

  #leave(id: number, now: Instant): void {
    this.#queues.delete(id);
    this.#plan.removeSource(id, now);
  }

  #ask(now: Instant): void {
    for (const [id, queue] of this.#queues) {
      while (queue.length < DEPTH) {
        const assignment = this.#plan.next(id, now);
        if (assignment === undefined) break;
        queue.push({ piece: assignment.piece, leftBytes: PIECE_BYTES });
      }
    }
  }

  #deliver(id: number, queue: { piece: PieceIndex; leftBytes: number }[], now: Instant): void {
    const { perSecond, silentFromMs = Infinity, corrupt = [] } = this.#seeders[id]!;
    let budget = now > silentFromMs ? 0 : (perSecond * STEP_MS) / 1000;
    while (budget > 0 && queue.length > 0) {
      const head = queue[0]!;
      const bytes = Math.min(budget, head.leftBytes);
      budget -= bytes;
      head.leftBytes -= bytes;
      this.#sentBytes += bytes;
      this.#plan.progressed(id, bytes, now);
      if (head.leftBytes > 0) continue;
      this.#plan.arrived(head.piece, id, now);
      if (corrupt.includes(head.piece)) this.#fail(id, head.piece, 'corrupt', now);
      else this.#finish(id, head.piece, now);
    }
  }

  #finish(id: number, piece: PieceIndex, now: Instant): void {
    this.#pieces[id]!++;
    this.#drop(id, piece);
    for (const other of this.#plan.done(piece, id, now)) this.#drop(other, piece);
  }

  #fail(id: number, piece: PieceIndex, cause: 'stalled' | 'corrupt', now: Instant): void {
    this.#drop(id, piece);
    this.#plan.failed(id, piece, cause, now);
  }

  #drop(id: number, piece: PieceIndex): void {
    const queue = this.#queues.get(id) ?? [];
    const at = queue.findIndex((one) => one.piece === piece);
    if (at >= 0) queue.splice(at, 1);
  }
}

const PIECES = 240;
const ALL_BYTES = PIECES * PIECE_BYTES;

function download(seeders: readonly Seeder[], limitMs = 600_000): Outcome & { ideal: number } {
  const outcome = new Drive(PIECES, seeders).run(limitMs);
  return { ...outcome, ideal: ALL_BYTES / seeders.reduce((sum, { perSecond }) => sum + perSecond, 0) };
}

describe('a whole download', () => {
  it('takes a third of the time from three equal sources, a third from each', () => {
    const { isComplete, seconds, ideal, pieces, wastedBytes } = download([
      { perSecond: MIB },
      { perSecond: MIB },
      { perSecond: MIB },
    ]);
    expect(isComplete).toBe(true);
    expect(seconds).toBeLessThan(ideal * 1.02);
    expect(pieces).toEqual([80, 80, 80]);
    expect(wastedBytes).toBeLessThan(ALL_BYTES / 50);
  });

  it('uses unequal sources each in full', () => {
    const paces = [8, 4, 2, 1].map((times) => ({ perSecond: times * MIB }));
    const { seconds, ideal, wastedBytes } = download(paces);
    expect(seconds).toBeLessThan(ideal * 1.1);
    expect(wastedBytes).toBeLessThan(ALL_BYTES / 20);
  });

  it('[fault 59] is not held up by a source at 1 % of the pace', () => {
    const fast = 4 * MIB;
    const { seconds, ideal, pieces } = download([
      { perSecond: fast },
      { perSecond: fast / 100 },
      { perSecond: fast },
    ]); // prettier-ignore
    expect(seconds).toBeLessThan(ideal * 1.1);
    expect(pieces[1]).toBeLessThan(8);
  });

  it('[fault 59] goes on at the pace of one slow disk behind all sources', () => {
    const { seconds, ideal } = download([{ perSecond: 60_000 }, { perSecond: 60_000 }, { perSecond: 60_000 }]);
    expect(seconds).toBeLessThan(ideal * 1.05);
  });

  it('[fault 42] is not held up by a source that sends a byte a second', () => {
    const { seconds, ideal, pieces } = download([
      { perSecond: MIB },
      { perSecond: 1 },
      { perSecond: MIB },
    ]); // prettier-ignore
    expect(seconds).toBeLessThan(ideal * 1.1);
    expect(pieces[1]).toBe(0);
  });

  it('[fault 42] is not held up by one that falls silent', () => {
    const { isComplete, seconds } = download([
      { perSecond: MIB },
      { perSecond: MIB, silentFromMs: 2_000 },
      { perSecond: MIB },
    ]);
    expect(isComplete).toBe(true);
    expect(seconds).toBeLessThan((ALL_BYTES / (2 * MIB)) * 1.05);
  });

  it('goes on when a source leaves and another comes', () => {
    const { isComplete, seconds, pieces, wastedBytes } = download([
      { perSecond: MIB },
      { perSecond: MIB, untilMs: 5_000 },
      { perSecond: MIB },
      { perSecond: MIB, fromMs: 5_000 },
    ]);
    expect(isComplete).toBe(true);
    expect(seconds).toBeLessThan((ALL_BYTES / (3 * MIB)) * 1.1);
    expect(pieces[3]).toBeGreaterThan(50);
    expect(wastedBytes).toBeLessThan(6 * PIECE_BYTES);
  });

  it('gives a source that comes late a fair share', () => {
    const { seconds, pieces } = download([{ perSecond: MIB }, { perSecond: MIB, fromMs: 20_000 }]);
    // 80 pieces by the first alone, then 80 each.
    expect(seconds).toBeLessThan(41);
    expect(pieces[1]).toBeGreaterThan(76);
  });

  it('takes each part of --chunks seeders from its holder, and what two hold from both', () => {
    const { isComplete, seconds, pieces } = download([
      { perSecond: MIB, holds: [0, 79] },
      { perSecond: MIB, holds: [80, 159] },
      { perSecond: MIB, holds: [160, 239] },
      { perSecond: MIB, holds: [160, 239] },
    ]);
    expect(isComplete).toBe(true);
    expect(seconds).toBeLessThan(20.5);
    expect(pieces.slice(0, 2)).toEqual([80, 80]);
    expect(Math.abs(pieces[2]! - pieces[3]!)).toBeLessThan(4);
  });

  it('ends right beside a source that gives every tenth piece corrupt', () => {
    const tenths = Array.from({ length: PIECES / 10 }, (_, i) => i * 10);
    const { isComplete, plan } = download([
      { perSecond: MIB, corrupt: tenths },
      { perSecond: MIB },
      { perSecond: MIB },
    ]);
    expect(isComplete).toBe(true);
    expect(plan.report(0)!.corrupt).toBeGreaterThan(0);
    expect(plan.report(1)!.corrupt).toBe(0);
  });

  it('[fault 36] ends with the pieces named that all give corrupt', () => {
    const seeder = { perSecond: MIB, corrupt: [17, 200] };
    const { isComplete, plan } = download([seeder, seeder, seeder], 60_000);
    expect(isComplete).toBe(false);
    expect(plan.remaining).toBe(2);
    expect(plan.hopeless()).toEqual([17, 200]);
  });

  it('ends although its only source is below the least pace', () => {
    const outcome = new Drive(4, [{ perSecond: 6_000 }]).run(1_200_000);
    expect(outcome.isComplete).toBe(true);
  });
});
