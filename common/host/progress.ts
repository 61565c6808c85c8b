import { after } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { ProgressBar } from './progress-bar.ts';
import { progressRecord, type ProgressSample, progressText, RateWindow } from './progress-text.ts';
import type { Screen } from './screen.ts';

export const PROGRESS_CHOICES = ['auto', 'bar', 'plain', 'json', 'none'] as const;
export type ProgressChoice = (typeof PROGRESS_CHOICES)[number];
export type ProgressMode = Exclude<ProgressChoice, 'auto'>;

/** How often a line comes where there is no terminal. */
const PLAIN_INTERVAL_MS = 10_000;
const JSON_INTERVAL_MS = 1_000;
/** How often the rate's window takes a point. */
const SAMPLE_INTERVAL_MS = 500;

/** What a choice comes to: a bar where it can be drawn, lines elsewhere, nothing when the user wants quiet. */
export function progressMode(
  choice: ProgressChoice,
  host: {
    readonly stderrIsTty: boolean;
    readonly verbosity: number;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): ProgressMode {
  const canDraw = host.stderrIsTty && host.env['TERM'] !== 'dumb';
  if (choice === 'auto') return host.verbosity < 0 ? 'none' : canDraw ? 'bar' : 'plain';
  return choice === 'bar' && !canDraw ? 'plain' : choice;
}

/** Shows on standard error how some long work goes on, by asking for a sample at its own pace. */
export class Progress {
  readonly #screen: Screen;
  readonly #clock: Clock;
  readonly #mode: ProgressMode;
  readonly #sample: () => ProgressSample;
  readonly #rate = new RateWindow();
  readonly #bar: ProgressBar | undefined;
  #cancel: (() => void) | undefined;
  #nextLineAt = 0;
  #lastText = '';

  constructor(options: {
    readonly screen: Screen;
    readonly clock: Clock;
    readonly mode: ProgressMode;
    readonly sample: () => ProgressSample;
  }) {
    this.#screen = options.screen;
    this.#clock = options.clock;
    this.#mode = options.mode;
    this.#sample = options.sample;
    if (options.mode === 'bar') {
      this.#bar = new ProgressBar({ screen: options.screen, picture: () => this.#picture() });
    }
  }

  /** The rate of the last seconds, for whoever tells it elsewhere; undefined at the start. */
  get bytesPerSecond(): number | undefined {
    return this.#rate.perSecond(this.#clock.now());
  }

  start(): void {
    if (this.#cancel !== undefined) return;
    this.#take();
    this.#bar?.start();
    this.#nextLineAt = this.#clock.now();
    this.#tick();
  }

  /** Shows the last state, once. */
  stop(): void {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#take();
    this.#bar?.stop();
    this.#line();
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#take();
    if (now >= this.#nextLineAt) {
      this.#line();
      this.#nextLineAt = after(now, this.#mode === 'json' ? JSON_INTERVAL_MS : PLAIN_INTERVAL_MS);
    }
    this.#cancel = this.#clock.at(after(now, SAMPLE_INTERVAL_MS), () => this.#tick());
  }

  #take(): ProgressSample {
    const sample = this.#sample();
    if (sample.amount !== undefined) this.#rate.take(this.#clock.now(), sample.amount.movedBytes);
    return sample;
  }

  #picture(): { readonly text: string; readonly filled: number | undefined } {
    const sample = this.#take();
    const { amount } = sample;
    const filled =
      amount === undefined ? undefined : amount.totalBytes === 0 ? 1 : amount.doneBytes / amount.totalBytes;
    return { text: progressText(sample, this.bytesPerSecond), filled };
  }

  #line(): void {
    if (this.#mode === 'json') this.#screen.line(JSON.stringify(progressRecord(this.#sample(), this.bytesPerSecond)));
    if (this.#mode !== 'plain') return;
    const text = progressText(this.#sample(), this.bytesPerSecond);
    // A wait of an hour is one line, not 360.
    if (text !== '' && text !== this.#lastText) this.#screen.line(text);
    this.#lastText = text;
  }
}
