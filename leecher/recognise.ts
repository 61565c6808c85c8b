/** Whether an info dictionary that a peer, or a file, gave is the one that is wanted. */
import { hash } from 'node:crypto';
import { equalBytes, toHex } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import type { InfoHashV1, InfoHashV2, WireHash } from '../common/base/ids.ts';
import { parseInfo, type Info } from '../common/content/info.ts';
import { sha256 } from '../common/content/merkle.ts';

/** Everything that is known of what is wanted, at least one of the three; all of it must agree. */
export interface Wanted {
  readonly infoHashV2?: InfoHashV2;
  readonly infoHashV1?: InfoHashV1;
  /** A hash of 20 bytes of which nobody said what it is: of v1, or the beginning of one of v2. */
  readonly wireHash?: WireHash;
}

/**
 * The dictionary, read; undefined for bytes that are something else. Throws METADATA_INVALID when it is what is wanted
 * and cannot be used: no peer would give a better one.
 */
export function recognise(bytes: Uint8Array, wanted: Wanted): Info | undefined {
  const { infoHashV2, infoHashV1, wireHash } = wanted;
  const isV2 = isHash(sha256(bytes), infoHashV2 ?? wireHash);
  const isV1 = isHash(sha1(bytes), infoHashV1 ?? wireHash);
  if (infoHashV2 !== undefined && !isV2) return undefined;
  if (infoHashV1 !== undefined && !isV1) return undefined;
  if (!isV2 && !isV1) return undefined;
  const name = toHex((infoHashV2 ?? infoHashV1 ?? wireHash)!);
  const parsed = parseInfo(bytes);
  if (!parsed.ok) throw new ShoalError('METADATA_INVALID', `the description of ${name} is invalid: ${parsed.reason}`);
  const info = parsed.value;
  // Each hash vouches for its own part of the dictionary, and for no other.
  const lacks = isV2 && info.infoHashV2 === undefined ? 'v2' : isV1 && info.infoHashV1 === undefined ? 'v1' : undefined;
  if (lacks === undefined) return info;
  throw new ShoalError(
    'METADATA_INVALID',
    `the description of ${name} has no ${lacks} part, though its hash is of one`,
  );
}

/** The name of the file, or of the directory, that the content is. A single v2 file is called as in its tree (BEP 52). */
export const contentNameOf = (info: Info): string =>
  info.isDirectory ? info.name : (info.geometry.files[0]?.path.at(-1) ?? info.name);

const isHash = (found: Uint8Array, wanted: Uint8Array | undefined): boolean =>
  wanted !== undefined && equalBytes(found.subarray(0, wanted.length), wanted);

const sha1 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha1', bytes, 'buffer'));
