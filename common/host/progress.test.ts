import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type Instant, instant } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { Output } from './output.ts';
import { Progress, progressMode, type ProgressMode } from './progress.ts';
import { progressRecord, type ProgressSample, progressText, RateWindow } from './progress-text.ts';
import { Screen } from './screen.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** A terminal: it keeps what its lines look like. */
class Terminal extends Writable {
  isTTY = true;
  columns = 100;
  raw = '';
  readonly lines: string[] = [''];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const text = chunk.toString();
    this.raw += text;
    // eslint-disable-next-line no-control-regex
    for (const part of text.split(/(\r|\n|\u001b\[K)/)) {
      if (part === '\n') this.lines.push('');
      else if (part === '\r') this.#column = 0;
      else if (part === '\u001b[K') this.lines[this.lines.length - 1] = this.lines.at(-1)!.slice(0, this.#column);
      else this.#put(part);
      if (part === '\n') this.#column = 0;
    }
    done();
  }

  #column = 0;

  #put(text: string): void {
    const line = this.lines.at(-1)!;
    this.lines[this.lines.length - 1] = line.slice(0, this.#column) + text + line.slice(this.#column + text.length);
    this.#column += text.length;
  }
}

/** Time that is moved by hand. */
class HandClock implements Clock {
  #now = 0;
  #wakes: { readonly when: number; readonly wake: () => void }[] = [];

  now(): Instant {
    return instant(this.#now);
  }

  at(when: Instant, wake: () => void): () => void {
    const entry = { when, wake };
    this.#wakes.push(entry);
    return () => {
      this.#wakes = this.#wakes.filter((each) => each !== entry);
    };
  }

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#wakes.toSorted((a, b) => a.when - b.when)[0];
      if (next === undefined || next.when > end) break;
      this.#wakes = this.#wakes.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.when);
      next.wake();
    }
    this.#now = end;
  }

  get waiting(): number {
    return this.#wakes.length;
  }
}

function display(mode: ProgressMode, sample: () => ProgressSample) {
  const terminal = new Terminal();
  const screen = new Screen({ output: new Output({ stream: terminal }) });
  const clock = new HandClock();
  return { terminal, screen, clock, progress: new Progress({ screen, clock, mode, sample }) };
}

describe('progress text', () => {
  it('says how much, of how much, from how many, how fast, how long', () => {
    const amount = { doneBytes: 12.3 * GIB, totalBytes: 70 * GIB, movedBytes: 0 };
    expect(progressText({ amount, sources: 5 }, 110 * MIB)).toBe('12.3GiB/70.0GiB(17%) SD:5 DL:110.0MiB/s ETA:8m57s');
    expect(progressText({ label: 'checking', amount }, 1.5 * GIB)).toBe(
      'checking 12.3GiB/70.0GiB(17%) 1.5GiB/s ETA:38s',
    );
    expect(progressText({ amount, sources: 0 }, undefined)).toBe('12.3GiB/70.0GiB(17%) SD:0 DL:0B/s ETA:-');
    expect(progressText({ label: 'waiting for 3 seeders, 1 is there\u0007' }, undefined)).toBe(
      'waiting for 3 seeders, 1 is there\\x07',
    );
  });

  it('gives machines plain numbers', () => {
    const amount = { doneBytes: 10, totalBytes: 30, movedBytes: 15 };
    expect(progressRecord({ amount, sources: 2 }, 3.9)).toEqual({
      event: 'progress',
      doneBytes: 10,
      totalBytes: 30,
      sources: 2,
      bytesPerSecond: 4,
      etaSeconds: 5,
    });
    expect(progressRecord({ label: 'learning' }, undefined)).toEqual({ event: 'progress', label: 'learning' });
  });
});

describe('rate window', () => {
  it('is the rate of the last seconds, and falls when nothing comes', () => {
    const rate = new RateWindow();
    expect(rate.perSecond(instant(0))).toBeUndefined();
    for (let s = 0; s <= 60; s++) rate.take(instant(s * 1_000), s * 100);
    expect(rate.perSecond(instant(60_000))).toBeCloseTo(100);
    for (let s = 61; s <= 65; s++) rate.take(instant(s * 1_000), 6_000 + (s - 60) * 1_000);
    expect(rate.perSecond(instant(65_000))).toBeCloseTo(550);
    expect(rate.perSecond(instant(75_000))).toBeLessThan(400);
    for (let s = 75; s <= 90; s++) rate.take(instant(s * 1_000), 11_000);
    expect(rate.perSecond(instant(90_000))).toBe(0);
  });

  it('starts again when the count does', () => {
    const rate = new RateWindow();
    rate.take(instant(0), 1_000_000);
    rate.take(instant(1_000), 0);
    expect(rate.perSecond(instant(1_000))).toBeUndefined();
    rate.take(instant(2_000), 50);
    expect(rate.perSecond(instant(2_000))).toBeCloseTo(50);
  });
});

describe('progress mode', () => {
  it.each([
    ['auto', true, 0, undefined, 'bar'],
    ['auto', false, 0, undefined, 'plain'],
    ['auto', true, 0, 'dumb', 'plain'],
    ['auto', true, -1, undefined, 'none'],
    ['bar', false, 0, undefined, 'plain'],
    ['bar', true, -1, 'xterm', 'bar'],
    ['plain', true, 0, undefined, 'plain'],
    ['json', true, 0, undefined, 'json'],
    ['none', true, 0, undefined, 'none'],
  ] as const)('%s with a terminal: %s, verbosity %d, TERM %s is %s', (choice, stderrIsTty, verbosity, TERM, mode) => {
    expect(progressMode(choice, { stderrIsTty, verbosity, env: { TERM } })).toBe(mode);
  });
});

describe('progress', () => {
  const moving = (clock: { now(): Instant }) => (): ProgressSample => ({
    amount: { doneBytes: clock.now() * 10, totalBytes: 1_000_000, movedBytes: clock.now() * 10 },
    sources: 3,
  });

  it('writes a plain line now and then, and one at the end', () => {
    const clock: { now(): Instant } = { now: () => instant(0) };
    const shown = display('plain', () => moving(clock)());
    clock.now = () => shown.clock.now();
    shown.progress.start();
    shown.clock.pass(25_000);
    shown.progress.stop();
    shown.clock.pass(100_000);
    expect(shown.terminal.lines).toEqual([
      '0B/976.6KiB(0%) SD:3 DL:0B/s ETA:-',
      '97.7KiB/976.6KiB(10%) SD:3 DL:9.8KiB/s ETA:1m30s',
      '195.3KiB/976.6KiB(20%) SD:3 DL:9.8KiB/s ETA:1m20s',
      '244.1KiB/976.6KiB(25%) SD:3 DL:9.8KiB/s ETA:1m15s',
      '',
    ]);
    expect(shown.clock.waiting).toBe(0);
  });

  it('does not repeat a line that says nothing new', () => {
    const shown = display('plain', () => ({ label: 'waiting for 3 seeders, 1 is there' }));
    shown.progress.start();
    shown.clock.pass(3_600_000);
    shown.progress.stop();
    expect(shown.terminal.lines).toEqual(['waiting for 3 seeders, 1 is there', '']);
  });

  it('writes a JSON object each second', () => {
    const shown = display('json', () => ({ sources: 1 }));
    shown.progress.start();
    shown.clock.pass(2_500);
    shown.progress.stop();
    const objects = shown.terminal.lines.slice(0, -1).map((line) => JSON.parse(line) as unknown);
    expect(objects).toEqual(Array.from({ length: 4 }, () => ({ event: 'progress', sources: 1 })));
  });

  it('writes nothing when nothing is wanted', () => {
    const shown = display('none', () => ({ sources: 1 }));
    shown.progress.start();
    shown.clock.pass(60_000);
    shown.progress.stop();
    expect(shown.terminal.raw).toBe('');
  });

  it('draws a bar that log lines do not tear, and leaves its last picture', () => {
    let doneBytes = 0;
    const amount = () => ({ doneBytes, totalBytes: 100 * MIB, movedBytes: doneBytes });
    const shown = display('bar', () => ({ amount: amount(), sources: 3 }));
    shown.progress.start();
    expect(shown.terminal.lines).toEqual([`[${'-'.repeat(30)}] 0B/100.0MiB(0%) SD:3 DL:0B/s ETA:-`]);
    doneBytes = 50 * MIB;
    shown.screen.line('12:00:00 info leecher: one');
    shown.screen.line('12:00:00 info leecher: two');
    expect(shown.terminal.lines.slice(0, 2)).toEqual(['12:00:00 info leecher: one', '12:00:00 info leecher: two']);
    expect(shown.terminal.lines[2]).toMatch(/^\[={15}-{15}\] 50\.0MiB\/100\.0MiB\(50%\)/);
    doneBytes = 100 * MIB;
    shown.progress.stop();
    shown.screen.line('done');
    expect(shown.terminal.lines).toHaveLength(5);
    expect(shown.terminal.lines[2]).toMatch(/^\[={30}\] 100\.0MiB\/100\.0MiB\(100%\)/);
    expect(shown.terminal.lines[3]).toBe('done');
  });

  it('[fault 55] stays within a terminal of any width', () => {
    for (const columns of [0, 1, 20, 60, 80, 300]) {
      const shown = display('bar', () => ({ amount: { doneBytes: 1, totalBytes: 2, movedBytes: 1 }, sources: 3 }));
      shown.terminal.columns = columns;
      shown.progress.start();
      shown.progress.stop();
      for (const line of shown.terminal.lines)
        expect(line.length).toBeLessThan(columns === 0 ? 80 : Math.max(2, columns));
    }
  });

  it('changes no setting of the terminal that a kill would leave behind', () => {
    const shown = display('bar', () => ({ sources: 3 }));
    shown.progress.start();
    shown.screen.line('x');
    shown.progress.stop();
    // eslint-disable-next-line no-control-regex
    expect(shown.terminal.raw.replaceAll('\u001b[K', '')).not.toMatch(/\u001b/);
  });

  it('can be stopped twice, and before it began', () => {
    const shown = display('bar', () => ({ sources: 3 }));
    shown.progress.stop();
    shown.progress.start();
    shown.progress.start();
    shown.progress.stop();
    shown.progress.stop();
    expect(shown.terminal.lines).toHaveLength(2);
  });
});
