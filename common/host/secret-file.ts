import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { ShoalError } from '../base/errors.ts';
import { errnoOf } from './errno.ts';
import { printable } from './escape.ts';

const SECRET_BYTES = 32;

/**
 * A secret that outlives the process: 32 bytes in a file that only its owner may read, made when it is missing. Rejects
 * with FILE_ACCESS when it can be neither read nor made, or is not one.
 */
export async function readSecret(path: string): Promise<Uint8Array> {
  const found = await readIfThere(path);
  if (found === undefined) return makeSecret(path);
  if (found.length === SECRET_BYTES) return found;
  throw new ShoalError(
    'FILE_ACCESS',
    `${printable(path)} is not a secret of ${SECRET_BYTES} bytes: remove it, or name another with --secret-file`,
  );
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw unusable('read', path, error);
  }
}

/** Whole or not at all, and by the first who comes: trackers that start together end up with the same one. */
async function makeSecret(path: string): Promise<Uint8Array> {
  const fresh = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.write(randomBytes(SECRET_BYTES));
      await file.sync();
    } finally {
      await file.close();
    }
    await place(fresh, path);
  } catch (error) {
    throw unusable('make', path, error);
  } finally {
    await rm(fresh, { force: true }).catch(() => {});
  }
  const secret = await readIfThere(path);
  if (secret === undefined) throw new ShoalError('FILE_ACCESS', `${printable(path)} vanished as soon as it was made`);
  return secret;
}

/** A link, unlike a rename, never replaces what another has just placed. */
async function place(fresh: string, path: string): Promise<void> {
  try {
    await link(fresh, path);
  } catch (error) {
    // Some file systems have no links; there the last one wins.
    if (errnoOf(error) !== 'EEXIST') await rename(fresh, path);
  }
}

function unusable(verb: string, path: string, error: unknown): ShoalError {
  return new ShoalError(
    'FILE_ACCESS',
    `cannot ${verb} the secret file ${printable(path)} (${errnoOf(error)}): name another with --secret-file`,
    { cause: error },
  );
}
