import { describe, expect, it } from 'vitest';
import { after, instant, NEVER } from '../../base/ids.ts';
import type { Clock } from '../../base/ports.ts';

export interface ClockWorld {
  readonly clock: Clock;
  /** Lets time pass until the promise settles. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>;
}

/** What `Clock` promises, for the real one and the virtual one. */
export function describeClockContract(name: string, makeWorld: () => ClockWorld): void {
  describe(`${name} is a clock`, () => {
    const wakeAfter = (clock: Clock, delayMs: number): Promise<number> =>
      new Promise((resolve) => clock.at(after(clock.now(), delayMs), () => resolve(clock.now())));

    it('never goes back [fault 13]', async () => {
      const { clock, run } = makeWorld();
      let last = clock.now();
      for (let i = 0; i < 1_000; i++) {
        const now = clock.now();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
      expect(await run(wakeAfter(clock, 1))).toBeGreaterThan(last);
    });

    it('wakes at or after the moment, never before', async () => {
      const { clock, run } = makeWorld();
      for (const delayMs of [0.3, 1, 2.7, 10]) {
        const when = clock.now() + delayMs;
        expect(await run(wakeAfter(clock, delayMs))).toBeGreaterThanOrEqual(when);
      }
    });

    it.each([
      ['in the past', -1_000],
      ['now', 0],
      ['before all time', Number.NEGATIVE_INFINITY],
    ])('wakes soon for a moment %s, but not within the call', async (_, delayMs) => {
      const { clock, run } = makeWorld();
      let woken = false;
      const wake = new Promise<void>((resolve) => {
        clock.at(after(clock.now(), delayMs), () => {
          woken = true;
          resolve();
        });
      });
      expect(woken).toBe(false);
      await run(wake);
    });

    it('wakes in the order of the moments, once each', async () => {
      const { clock, run } = makeWorld();
      const from = clock.now();
      const woken: number[] = [];
      for (const delayMs of [30, 10, 20]) clock.at(after(from, delayMs), () => woken.push(delayMs));
      await run(wakeAfter(clock, 60));
      expect(woken).toEqual([10, 20, 30]);
    });

    it('does not wake once cancelled; to cancel again, or afterwards, does nothing', async () => {
      const { clock, run } = makeWorld();
      const woken: string[] = [];
      const from = clock.now();
      const cancelFirst = clock.at(after(from, 1), () => woken.push('first'));
      const cancelSecond = clock.at(after(from, 2), () => {
        woken.push('second');
        cancelThird();
      });
      const cancelThird = clock.at(after(from, 30), () => woken.push('third'));
      cancelFirst();
      cancelFirst();
      await run(wakeAfter(clock, 60));
      cancelSecond();
      expect(woken).toEqual(['second']);
    });

    it('can be asked again from a wake-up', async () => {
      const { clock, run } = makeWorld();
      let rounds = 0;
      await run(
        new Promise<void>((resolve) => {
          const again = (): void => {
            if (++rounds === 5) resolve();
            else clock.at(clock.now(), again);
          };
          clock.at(clock.now(), again);
        }),
      );
      expect(rounds).toBe(5);
    });

    it('keeps a far moment far, and never comes to one that is never', async () => {
      const { clock, run } = makeWorld();
      const woken: string[] = [];
      // Timers of the platform hold 31 bits of milliseconds, not quite 25 days.
      const cancels = [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 1e15].map((delayMs) =>
        clock.at(after(clock.now(), delayMs), () => woken.push(String(delayMs))),
      );
      cancels.push(clock.at(NEVER, () => woken.push('never')));
      await run(wakeAfter(clock, 20));
      for (const cancel of cancels) cancel();
      expect(woken).toEqual([]);
    });

    it('refuses a moment that is no number', () => {
      const { clock } = makeWorld();
      expect(() => clock.at(instant(Number.NaN), () => {})).toThrow('no time');
    });
  });
}
