/** Whether an info dictionary that a peer, or a file, gave is the one that is wanted and one we can download. */
import { hash } from 'node:crypto';
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import type { InfoHashV1, InfoHashV2, WireHash } from '../common/base/ids.ts';
import { parseInfo, type Info } from '../common/content/info.ts';
import { sha256 } from '../common/content/merkle.ts';

/** Everything that is known of what is wanted; all of it must agree. */
export interface Wanted {
  readonly infoHashV2?: InfoHashV2;
  readonly infoHashV1?: InfoHashV1;
  /** A hash of 20 bytes of which nobody said what it is. */
  readonly wireHash?: WireHash;
}

/**
 * The dictionary, read; undefined for bytes that are something else. Throws METADATA_INVALID when it is what is wanted
 * and cannot be used: no peer would give a better one.
 */
export function recognise(bytes: Uint8Array, wanted: Wanted): Info | undefined {
  const infoHash = sha256(bytes);
  if (wanted.infoHashV2 !== undefined && !equalBytes(infoHash, wanted.infoHashV2)) return undefined;
  const { wireHash } = wanted;
  if (wireHash !== undefined && !equalBytes(infoHash.subarray(0, 20), wireHash)) {
    if (equalBytes(sha1(bytes), wireHash)) throw onlyV1(toHex(wireHash));
    return undefined;
  }
  const parsed = parseInfo(bytes);
  if (!parsed.ok)
    throw new ShoalError('METADATA_INVALID', `the description of ${toHex(infoHash)} is invalid: ${parsed.reason}`);
  return usable(parsed.value);
}

/** Throws METADATA_INVALID for content of a kind that is not downloaded yet. */
export function usable(info: Info): Info {
  if (info.infoHashV2 === undefined) throw onlyV1(info.name);
  if (info.isDirectory || info.geometry.files.length !== 1) {
    throw new ShoalError(
      'METADATA_INVALID',
      `${info.name} is a directory of ${info.geometry.files.length} files: only single files are downloaded`,
    );
  }
  return info;
}

/** The name of the file that the content is. */
export const fileNameOf = (info: Info): string => info.geometry.files[0]?.path.at(-1) ?? info.name;

const onlyV1 = (what: string): ShoalError =>
  new ShoalError(
    'METADATA_INVALID',
    `${what} is a v1 info hash, which stands for SHA-1 alone: ask for the v2 info hash of the same file (64 digits)`,
  );

const sha1 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha1', bytes, 'buffer'));
