import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, isAbsolute, join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

const OURS = 'shoal';

/**
 * A writable directory of ours for what can be made again, by the XDG base directory rules; undefined when there is
 * none, and then the program goes on without it. A home that is absent or read-only, as containers have it, leads to
 * a private directory among the temporary files.
 */
export const cacheDirectory = (environment: Environment): string | undefined =>
  firstUsable(environment, 'XDG_CACHE_HOME', '.cache');

/** The same for what should survive a cleaning of caches. */
export const stateDirectory = (environment: Environment): string | undefined =>
  firstUsable(environment, 'XDG_STATE_HOME', join('.local', 'state'));

/** The last part of a path, with `.` and `..` resolved. */
export const fileNameOf = (path: string): string => basename(resolve(path));

function firstUsable(environment: Environment, variable: string, belowHome: string): string | undefined {
  const named = environment[variable];
  const home = homeDirectory(environment);
  // A relative path in an XDG variable is to be ignored.
  const base =
    named !== undefined && isAbsolute(named) ? named : home === undefined ? undefined : join(home, belowHome);
  if (base !== undefined && isUsable(join(base, OURS))) return join(base, OURS);
  const user = process.getuid?.() ?? 'user';
  const fallback = join(tmpdir(), `${OURS}-${user}`);
  return isUsable(fallback) && isPrivate(fallback) ? fallback : undefined;
}

function homeDirectory(environment: Environment): string | undefined {
  const named = environment['HOME'];
  if (named !== undefined) return isAbsolute(named) ? named : undefined;
  try {
    return homedir();
  } catch {
    // A user without an entry in the password file.
    return undefined;
  }
}

function isUsable(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Among temporary files another user may have been first: only a real directory of our own will do. */
function isPrivate(directory: string): boolean {
  const stat = lstatSync(directory);
  const own = process.getuid === undefined || stat.uid === process.getuid();
  return stat.isDirectory() && own && (process.getuid === undefined || (stat.mode & 0o022) === 0);
}
