import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OwnMemory } from '../common/base/own-memory.ts';
import { PAGE_CLASS, PAGE_ROWS, RowArena, rowsOf, VACANT } from './row-arena.ts';
import { NONE } from './slot-table.ts';

interface Block {
  readonly first: number;
  readonly sizeClass: number;
  readonly owner: number;
}

describe('the arena of rows', () => {
  it('gives every block rows of its own, vacant, in one page', () => {
    const step = fc.record({ sizeClass: fc.nat({ max: PAGE_CLASS }), give: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const arena = new RowArena({ memory: new OwnMemory(), wordsPerRow: 3, maxRows: 8_192 });
        const taken: Block[] = [];
        for (const [owner, { sizeClass, give, which }] of steps.entries()) {
          if (give && taken.length > 0) {
            const [block] = taken.splice(which % taken.length, 1);
            arena.give(block!.first, block!.sizeClass);
            continue;
          }
          const first = arena.take(sizeClass, owner);
          if (first === NONE) continue;
          const last = first + rowsOf(sizeClass) - 1;
          expect(Math.floor(first / PAGE_ROWS)).toBe(Math.floor(last / PAGE_ROWS));
          for (const other of taken) {
            const apart = last < other.first || first >= other.first + rowsOf(other.sizeClass);
            expect(apart).toBe(true);
          }
          for (let row = first; row <= last; row++) expect(arena.words[arena.at(row) + 2]).toBe(VACANT);
          taken.push({ first, sizeClass, owner });
        }
        for (const { first, sizeClass, owner } of taken) {
          expect([arena.ownerOf(first), arena.ownerOf(first + rowsOf(sizeClass) - 1)]).toEqual([owner, owner]);
        }
      }),
    );
  });

  it('puts halves together again, and says when it is full', () => {
    const arena = new RowArena({ memory: new OwnMemory(), wordsPerRow: 3, maxRows: 4_096 });
    const small = Array.from({ length: 1_024 }, () => arena.take(0, 1));
    expect(new Set(small).size).toBe(1_024);
    expect([small.includes(NONE), arena.take(0, 1)]).toEqual([false, NONE]);
    for (const row of small.toReversed()) arena.give(row, 0);
    const pages = Array.from({ length: 16 }, () => arena.take(PAGE_CLASS, 2));
    expect([pages.includes(NONE), new Set(pages).size, arena.take(0, 1)]).toEqual([false, 16, NONE]);
  });
});
