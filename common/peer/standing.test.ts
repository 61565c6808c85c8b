import { describe, expect, it } from 'vitest';
import { after, instant, NEVER, type Endpoint } from '../base/ids.ts';
import { CORRUPT_PIECES_BEFORE_BAN, MAX_KNOWN_ENDPOINTS, REDIAL_FIRST_MS, REDIAL_LAST_MS } from '../base/limits.ts';
import { Standing } from './standing.ts';

const START = instant(0);
const at = (port: number): Endpoint => ({ host: '10.0.0.1', port });

/** Dials and fails so many times, each as soon as it may. */
function failTimes(standing: Standing, endpoint: Endpoint, times: number): void {
  for (let i = 0; i < times; i++) {
    standing.dialling(endpoint);
    standing.failed(endpoint, START);
  }
}

describe('an endpoint', () => {
  it('may be dialled as soon as it is met, and is met once', () => {
    const standing = new Standing();
    expect(standing.nextDue).toBe(NEVER);
    expect(standing.meet(at(1), START)).toBe(true);
    expect(standing.meet(at(1), START)).toBe(false);
    expect(standing.nextDue).toBe(START);
    expect(standing.due(START, 10)).toEqual([at(1)]);
    expect(standing.due(START, 0)).toEqual([]);
  });

  it('is not dialled while it is, or while it is connected', () => {
    const standing = new Standing();
    standing.meet(at(1), START);
    standing.dialling(at(1));
    expect([standing.due(START, 10), standing.nextDue]).toEqual([[], NEVER]);
    standing.connected(at(1));
    expect([standing.due(START, 10), standing.nextDue]).toEqual([[], NEVER]);
  });

  it('that fails is dialled again after pauses that double up to the last', () => {
    const standing = new Standing();
    standing.meet(at(1), START);
    const pausesMs: number[] = [];
    for (let i = 0; i < 9; i++) {
      failTimes(standing, at(1), 1);
      pausesMs.push(standing.nextDue - START);
    }
    expect(pausesMs.slice(0, 4)).toEqual([1, 2, 4, 8].map((factor) => factor * REDIAL_FIRST_MS));
    expect(pausesMs.at(-1)).toBe(REDIAL_LAST_MS);
  });

  it('that did good starts over with the first pause', () => {
    const standing = new Standing();
    standing.meet(at(1), START);
    failTimes(standing, at(1), 5);
    standing.proved(at(1));
    standing.failed(at(1), START);
    expect(standing.nextDue).toBe(after(START, REDIAL_FIRST_MS));
  });

  it('that is named again is dialled soon, but one that is not failing is left as it is', () => {
    const standing = new Standing();
    standing.meet(at(1), START);
    failTimes(standing, at(1), 6);
    standing.renew(at(1), START);
    expect(standing.nextDue).toBe(after(START, REDIAL_FIRST_MS));
    standing.connected(at(1));
    standing.renew(at(1), START);
    expect(standing.nextDue).toBe(NEVER);
  });

  it('[fault 44] that is dismissed is never dialled again, whoever names it', () => {
    const standing = new Standing();
    standing.meet(at(1), START);
    failTimes(standing, at(1), 2);
    standing.dismiss(at(1));
    standing.renew(at(1), after(START, 1e9));
    standing.meet(at(1), after(START, 1e9));
    standing.failed(at(1), after(START, 1e9));
    expect(standing.nextDue).toBe(NEVER);
    expect(standing.due(after(START, 1e12), 10)).toEqual([]);
  });

  it('that never answered does not delay one that may', () => {
    const standing = new Standing();
    for (let port = 1; port <= 100; port++) {
      standing.meet(at(port), START);
      failTimes(standing, at(port), 4);
    }
    const now = after(START, REDIAL_LAST_MS);
    standing.meet(at(999), now);
    expect(standing.due(now, 5)[0]).toEqual(at(999));
    expect(standing.due(now, 5)).toHaveLength(5);
  });

  it('may fail without having been met: nothing is remembered of it', () => {
    const standing = new Standing();
    standing.failed(at(1), START);
    standing.connected(at(1));
    standing.proved(at(1));
    expect(standing.nextDue).toBe(NEVER);
  });
});

describe('corrupt data', () => {
  it('[fault 35] bans an endpoint the second time, and leaves others alone', () => {
    const standing = new Standing();
    standing.meet(at(1), START);
    standing.meet(at(2), START);
    for (let strike = 1; strike < CORRUPT_PIECES_BEFORE_BAN; strike++) {
      expect(standing.strike(at(1), START)).toBe(false);
      expect(standing.isBanned(at(1))).toBe(false);
    }
    expect(standing.strike(at(1), START)).toBe(true);
    expect([standing.isBanned(at(1)), standing.isBanned(at(2))]).toEqual([true, false]);
    expect(standing.due(START, 10)).toEqual([at(2)]);
    standing.renew(at(1), START);
    standing.failed(at(1), START);
    expect(standing.due(after(START, 1e9), 10)).toEqual([at(2)]);
  });

  it('from a peer that called us is remembered, and does not make us dial where it called from', () => {
    const standing = new Standing();
    standing.strike(at(1), START);
    standing.failed(at(1), START);
    expect(standing.nextDue).toBe(NEVER);
    expect(standing.meet(at(1), START)).toBe(true);
    expect(standing.due(START, 10)).toEqual([at(1)]);
    standing.strike(at(1), START);
    expect(standing.isBanned(at(1))).toBe(true);
    expect(standing.due(START, 10)).toEqual([]);
  });

  it('[fault 26] of which there is no doubt bans at once', () => {
    const standing = new Standing();
    standing.ban(at(1), START);
    expect(standing.isBanned(at(1))).toBe(true);
    expect(standing.meet(at(1), START)).toBe(true);
    expect(standing.due(START, 10)).toEqual([]);
  });
});

describe('more endpoints than can be remembered', () => {
  const full = (): Standing => {
    const standing = new Standing();
    for (let port = 1; port <= MAX_KNOWN_ENDPOINTS; port++) standing.meet(at(port), START);
    return standing;
  };

  it('[fault 43] are not taken up while all that are known may be of use', () => {
    const standing = full();
    expect(standing.meet(at(60_000), START)).toBe(false);
    expect(standing.due(START, 1e6)).toHaveLength(MAX_KNOWN_ENDPOINTS);
  });

  it('take the place of the one that failed most', () => {
    const standing = full();
    failTimes(standing, at(7), 3);
    failTimes(standing, at(8), 5);
    standing.strike(at(9), START);
    failTimes(standing, at(9), 9);
    expect(standing.meet(at(60_000), START)).toBe(true);
    expect(standing.meet(at(8), START)).toBe(true);
    expect(standing.meet(at(7), START)).toBe(false);
  });
});
