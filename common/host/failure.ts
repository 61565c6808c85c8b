import { inspect } from 'node:util';
import { type ErrorCode, EXIT_CODES, ShoalError } from '../base/errors.ts';
import { StoreError, type StoreFailure } from '../base/ports.ts';
import { printable } from './escape.ts';

const STORE_CODES: Readonly<Record<StoreFailure, ErrorCode>> = {
  full: 'DISK_FULL',
  changed: 'FILE_CHANGED',
  failed: 'FILE_ACCESS',
};

export interface Failure {
  readonly exitCode: number;
  /** One line, safe to print. */
  readonly message: string;
  /** The stack with its causes, for -vv. */
  readonly details: string;
}

/** What a thrown value means for the user and for the exit code. */
export function describeFailure(error: unknown): Failure {
  const details = inspect(error).split('\n').map(printable).join('\n');
  const text = error instanceof Error ? error.message : String(error);
  const message = printable(text.replaceAll('\n', ' '));
  if (error instanceof ShoalError) return { exitCode: EXIT_CODES[error.code], message, details };
  if (error instanceof StoreError) return { exitCode: EXIT_CODES[STORE_CODES[error.failure]], message, details };
  return { exitCode: EXIT_CODES.UNEXPECTED, message: `unexpected failure: ${message}; -vv shows where`, details };
}
