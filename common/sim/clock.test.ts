import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Instant } from '../base/ids.ts';
import { after, instant } from '../base/ids.ts';
import { VirtualClock } from './clock.ts';
import { EventQueue } from './event-queue.ts';

const makeClock = (): VirtualClock => new VirtualClock({ startAt: instant(1_000) });

describe('VirtualClock', () => {
  it('does not move by itself, and stops where it was told to', async () => {
    const clock = makeClock();
    const woken: Instant[] = [];
    for (const when of [1_005, 1_010, 1_010, 1_011]) clock.at(instant(when), () => woken.push(clock.now()));
    expect(woken).toEqual([]);
    await clock.runUntil(instant(1_010));
    expect(woken).toEqual([1_005, 1_010, 1_010]);
    expect(clock.now()).toBe(1_010);
    await clock.runFor(5);
    expect(clock.now()).toBe(1_015);
    expect(clock.pending).toBe(0);
  });

  it('lets every promise go on before the next event, however long the chain', async () => {
    const clock = makeClock();
    const told: string[] = [];
    clock.at(instant(1_001), () => {
      void (async () => {
        for (let i = 0; i < 500; i++) await Promise.resolve();
        told.push(`chain ended at ${clock.now()}`);
      })();
    });
    clock.at(instant(1_002), () => told.push('next event'));
    await clock.runFor(10);
    expect(told).toEqual(['chain ended at 1001', 'next event']);
  });

  it('passes on what a wake-up throws', async () => {
    const clock = makeClock();
    clock.at(instant(1_001), () => {
      throw new Error('a bug');
    });
    await expect(clock.runFor(10)).rejects.toThrow('a bug');
  });

  it('waits for a condition, and says so when it never comes', async () => {
    const clock = makeClock();
    let count = 0;
    const tick = (): void => {
      count++;
      clock.at(after(clock.now(), 10), tick);
    };
    tick();
    expect(await clock.runUntilTrue(() => count === 5, 1_000)).toBe(true);
    expect(clock.now()).toBe(1_040);
    expect(await clock.runUntilTrue(() => count === 500, 1_000)).toBe(false);
  });

  it('gives the outcome of a promise, or gives up on it', async () => {
    const clock = makeClock();
    const later = new Promise<string>((resolve) => clock.at(instant(1_500), () => resolve('done')));
    expect(await clock.run(later, 1_000)).toBe('done');
    await expect(clock.run(Promise.reject(new Error('no')), 1_000)).rejects.toThrow('no');
    await expect(clock.run(new Promise(() => {}), 1_000)).rejects.toThrow('1000 ms of virtual time');
  });

  it('says so when so much happens that time stands still', async () => {
    const clock = makeClock();
    const again = (): void => void clock.at(clock.now(), again);
    again();
    await expect(clock.runFor(10)).rejects.toThrow('time stands still');
  });

  it('is run from one place at a time', async () => {
    const clock = makeClock();
    const first = clock.runFor(10);
    await expect(clock.runFor(10)).rejects.toThrow('two places');
    await first;
  });
});

describe('EventQueue', () => {
  it('gives what was not cancelled, by time and then by age', () => {
    const steps = fc.array(fc.record({ when: fc.nat(20), cancel: fc.boolean() }), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (made) => {
        const queue = new EventQueue();
        const ran: number[] = [];
        const events = made.map(({ when }, i) => queue.add(instant(when), () => ran.push(i)));
        for (const [i, { cancel }] of made.entries()) {
          if (cancel) queue.cancel(events[i]!);
          if (cancel) queue.cancel(events[i]!);
        }
        const wanted = made
          .map((step, i) => ({ ...step, i }))
          .filter(({ cancel }) => !cancel)
          .sort((a, b) => a.when - b.when || a.i - b.i);
        expect(queue.size).toBe(wanted.length);
        for (let event = queue.take(); event !== undefined; event = queue.take()) event.run!();
        expect(ran).toEqual(wanted.map(({ i }) => i));
        expect(queue.size).toBe(0);
      }),
    );
  });
});
