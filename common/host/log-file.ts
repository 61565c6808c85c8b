import { createWriteStream, openSync } from 'node:fs';
import { ShoalError } from '../base/errors.ts';
import { printable } from './escape.ts';
import { Output } from './output.ts';

export interface LogFile {
  line(text: string): void;
  close(): Promise<void>;
}

/**
 * Opens a log file for appending. Throws a `ShoalError` of code FILE_ACCESS; later failures, such as a full disk, lose
 * lines and nothing else.
 */
export function openLogFile(path: string): LogFile {
  let fd: number;
  try {
    fd = openSync(path, 'a', 0o644);
  } catch (error) {
    const why = printable((error as Error).message);
    throw new ShoalError('FILE_ACCESS', `cannot write the log file: ${why}; choose another with --log-file`, {
      cause: error,
    });
  }
  const stream = createWriteStream(path, { fd });
  const output = new Output({ stream });
  return {
    line: (text) => output.write(`${text}\n`),
    close: async () => {
      await output.flush();
      await new Promise<void>((resolve) => {
        stream.once('close', resolve);
        stream.destroy();
      });
    },
  };
}
