/**
 * Errors carry a stable `code`; the text is for people and says what happened, on what, and what to do.
 * Retry rules and exit codes hang on the code, never on the text.
 */
export const ERROR_CODES = [
  'UNEXPECTED',
  'USAGE',
  'CONTENT_UNKNOWN',
  'TOO_FEW_SEEDERS',
  'TOO_SLOW',
  'NETWORK',
  'INTERRUPTED',
  'TIMED_OUT',
  'DISK_FULL',
  'METADATA_INVALID',
  'DOWNLOAD_LOCKED',
  'TARGET_DIFFERS',
  'FILE_ACCESS',
  'FILE_CHANGED',
  'NAME_UNRESOLVED',
  'TORRENT_UNREADABLE',
  'NO_VALID_SOURCE',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export class ShoalError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ShoalError';
    this.code = code;
  }
}

/** The process's exit code for each error; the same numbers as aria2 where the meaning is the same. */
export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  UNEXPECTED: 1,
  USAGE: 2,
  CONTENT_UNKNOWN: 3,
  TOO_FEW_SEEDERS: 4,
  TOO_SLOW: 5,
  NETWORK: 6,
  INTERRUPTED: 7,
  TIMED_OUT: 7,
  DISK_FULL: 9,
  METADATA_INVALID: 10,
  DOWNLOAD_LOCKED: 11,
  TARGET_DIFFERS: 13,
  FILE_ACCESS: 15,
  FILE_CHANGED: 15,
  NAME_UNRESOLVED: 19,
  TORRENT_UNREADABLE: 26,
  NO_VALID_SOURCE: 32,
};

export const exitCodeOf = (error: unknown): number => (error instanceof ShoalError ? EXIT_CODES[error.code] : 1);

/** The words of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What a decoder answers: a value, or a fixed reason why the bytes are not one. Wire input never throws. */
export type Decoded<T, Reason extends string = string> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: Reason };

export const decoded = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });
export const malformed = <Reason extends string>(reason: Reason): { readonly ok: false; readonly reason: Reason } => ({
  ok: false,
  reason,
});
