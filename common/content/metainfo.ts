/** A .torrent file (BEP 3, 12, 19, 52). */
import { equalBytes, fromHex, toHex } from '../base/bytes.ts';
import { decoded, malformed, type Decoded } from '../base/errors.ts';
import {
  MAX_BENCODE_DEPTH,
  MAX_BENCODE_ITEMS,
  MAX_TORRENT_BYTES,
  MAX_TRACKER_URLS,
  MAX_WEB_SEED_URLS,
} from '../base/limits.ts';
import {
  asBytes,
  bencodeDict,
  decodeBencode,
  dictEntries,
  dictGet,
  encodeBencode,
  listItems,
  type BNode,
} from '../wire/bencode.ts';
import type { ContentFile, Geometry } from './geometry.ts';
import { writeInfo } from './info-writer.ts';
import { parseInfo, type Info } from './info.ts';
import { DIGEST_BYTES, rootOfLayer } from './merkle.ts';
import type { PieceLayers } from './piece-roots.ts';
import type { TorrentReason } from './refusal.ts';
import { trackerUrl, webSeedUrl } from './urls.ts';

export interface Metainfo {
  readonly info: Info;
  /** Tiers in order, each with at least one tracker; one of a tier is enough (BEP 12). */
  readonly trackerTiers: readonly (readonly string[])[];
  readonly webSeeds: readonly string[];
  /** Verified, for every file larger than a piece; undefined when the file has none and peers must be asked. */
  readonly pieceLayers?: PieceLayers;
}

/**
 * Reads a .torrent file with every check that can be made without the content. Keeps no part of `bytes`. Trackers and
 * web seeds that are no usable URL are left out; anything else out of order makes the whole invalid.
 */
export function parseTorrent(bytes: Uint8Array): Decoded<Metainfo, TorrentReason> {
  const limits = { depth: MAX_BENCODE_DEPTH, items: MAX_BENCODE_ITEMS, bytes: MAX_TORRENT_BYTES };
  const result = decodeBencode(bytes, limits);
  if (!result.ok) return result;
  const root = result.value;
  if (root.kind !== 'dict') return malformed('it is no dictionary');
  const infoNode = dictGet(root, 'info');
  if (infoNode === undefined) return malformed('it has no info dictionary');
  // The hash is over these very bytes; they are never encoded again (BEP 52).
  const info = parseInfo(infoNode.raw.slice());
  if (!info.ok) return info;
  const layers = readPieceLayers(dictGet(root, 'piece layers'), info.value);
  if (!layers.ok) return layers;
  const trackerTiers = readTiers(root);
  const webSeeds = readWebSeeds(dictGet(root, 'url-list'));
  const pieceLayers = layers.value;
  return decoded({ info: info.value, trackerTiers, webSeeds, ...(pieceLayers === undefined ? {} : { pieceLayers }) });
}

/** `announce-list` makes `announce` void (BEP 12), unless there is no usable tracker in it. */
function readTiers(root: BNode): string[][] {
  const seen = new Set<string>();
  const tiers: string[][] = [];
  for (const list of listItems(dictGet(root, 'announce-list'))) {
    const tier = usableUrls(listItems(list), { read: trackerUrl, seen, most: MAX_TRACKER_URLS });
    if (tier.length > 0) tiers.push(tier);
  }
  if (tiers.length > 0) return tiers;
  const announce = trackerUrl(asBytes(dictGet(root, 'announce')));
  return announce === undefined ? [] : [[announce]];
}

/** A string or a list of them (BEP 19). */
function readWebSeeds(node: BNode | undefined): string[] {
  const nodes = node?.kind === 'bytes' ? [node] : listItems(node);
  return usableUrls(nodes, { read: webSeedUrl, seen: new Set(), most: MAX_WEB_SEED_URLS });
}

function usableUrls(
  nodes: Iterable<BNode>,
  how: {
    readonly read: (text: Uint8Array | undefined) => string | undefined;
    /** BOUNDED: by `most`. */
    readonly seen: Set<string>;
    readonly most: number;
  },
): string[] {
  const urls: string[] = [];
  for (const node of nodes) {
    if (how.seen.size >= how.most) break;
    const url = how.read(asBytes(node));
    if (url === undefined || how.seen.has(url)) continue;
    how.seen.add(url);
    urls.push(url);
  }
  return urls;
}

/** Without the dictionary peers are asked, as libtorrent does; one that is there must be whole and right (BEP 52). */
function readPieceLayers(node: BNode | undefined, info: Info): Decoded<PieceLayers | undefined, TorrentReason> {
  if (info.kind === 'v1' || node === undefined) return decoded(undefined);
  if (node.kind !== 'dict') return malformed('its piece layers are no dictionary');
  const given = new Map<string, Uint8Array>();
  for (const [root, layer] of dictEntries(node)) {
    const hashes = asBytes(layer);
    if (hashes === undefined) return malformed('it has a piece layer of the wrong length');
    given.set(toHex(root), hashes);
  }
  const { geometry } = info;
  const layers = new Map<string, Uint8Array>();
  for (const file of geometry.files) {
    if (file.root === undefined) continue;
    const key = toHex(file.root);
    const layer = given.get(key);
    given.delete(key);
    // Files of one root have one length, so that one layer is that of them all.
    if (file.lengthBytes <= geometry.pieceBytes || layers.has(key)) continue;
    if (layer === undefined) return malformed('it lacks the piece layer of a file');
    const fault = pieceLayerFault(layer, file, geometry);
    if (fault !== undefined) return malformed(fault);
    layers.set(key, layer.slice());
  }
  return given.size > 0 ? malformed('it has a piece layer of no file') : decoded(layers);
}

/** Why these are not the hashes of the file's pieces; undefined when they are. For a file larger than a piece. */
export function pieceLayerFault(
  layer: Uint8Array,
  file: ContentFile,
  geometry: Geometry,
): 'it has a piece layer of the wrong length' | 'it has a piece layer that does not match its file' | undefined {
  if (layer.length !== file.pieceCount * DIGEST_BYTES) return 'it has a piece layer of the wrong length';
  const root = rootOfLayer(layer, geometry.pieceLayerHeight, file.treeHeight);
  const isRight = file.root !== undefined && equalBytes(root, file.root);
  return isRight ? undefined : 'it has a piece layer that does not match its file';
}

export interface TorrentParts {
  /** Exactly these bytes go in. */
  readonly infoBytes: Uint8Array;
  /** Of every file larger than a piece; none for a v1 torrent. */
  readonly pieceLayers?: PieceLayers;
  readonly trackerTiers?: readonly (readonly string[])[];
  readonly webSeeds?: readonly string[];
  readonly createdBy?: string;
  /** Seconds since 1970. */
  readonly createdAtS?: number;
  readonly comment?: string;
}

/** Writes a .torrent file, byte for byte as libtorrent does of the same parts. */
export function makeTorrent(parts: TorrentParts): Uint8Array {
  const tiers = parts.trackerTiers ?? [];
  const isList = tiers.length > 1 || (tiers[0]?.length ?? 0) > 1;
  const webSeeds = parts.webSeeds ?? [];
  const layers = parts.pieceLayers && [...parts.pieceLayers].map(([root, layer]) => [fromHex(root)!, layer] as const);
  return encodeBencode(
    bencodeDict([
      ['announce', tiers[0]?.[0]],
      ['announce-list', isList ? tiers : undefined],
      ['comment', parts.comment],
      ['created by', parts.createdBy],
      ['creation date', parts.createdAtS],
      ['info', { encoded: parts.infoBytes }],
      ['piece layers', layers && bencodeDict(layers)],
      ['url-list', webSeeds.length > 1 ? webSeeds : webSeeds[0]],
    ]),
  );
}

/** A single file, to be described. */
export interface SingleFile {
  /** Its name in the torrent: one component, not empty. */
  readonly name: string;
  /** At least one: a torrent of no content cannot be shared. */
  readonly lengthBytes: number;
  /** A power of two of at least 16 KiB. */
  readonly pieceBytes: number;
  /** The merkle root over all of it: 32 bytes. */
  readonly root: Uint8Array;
  /** Peers come from its trackers only (BEP 27). */
  readonly isPrivate?: boolean;
}

/**
 * Writes the info dictionary of a v2 torrent of one file (BEP 52), byte for byte as libtorrent does. Throws when the
 * description is not one that would be read again: that is the caller's mistake.
 */
export function makeInfo(file: SingleFile): Uint8Array {
  const { name, lengthBytes, root, pieceBytes, isPrivate } = file;
  const files = [{ path: [name], lengthBytes, root }];
  const written = writeInfo({ format: 'v2', name, isDirectory: false, pieceBytes, files, isPrivate });
  if (!written.ok) throw new Error(`no info dictionary can be made: ${written.reason}`);
  return written.value.infoBytes;
}
