import { describe, expect, it } from 'vitest';
import { Bitfield } from '../common/base/bitfield.ts';
import { after, instant, NEVER, pieceIndex } from '../common/base/ids.ts';
import { MIB } from '../common/base/limits.ts';
import { Intake, LEAST_PIECES } from './intake.ts';
import { Source, type Flight } from './source.ts';

const START = instant(1_000_000);

/** A line into which so many pieces come at a time, each of which shares what the line takes. */
class Line {
  readonly intake = new Intake();
  now = START;
  readonly flights: Flight[] = [];

  add(count: number, receivedBytes: number): void {
    for (let i = 0; i < count; i++) {
      const id = this.flights.length;
      this.flights.push({
        piece: pieceIndex(id),
        source: new Source(id, new Bitfield(1), { isComing: () => false, passesOn: this.isRelayed }),
        sizeBytes: MIB,
        ordinal: 1,
        launchedAt: this.now,
        dueAt: NEVER,
        receivedBytes,
        begunAt: receivedBytes > 0 ? this.now : NEVER,
        hasArrived: false,
      });
    }
  }

  /** What its sources give can be passed on in parts. */
  isRelayed = false;

  /** As many as there is room for come in. */
  fill(): number {
    while (this.intake.hasRoom(this.flights, this.now)) this.add(1, 1);
    return this.flights.length;
  }

  /** Every tenth of a second a place is wanted; all end when there are too many. */
  pass(ms: number, bytesPerSecond: (coming: number) => number): void {
    for (const end = after(this.now, ms); this.now < end; this.now = after(this.now, 100)) {
      this.intake.received(bytesPerSecond(this.flights.length) / 10);
      this.flights.length = 0;
      this.fill();
    }
  }
}

describe('pieces that are passed on in parts', () => {
  const relayed = (): Line => Object.assign(new Line(), { isRelayed: true });

  it('come in many at once, while nothing is known of the line and as long as each comes at a pace', () => {
    expect(relayed().fill()).toBe(16);
    const fast = relayed();
    fast.pass(3_000, () => 4 * MIB);
    expect(fast.flights.length).toBe(16);
  });

  it('come in fewer at once on a slow line, and at least as many as others', () => {
    const slow = relayed();
    slow.pass(3_000, () => 2 * MIB);
    expect(slow.flights.length).toBe(8);
    const slowest = relayed();
    slowest.pass(3_000, () => 0.25 * MIB);
    expect(slowest.flights.length).toBeLessThanOrEqual(1.5 * LEAST_PIECES);
  });
});

describe('what comes in at once in a swarm', () => {
  it('is few pieces, and as many again may wait, which do not count when they have waited for long', () => {
    const line = new Line();
    line.add(LEAST_PIECES - 1, 1);
    line.add(LEAST_PIECES, 0);
    expect(line.intake.hasRoom(line.flights, line.now)).toBe(true);
    line.add(1, 0);
    expect(line.intake.hasRoom(line.flights, line.now)).toBe(false);
    line.flights[0]!.hasArrived = true;
    expect(line.intake.hasRoom(line.flights, line.now)).toBe(true);
    const forgotten = new Line();
    forgotten.add(3 * LEAST_PIECES, 0);
    expect(new Intake().hasRoom(forgotten.flights, after(START, 1_499))).toBe(false);
    expect(new Intake().hasRoom(forgotten.flights, after(START, 1_500))).toBe(true);
  });

  it('stays so where the line is full with them', () => {
    const line = new Line();
    const counts = new Set<number>();
    for (let second = 0; second < 60; second++) {
      line.pass(1_000, () => 5 * MIB);
      counts.add(line.flights.length);
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil(LEAST_PIECES * 1.5));
    expect(line.fill()).toBeLessThanOrEqual(Math.ceil(LEAST_PIECES * 1.5));
  });

  it('becomes as much as it takes where sources are slow', () => {
    const line = new Line();
    line.pass(12_000, (coming) => coming * 20_000);
    expect(line.fill()).toBeGreaterThan(30);
  });

  it('becomes less again where that costs nothing', () => {
    const line = new Line();
    line.pass(12_000, (coming) => coming * 20_000);
    const most = line.fill();
    line.pass(120_000, () => 5 * MIB);
    expect(line.fill()).toBeLessThan(most / 2);
  });

  it('is as much as a fast line takes in a third of a second', () => {
    const line = new Line();
    line.add(LEAST_PIECES, 1);
    for (const { source } of line.flights) {
      source.rate.begin(line.now);
      source.rate.add(100 * MIB, after(line.now, 1_000));
    }
    expect(line.intake.hasRoom(line.flights, after(line.now, 1_000))).toBe(true);
  });
});
