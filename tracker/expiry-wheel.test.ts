import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant, NEVER } from '../common/base/ids.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import { ExpiryWheel, expiryTickOf, tickOf } from './expiry-wheel.ts';

const wheelAt = (nowMs: number): ExpiryWheel =>
  new ExpiryWheel({ memory: new OwnMemory(), maxMembers: 100, now: instant(nowMs) });

function put(wheel: ExpiryWheel, member: number, expiryTick: number): void {
  wheel.setExpiryTick(member, expiryTick);
  wheel.add(member);
}

function sweptMembers(wheel: ExpiryWheel, nowMs: number, budget = 1_000): number[] {
  const members: number[] = [];
  wheel.sweep(instant(nowMs), budget, (one) => members.push(one));
  return members.toSorted((a, b) => a - b);
}

describe('the expiry wheel', () => {
  it('hands over what has expired, and nothing else', () => {
    const wheel = wheelAt(0);
    put(wheel, 1, 10);
    put(wheel, 2, 11);
    expect(wheel.nextDue).toBe(10_000);
    expect(sweptMembers(wheel, 9_999)).toEqual([]);
    expect(sweptMembers(wheel, 10_000)).toEqual([1]);
    expect(wheel.nextDue).toBe(11_000);
    expect(sweptMembers(wheel, 60_000)).toEqual([2]);
    expect(wheel.nextDue).toBe(NEVER);
  });

  it('lets live who beat meanwhile', () => {
    const wheel = wheelAt(0);
    put(wheel, 1, 10);
    wheel.setExpiryTick(1, 15);
    expect(sweptMembers(wheel, 14_000)).toEqual([]);
    expect(wheel.nextDue).toBe(15_000);
    expect(sweptMembers(wheel, 15_000)).toEqual([1]);
  });

  it('ends a life in time that became shorter', () => {
    const wheel = wheelAt(0);
    put(wheel, 1, 600);
    wheel.setExpiryTick(1, 10);
    wheel.shorten(1);
    expect(sweptMembers(wheel, 10_000)).toEqual([1]);
  });

  it('goes on where a short budget ended, and says that it is behind', () => {
    const wheel = wheelAt(0);
    for (let name = 0; name < 5; name++) put(wheel, name, 10);
    expect(sweptMembers(wheel, 20_000, 2)).toHaveLength(2);
    expect(wheel.nextDue).toBe(10_000);
    expect(sweptMembers(wheel, 20_000, 2)).toHaveLength(2);
    expect(sweptMembers(wheel, 20_000, 2)).toHaveLength(1);
    expect(wheel.nextDue).toBe(NEVER);
  });

  it('survives hours without a sweep', () => {
    const wheel = wheelAt(0);
    put(wheel, 1, 10);
    put(wheel, 2, 3_000);
    const afterHours = 50_000;
    put(wheel, 3, afterHours + 3_600);
    expect(sweptMembers(wheel, afterHours * 1000)).toEqual([1, 2]);
    expect(sweptMembers(wheel, (afterHours + 3_599) * 1000)).toEqual([]);
    expect(sweptMembers(wheel, (afterHours + 3_600) * 1000)).toEqual([3]);
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
        const wheel = wheelAt(now);
        const living: number[] = [];
        const drop = (one: number): void => {
          expect(wheel.expiryTickOf(one)).toBeLessThanOrEqual(tickOf(now));
          expect(living).toContain(one);
          living.splice(living.indexOf(one), 1);
        };
        for (const [name, one] of steps.entries()) {
          const which = 'which' in one ? living[one.which % living.length] : undefined;
          if (one.do === 'pass') now = instant(now + one.ms);
          else if (one.do === 'sweep') wheel.sweep(now, one.budget, drop);
          else if (one.do === 'add') {
            living.push(name);
            put(wheel, name, expiryTickOf(now, one.ttlS));
          } else if (which !== undefined && one.do === 'remove') {
            wheel.remove(which);
            living.splice(living.indexOf(which), 1);
          } else if (which !== undefined && one.do === 'beat') {
            wheel.setExpiryTick(which, expiryTickOf(now, one.ttlS));
            wheel.shorten(which);
          }
        }
        while (wheel.nextDue <= now) wheel.sweep(now, 1_000, drop);
        for (const one of living) expect(wheel.expiryTickOf(one)).toBeGreaterThan(tickOf(now));
        const first = Math.min(...living.map((one) => wheel.expiryTickOf(one) * 1000));
        expect(wheel.nextDue).toBeGreaterThan(now);
        expect(wheel.nextDue).toBeLessThanOrEqual(first);
      }),
      { numRuns: 500 },
    );
  });
});
