import { hash } from 'node:crypto';
import type { InfoHashV1, InfoHashV2 } from '../base/ids.ts';
import { MAX_BENCODE_DEPTH, MAX_BENCODE_ITEMS, MAX_METADATA_BYTES } from '../base/limits.ts';
import { malformed, type Decoded } from '../base/errors.ts';
import { asInt, decodeBencode, dictGet, type BNode } from '../wire/bencode.ts';
import { checkAgreement, readFileList, textBytes, type ListContent } from './file-list.ts';
import { readFileTree, type TreeContent } from './file-tree.ts';
import type { Geometry } from './geometry.ts';
import { safeName } from './names.ts';
import { attempt, refuse, type InfoReason } from './refusal.ts';

/** An info dictionary that was read and found in order: what a torrent is about. */
export interface Info {
  readonly kind: 'v1' | 'v2' | 'hybrid';
  /** Harmless. The file's, or that of the directory the files go into. */
  readonly name: string;
  readonly rawName: Uint8Array;
  /** The files go into a directory called `name`; otherwise there is one file, under its own name. */
  readonly isDirectory: boolean;
  /** Pieces and files: of the v2 part of v2 and hybrid torrents, else of the v1 part. */
  readonly geometry: Geometry;
  /** Of v2 and hybrid torrents. */
  readonly infoHashV2?: InfoHashV2;
  /** Of v1 and hybrid torrents. */
  readonly infoHashV1?: InfoHashV1;
  /** Peers come from its trackers only (BEP 27). */
  readonly isPrivate: boolean;
  /** Of v1 and hybrid torrents. */
  readonly v1?: V1Pieces;
  /** The exact bytes, which the hashes cover and peers are given. */
  readonly infoBytes: Uint8Array;
}

/** How v1 checks pieces. In a hybrid the hash of a piece covers the padding up to the next file too. */
export interface V1Pieces {
  /** SHA-1 of each piece, 20 bytes each. */
  readonly pieces: Uint8Array;
  readonly geometry: Geometry;
}

/**
 * Reads an info dictionary (BEP 3, BEP 52) with every check that can be made without the content. `infoBytes` are kept
 * and must not change. Whether they have the hash that was asked for is for the caller to compare.
 */
export function parseInfo(infoBytes: Uint8Array): Decoded<Info, InfoReason> {
  const limits = { depth: MAX_BENCODE_DEPTH, items: MAX_BENCODE_ITEMS, bytes: MAX_METADATA_BYTES };
  const result = decodeBencode(infoBytes, limits);
  if (!result.ok) return result;
  const root = result.value;
  if (root.kind !== 'dict') return malformed('it is no dictionary');
  return attempt(() => readInfo(root, infoBytes));
}

function readInfo(info: BNode, infoBytes: Uint8Array): Info {
  const { hasV1, hasV2 } = partsOf(info);
  const rawName = textBytes(info, 'name')?.slice() ?? refuse('it has no name');
  const tree = hasV2 ? readFileTree(info) : undefined;
  const list = hasV1 ? readFileList(info, rawName) : undefined;
  if (tree !== undefined && list !== undefined) checkAgreement(list, tree);
  return {
    kind: hasV1 && hasV2 ? 'hybrid' : hasV2 ? 'v2' : 'v1',
    name: safeName(rawName),
    rawName,
    isDirectory: list?.isDirectory ?? isTreeDirectory(tree!),
    geometry: (tree ?? list!).geometry,
    isPrivate: asInt(dictGet(info, 'private')) === 1,
    infoBytes,
    ...(hasV2 ? { infoHashV2: digest('sha256', infoBytes) as InfoHashV2 } : {}),
    ...(list === undefined ? {} : v1Part(list, infoBytes)),
  };
}

function partsOf(info: BNode): { readonly hasV1: boolean; readonly hasV2: boolean } {
  const has = (key: string): boolean => dictGet(info, key) !== undefined;
  const versionNode = dictGet(info, 'meta version');
  const version = versionNode === undefined ? 1 : asInt(versionNode);
  if (version === undefined) refuse('its protocol version is no number');
  if (version > 2) refuse('it is of a protocol version newer than 2');
  const hasV2 = version === 2;
  const hasV1 = has('pieces') || has('length') || has('files');
  if (!hasV1 && !hasV2) refuse('it has neither a v1 nor a v2 part');
  return { hasV1, hasV2 };
}

/** A tree of one file at the top is that file (BEP 52); `name` is then no directory, whatever it says. */
function isTreeDirectory(tree: TreeContent): boolean {
  return tree.files.length !== 1 || tree.files[0]!.path.length !== 1;
}

function v1Part(list: ListContent, infoBytes: Uint8Array): { infoHashV1: InfoHashV1; v1: V1Pieces } {
  const { pieces, geometry } = list;
  return { infoHashV1: digest('sha1', infoBytes) as InfoHashV1, v1: { pieces, geometry } };
}

const digest = (algorithm: 'sha1' | 'sha256', bytes: Uint8Array): Uint8Array =>
  new Uint8Array(hash(algorithm, bytes, 'buffer'));
