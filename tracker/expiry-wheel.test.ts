import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant, NEVER } from '../common/base/ids.ts';
import type { Mortal } from './expiry-wheel.ts';
import { ExpiryWheel, expiryTickOf, tickOf } from './expiry-wheel.ts';

interface Named extends Mortal {
  readonly name: number;
}
const member = (name: number, expiryTick: number): Named => ({ name, expiryTick, slotTick: 0, slotPlace: 0 });

const sweptNames = (wheel: ExpiryWheel<Named>, nowMs: number, budget = 1_000): number[] => {
  const names: number[] = [];
  wheel.sweep(instant(nowMs), budget, (one) => names.push(one.name));
  return names.toSorted((a, b) => a - b);
};

describe('the expiry wheel', () => {
  it('hands over what has expired, and nothing else', () => {
    const wheel = new ExpiryWheel<Named>({ now: instant(0) });
    wheel.add(member(1, 10));
    wheel.add(member(2, 11));
    expect(wheel.nextDue).toBe(10_000);
    expect(sweptNames(wheel, 9_999)).toEqual([]);
    expect(sweptNames(wheel, 10_000)).toEqual([1]);
    expect(wheel.nextDue).toBe(11_000);
    expect(sweptNames(wheel, 60_000)).toEqual([2]);
    expect(wheel.nextDue).toBe(NEVER);
  });

  it('lets live who beat meanwhile', () => {
    const wheel = new ExpiryWheel<Named>({ now: instant(0) });
    const one = member(1, 10);
    wheel.add(one);
    one.expiryTick = 15;
    expect(sweptNames(wheel, 14_000)).toEqual([]);
    expect(wheel.nextDue).toBe(15_000);
    expect(sweptNames(wheel, 15_000)).toEqual([1]);
  });

  it('ends a life in time that became shorter', () => {
    const wheel = new ExpiryWheel<Named>({ now: instant(0) });
    const one = member(1, 600);
    wheel.add(one);
    one.expiryTick = 10;
    wheel.shorten(one);
    expect(sweptNames(wheel, 10_000)).toEqual([1]);
  });

  it('goes on where a short budget ended, and says that it is behind', () => {
    const wheel = new ExpiryWheel<Named>({ now: instant(0) });
    for (let name = 0; name < 5; name++) wheel.add(member(name, 10));
    expect(sweptNames(wheel, 20_000, 2)).toHaveLength(2);
    expect(wheel.nextDue).toBe(10_000);
    expect(sweptNames(wheel, 20_000, 2)).toHaveLength(2);
    expect(sweptNames(wheel, 20_000, 2)).toHaveLength(1);
    expect(wheel.nextDue).toBe(NEVER);
  });

  it('survives hours without a sweep', () => {
    const wheel = new ExpiryWheel<Named>({ now: instant(0) });
    wheel.add(member(1, 10));
    wheel.add(member(2, 3_000));
    const afterHours = 50_000;
    wheel.add(member(3, afterHours + 3_600));
    expect(sweptNames(wheel, afterHours * 1000)).toEqual([1, 2]);
    expect(sweptNames(wheel, (afterHours + 3_599) * 1000)).toEqual([]);
    expect(sweptNames(wheel, (afterHours + 3_600) * 1000)).toEqual([3]);
  });

  it('counts a fraction of a second in favour of the living', () => {
    expect(expiryTickOf(instant(0), 90)).toBe(90);
    expect(expiryTickOf(instant(1), 90)).toBe(91);
    expect(tickOf(instant(90_999))).toBe(90);
  });

  it('agrees with a plain list under any order of events', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), ttlS: fc.integer({ min: 1, max: 3_600 }) }),
      fc.record({ do: fc.constant('beat' as const), which: fc.nat(), ttlS: fc.integer({ min: 1, max: 3_600 }) }),
      fc.record({ do: fc.constant('remove' as const), which: fc.nat() }),
      fc.record({ do: fc.constant('pass' as const), ms: fc.oneof(fc.nat(3_000), fc.nat(900_000), fc.nat(2 ** 33)) }),
      fc.record({ do: fc.constant('sweep' as const), budget: fc.integer({ min: 1, max: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = instant(123_456);
        const wheel = new ExpiryWheel<Named>({ now });
        const living: Named[] = [];
        const drop = (one: Named): void => {
          expect(one.expiryTick).toBeLessThanOrEqual(tickOf(now));
          expect(living).toContain(one);
          living.splice(living.indexOf(one), 1);
        };
        for (const [name, one] of steps.entries()) {
          const which = 'which' in one ? living[one.which % living.length] : undefined;
          if (one.do === 'pass') now = instant(now + one.ms);
          else if (one.do === 'sweep') wheel.sweep(now, one.budget, drop);
          else if (one.do === 'add') {
            const added = member(name, expiryTickOf(now, one.ttlS));
            living.push(added);
            wheel.add(added);
          } else if (which !== undefined && one.do === 'remove') {
            wheel.remove(which);
            living.splice(living.indexOf(which), 1);
          } else if (which !== undefined && one.do === 'beat') {
            which.expiryTick = expiryTickOf(now, one.ttlS);
            wheel.shorten(which);
          }
        }
        while (wheel.nextDue <= now) wheel.sweep(now, 1_000, drop);
        for (const one of living) expect(one.expiryTick).toBeGreaterThan(tickOf(now));
        const first = Math.min(...living.map((one) => one.expiryTick * 1000));
        expect(wheel.nextDue).toBeGreaterThan(now);
        expect(wheel.nextDue).toBeLessThanOrEqual(first);
      }),
      { numRuns: 500 },
    );
  });
});
