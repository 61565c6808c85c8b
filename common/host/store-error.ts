import { StoreError } from '../base/ports.ts';
import { errnoOf } from './errno.ts';
import { printable } from './escape.ts';

/** No room: for anybody, or for this user. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * The system's error as a `StoreError` whose text says what was tried on which path and the errno. What is a
 * `StoreError` already stays as it is.
 */
export function storeError(error: unknown, verb: string, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = errnoOf(error);
  const why =
    code === 'ELOOP'
      ? 'it is a symbolic link, and what is written must not follow one (ELOOP)'
      : error instanceof Error
        ? printable(error.message)
        : printable(String(error));
  const failure = FULL.has(code) ? 'full' : 'failed';
  return new StoreError(failure, `cannot ${verb} ${printable(path)}: ${why}`, { cause: error });
}
