import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OwnMemory } from '../common/base/own-memory.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { NONE, SlotTable } from './slot-table.ts';

/** Few values, so that many members meet in one spot, or none at all do. */
const crowded = (id: number): number => ((id % 7) * 0x2492_4925) | 0;
const spread = (id: number): number => Math.imul(id ^ (id >>> 15), 0x9e37_79b1);

function found(table: SlotTable, hash: number): number[] {
  const ids: number[] = [];
  for (let id = table.seek(hash); id !== NONE; id = table.next()) ids.push(id);
  return ids;
}

/** Whoever is meant is among the candidates once, and nobody else of another hash has to be. */
function expectMember(table: SlotTable, hashOf: (id: number) => number, id: number, isThere: boolean): void {
  expect(found(table, hashOf(id)).filter((other) => other === id)).toHaveLength(isThere ? 1 : 0);
}

describe('a slot table', () => {
  it.each([
    ['spread', spread],
    ['crowded', crowded],
  ])('holds who was put in and not taken out, with hashes that are %s', (_, hashOf) => {
    const step = fc.record({
      id: fc.nat({ max: 150 }),
      to: fc.integer({ min: 200, max: 350 }),
      kind: fc.nat({ max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        // Who was renamed keeps the hash it came in with.
        const hashes = new Map<number, number>();
        const table = new SlotTable({ memory: new OwnMemory(), maxMembers: 400, hashOf: (id) => hashes.get(id)! });
        for (const { id, to, kind } of steps) {
          const hash = hashes.get(id);
          if (hash === undefined && kind > 1) {
            hashes.set(id, hashOf(id));
            table.insert(hashOf(id), id);
          } else if (hash !== undefined && kind === 0) {
            table.remove(hash, id);
            hashes.delete(id);
          } else if (hash !== undefined && kind === 1 && !hashes.has(to)) {
            table.rename(hash, id, to);
            hashes.delete(id);
            hashes.set(to, hash);
          }
          expect(table.size).toBe(hashes.size);
          expectMember(table, (one) => hashes.get(one) ?? hashOf(one), id, hashes.has(id));
        }
        for (const id of hashes.keys()) expectMember(table, (one) => hashes.get(one)!, id, true);
      }),
      { numRuns: 100 },
    );
  });

  it('grows to many and back, and finds everybody all the time', () => {
    const table = new SlotTable({ memory: new OwnMemory(), maxMembers: 20_000, hashOf: spread });
    const random = new SeededRandom({ seed: 3 });
    const expectSome = (first: number, end: number): void => {
      for (let i = 0; i < 20; i++) expectMember(table, spread, first + random.below(end - first), true);
    };
    for (let id = 0; id < 20_000; id++) {
      table.insert(spread(id), id);
      if (id % 100 === 99) expectSome(0, id + 1);
    }
    for (let id = 0; id < 19_990; id++) {
      table.remove(spread(id), id);
      if (id % 100 === 99) expectSome(id + 1, 20_000);
      if (id % 1_000 === 999) expectMember(table, spread, random.below(id + 1), false);
    }
    expect(table.size).toBe(10);
    // An empty place is a whole search away at most; with few members left it is near.
    let looked = 0;
    for (let id = 30_000; id < 31_000; id++) looked += found(table, spread(id)).length;
    expect(looked).toBeLessThan(50);
  });
});
