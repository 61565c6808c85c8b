import { describe, expect, it } from 'vitest';
import { instant, NEVER, pieceIndex } from '../common/base/ids.ts';
import { RETRY_FIRST_MS, RETRY_LAST_MS } from '../common/base/limits.ts';
import { backoffMs, Retries } from './retry.ts';

const PIECE = pieceIndex(7);

describe('Retries', () => {
  it('doubles the pause from the first to the last', () => {
    const pauses = Array.from({ length: 8 }, (_, round) => backoffMs(round));
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
    expect(pauses[0]).toBe(RETRY_FIRST_MS);
    expect(backoffMs(10_000)).toBe(RETRY_LAST_MS);
  });

  it('ends each pause once, at its time', () => {
    const retries = new Retries();
    retries.failed(PIECE, false, instant(1_000));
    expect(retries.nextAt).toBe(1_250);
    expect(retries.ended(instant(1_249))).toEqual([]);
    expect(retries.ended(instant(1_250))).toEqual([PIECE]);
    expect(retries.ended(instant(1_250))).toEqual([]);
    expect(retries.nextAt).toBe(NEVER);
  });

  it('gives a source that has not failed it the longest time, and does not count that as a round', () => {
    const retries = new Retries();
    retries.failed(PIECE, true, instant(0));
    expect(retries.nextAt).toBe(RETRY_LAST_MS);
    retries.failed(PIECE, false, instant(100));
    expect(retries.nextAt).toBe(100 + RETRY_FIRST_MS);
    expect(retries.ended(instant(400))).toEqual([PIECE]);
    retries.failed(PIECE, false, instant(400));
    expect(retries.nextAt).toBe(400 + 2 * RETRY_FIRST_MS);
  });

  it('wakes for the earliest of several', () => {
    const retries = new Retries();
    retries.failed(pieceIndex(1), true, instant(0));
    retries.failed(pieceIndex(2), false, instant(0));
    expect(retries.ended(instant(300))).toEqual([2]);
    expect(retries.nextAt).toBe(RETRY_LAST_MS);
  });

  it('remembers who gave a piece corrupt until the piece comes right', () => {
    const retries = new Retries();
    retries.failed(pieceIndex(3), false, instant(0));
    retries.blame(PIECE, 1);
    retries.blame(PIECE, 2);
    retries.blame(PIECE, 1);
    expect(retries.blamed(PIECE)).toEqual([1, 2]);
    expect(retries.isBlamed(PIECE, 2)).toBe(true);
    expect([...retries.corrupted()]).toEqual([PIECE]);
    expect(retries.forget(PIECE)).toBe(true);
    expect(retries.forget(PIECE)).toBe(false);
    expect(retries.blamed(PIECE)).toEqual([]);
    expect([...retries.corrupted()]).toEqual([]);
  });
});
