import type cliProgress from 'cli-progress';
import { createRequire } from 'node:module';
import type { Screen } from './screen.ts';

/** Pictures per second: a person sees no more, and a slow terminal line can take it. */
const PICTURES_PER_SECOND = 5;
const MAX_BAR_COLUMNS = 30;
const MIN_BAR_COLUMNS = 8;
const USUAL_COLUMNS = 80;
const CLEAR_LINE = '\r\u001b[K';

/** One line at the bottom of a terminal that is drawn again and again, and makes room for other lines. */
export class ProgressBar {
  readonly #screen: Screen;
  readonly #bar: cliProgress.SingleBar;
  #detach: (() => void) | undefined;

  constructor(options: {
    readonly screen: Screen;
    /** Asked for at each picture: the text, and how much of the bar is full, 0 to 1; undefined for no bar. */
    readonly picture: () => { readonly text: string; readonly filled: number | undefined };
  }) {
    const { screen, picture } = options;
    this.#screen = screen;
    // Loaded when there is a bar to draw.
    const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof cliProgress;
    this.#bar = new SingleBar({
      fps: PICTURES_PER_SECOND,
      // After another line was written, the same picture has to be drawn again.
      forceRedraw: true,
      hideCursor: null,
      linewrap: null,
      format: () => lineOf(picture(), screen.columns ?? USUAL_COLUMNS),
      // Not in the type declarations of the package.
      ...{ terminal: terminalOn(screen) },
    });
  }

  start(): void {
    if (this.#detach !== undefined) return;
    this.#bar.start(1, 0);
    this.#detach = this.#screen.attach({
      hide: () => this.#screen.raw(CLEAR_LINE),
      show: () => this.#bar.render(),
    });
  }

  /** Leaves the last picture as a line. */
  stop(): void {
    if (this.#detach === undefined) return;
    this.#detach();
    this.#detach = undefined;
    this.#bar.stop();
  }
}

/** Never as wide as the terminal: a full line would wrap, and could not be taken back. */
function lineOf(picture: { readonly text: string; readonly filled: number | undefined }, columns: number): string {
  const { text, filled } = picture;
  const room = Math.min(MAX_BAR_COLUMNS, columns - 1 - text.length - 3);
  if (filled === undefined || room < MIN_BAR_COLUMNS) return text.slice(0, columns - 1);
  const full = Math.floor(Math.min(1, Math.max(0, filled)) * room);
  return `[${'='.repeat(full)}${'-'.repeat(room - full)}] ${text}`;
}

/**
 * What the package asks of a terminal. Its own would save the cursor's place at the start and go back there at the
 * end, over the log lines that came in between.
 */
function terminalOn(screen: Screen): object {
  const nothing = (): void => {};
  return {
    cursorSave: nothing,
    cursorRestore: nothing,
    cursor: nothing,
    lineWrapping: nothing,
    cursorTo: () => screen.raw('\r'),
    clearRight: () => screen.raw('\u001b[K'),
    clearLine: () => screen.raw(CLEAR_LINE),
    write: (text: string) => screen.raw(text),
    newline: () => screen.raw('\n'),
    isTTY: () => true,
    getWidth: () => screen.columns ?? USUAL_COLUMNS,
  };
}
