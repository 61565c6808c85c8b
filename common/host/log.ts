import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import type winston from 'winston';
import type { Log, LogFields } from '../base/ports.ts';
import { printable, printableJson } from './escape.ts';

/** Gravest first; the numbers are winston's. */
const LEVELS = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 } as const;

export type LogLevel = keyof typeof LEVELS;

export type LogFormat = 'text' | 'json';

const LEVEL_COLOURS: Readonly<Record<LogLevel, string>> = {
  error: '\u001b[31m',
  warn: '\u001b[33m',
  info: '\u001b[32m',
  debug: '\u001b[36m',
  trace: '\u001b[90m',
};
const PLAIN = '\u001b[0m';

/** What is known of one line before it is text. */
interface Entry {
  readonly level: LogLevel;
  readonly component: string;
  readonly text: string;
  readonly fields: LogFields | undefined;
  readonly at: Date;
}

/** Two digits. */
const pad = (part: number): string => String(part).padStart(2, '0');

/** A bare word stays bare; anything that could be misread is quoted. */
function fieldText(value: string | number | boolean): string {
  const text = printable(String(value));
  return text === '' || /[\s"=\\]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text;
}

/** `12:03:59 info seeder: peer connected peer=10.0.0.7:7000` */
export function textLine(entry: Entry, colour: boolean): string {
  const { at, level } = entry;
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  const word = colour ? `${LEVEL_COLOURS[level]}${level}${PLAIN}` : level;
  let line = `${time} ${word} ${entry.component}: ${printable(entry.text)}`;
  for (const [key, value] of Object.entries(entry.fields ?? {})) {
    if (value !== undefined) line += ` ${printable(key)}=${fieldText(value)}`;
  }
  return line;
}

/** `{"ts":…,"level":…,"component":…,"msg":…}` and the fields; a field never replaces one of those. */
export function jsonLine(entry: Entry): string {
  return printableJson(
    JSON.stringify({
      ...entry.fields,
      ts: entry.at.toISOString(),
      level: entry.level,
      component: entry.component,
      msg: entry.text,
    }),
  );
}

export interface LogTarget {
  /** Writes one line, without its end. */
  readonly line: (text: string) => void;
  readonly format: LogFormat;
  readonly colour: boolean;
}

/**
 * The log of a process: winston moves the lines, this class makes them. winston never sees a field, because it glues
 * one called `message` to the text and prints errors and bytes as empty objects.
 */
export class ProcessLog {
  #logger: winston.Logger | undefined;
  readonly #target: LogTarget;
  readonly #level: LogLevel;

  constructor(options: { readonly target: LogTarget; readonly level: LogLevel }) {
    this.#target = options.target;
    this.#level = options.level;
  }

  /** winston takes longer to load than all of a short command: it is, with the first line. */
  #load(): winston.Logger {
    const { createLogger, format, transports } = createRequire(import.meta.url)('winston') as typeof winston;
    const stream = new Writable({
      decodeStrings: false,
      write: (line: string, _encoding, done) => {
        this.#target.line(line);
        done();
      },
    });
    const logger = createLogger({
      levels: LEVELS,
      level: this.#level,
      format: format.printf((info) => String(info.message)),
      transports: [new transports.Stream({ stream, eol: '' })],
    });
    // A log that cannot be written must not end the process.
    logger.on('error', () => {});
    return logger;
  }

  log(component: string): Log {
    const enabled = (level: LogLevel): boolean => LEVELS[level] <= LEVELS[this.#level];
    const at =
      (level: LogLevel) =>
      (text: string, fields?: LogFields): void => {
        if (enabled(level)) this.write({ level, component, text, fields, at: new Date() });
      };
    return {
      error: at('error'),
      warn: at('warn'),
      info: at('info'),
      debug: at('debug'),
      trace: at('trace'),
      traces: enabled('trace'),
      child: (name) => this.log(name),
    };
  }

  write(entry: Entry): void {
    const line = this.#target.format === 'json' ? jsonLine(entry) : textLine(entry, this.#target.colour);
    this.#logger ??= this.#load();
    this.#logger.log(entry.level, line);
  }

  /** Resolves when every line has reached its target. */
  close(): Promise<void> {
    const logger = this.#logger;
    if (logger === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      logger.once('finish', () => resolve());
      logger.end();
    });
  }
}
