import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, type Instant, type PieceIndex } from '../common/base/ids.ts';
import { HEAD_START_MS } from '../common/base/limits.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { Plan } from './plan.ts';

const START = instant(1_000);
const PIECE_BYTES = 512 * 1024;

function planWith(pieceCount: number, sources: number): Plan {
  const plan = new Plan({
    pieceCount,
    sizeOf: () => PIECE_BYTES,
    have: new Bitfield(pieceCount),
    random: new SeededRandom({ seed: 7 }),
  });
  for (let id = 1; id <= sources; id++) plan.addSource(id, Bitfield.full(pieceCount));
  plan.start(START);
  return plan;
}

/** Fetches all that the source is given, at once. */
function rush(plan: Plan, id: number, now: Instant): PieceIndex[] {
  const fetched: PieceIndex[] = [];
  for (let next = plan.next(id, now); next !== undefined; next = plan.next(id, now)) {
    plan.progressed(id, PIECE_BYTES, now);
    plan.arrived(next.piece, id, now);
    plan.done(next.piece, id, now);
    fetched.push(next.piece);
  }
  return fetched;
}

describe('at the start', () => {
  it('a source that is very fast leaves the others a piece each, which they have not even asked for yet', () => {
    const plan = planWith(12, 3);
    expect(rush(plan, 1, after(START, 5))).toHaveLength(10);
    expect(rush(plan, 2, after(START, 20))).toHaveLength(1);
    expect(rush(plan, 3, after(START, 20))).toHaveLength(1);
    expect(plan.isComplete).toBe(true);
  });

  it('nobody joins the first piece that another has begun', () => {
    const plan = planWith(3, 3);
    const first = plan.next(2, START)!.piece;
    expect(rush(plan, 1, after(START, 5))).not.toContain(first);
  });

  it('[fault 59] a source that is very slow does not hold up the end for longer than its head start', () => {
    const plan = planWith(12, 3);
    plan.next(2, START);
    plan.next(3, START);
    const early = rush(plan, 1, after(START, 5)).length;
    expect(plan.isComplete).toBe(false);
    expect(plan.nextDue).toBeLessThanOrEqual(after(START, HEAD_START_MS));
    const now = after(START, HEAD_START_MS);
    plan.overdue(now);
    expect(early + rush(plan, 1, now).length).toBe(12);
    expect(plan.isComplete).toBe(true);
  });

  it('a source that has delivered is like any other', () => {
    const plan = planWith(30, 2);
    const { piece } = plan.next(2, START)!;
    plan.arrived(piece, 2, after(START, 1));
    plan.done(piece, 2, after(START, 1));
    expect(rush(plan, 1, after(START, 2))).toHaveLength(29);
  });
});
