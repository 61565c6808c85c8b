import { expect, it } from 'vitest';
import { after, instant, pieceIndex } from '../base/ids.ts';
import { MIB } from '../base/limits.ts';
import { overdueAt } from './overdue-views.ts';
import { newViewer, type Pending, type Viewer } from './viewer.ts';

const START = instant(1_000_000);
const FACTS = { sizeOf: () => MIB, roundBytes: 3 * MIB, sentBytes: 0, isHeldBack: false };

function viewerOf(...pending: readonly Partial<Pending>[]): Viewer {
  const viewer = newViewer(1, false, 8);
  for (const [piece, one] of pending.entries()) {
    viewer.pending.set(pieceIndex(piece), { shownAt: START, askedAt: undefined, sentBefore: 0, sentBytes: 0, ...one });
  }
  return viewer;
}

it('what is not asked for in four seconds was shown in vain, unless we do not let it ask', () => {
  const viewer = viewerOf({});
  expect(overdueAt(viewer, FACTS, after(START, 3_999)).unasked).toEqual([]);
  expect(overdueAt(viewer, { ...FACTS, isHeldBack: true }, after(START, 4_000)).unasked).toEqual([]);
  expect(overdueAt(viewer, FACTS, after(START, 4_000))).toEqual({ unsent: [], unasked: [0], wants: false });
});

it('who waits for a piece that was asked for, or sent and not yet here, has not forgotten the next', () => {
  const viewer = viewerOf({ askedAt: START, sentBytes: MIB }, {});
  for (let ms = 0; ms <= 9_000; ms += 250) {
    expect(overdueAt(viewer, FACTS, after(START, ms))).toEqual({ unsent: [], unasked: [], wants: true });
  }
  viewer.pending.delete(pieceIndex(0));
  expect(overdueAt(viewer, FACTS, after(START, 12_999)).unasked).toEqual([]);
  expect(overdueAt(viewer, FACTS, after(START, 13_000)).unasked).toEqual([1]);
});

it('what is not sent in ten seconds, in which all others got two pieces, is for others', () => {
  const viewer = viewerOf({ askedAt: START, sentBefore: MIB }, {});
  const [later, much] = [after(START, 10_000), { ...FACTS, sentBytes: 7 * MIB }];
  expect(overdueAt(viewer, { ...much, sentBytes: 7 * MIB - 1 }, later).unsent).toEqual([]);
  expect(overdueAt(viewer, much, after(START, 9_999)).unsent).toEqual([]);
  expect(overdueAt(viewer, much, later)).toEqual({ unsent: [0], unasked: [], wants: true });
  expect(overdueAt(viewer, much, after(START, 13_999)).unasked).toEqual([1]);
});
