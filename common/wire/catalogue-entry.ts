import { looseText, readU16, readU32, readU64, utf8, writeU16, writeU32, writeU64 } from '../base/bytes.ts';
import type { InfoHashV1, InfoHashV2, WireHash } from '../base/ids.ts';
import { wireHashOf } from '../base/ids.ts';
import { MAX_CONTENT_BYTES } from '../base/limits.ts';

/** What can be had from a swarm, as its first publisher described it. Only for display: the info hash is the proof. */
export interface CatalogueItem {
  /** At least one of the two hashes is there. */
  readonly infoHashV2: InfoHashV2 | undefined;
  readonly infoHashV1: InfoHashV1 | undefined;
  readonly multiFile: boolean;
  /** To be found by its hash only. */
  readonly unlisted: boolean;
  readonly pieceBytes: number;
  readonly sizeBytes: number;
  /** Of the info dictionary. */
  readonly infoBytes: number;
  readonly name: string;
}

/** A catalogue's answer about one item. A list leaves `infoBytes` out. */
export interface CatalogueEntry extends Omit<CatalogueItem, 'infoBytes'> {
  readonly infoBytes: number | undefined;
  readonly seeders: number;
  readonly leechers: number;
}

/** One form for what looks alike and for both cases: what the words of a query are looked for in. */
export const foldName = (name: string): string => name.normalize('NFKC').toLowerCase();

/** Whether a folded name has every word of the query; no word is in every name. */
export function nameMatcher(query: string): (foldedName: string) => boolean {
  const words = foldName(query).split(/\s+/u).filter(Boolean);
  return (foldedName) => words.every((word) => foldedName.includes(word));
}

const FLAG_V2 = 1;
const FLAG_V1 = 2;
const FLAG_MULTI_FILE = 4;
const FLAG_UNLISTED = 8;

/** The swarm that answers for an item: of its v2 hash when it has one, else of its v1 hash. */
export const itemSwarm = (item: Pick<CatalogueItem, 'infoHashV2' | 'infoHashV1'>): WireHash =>
  wireHashOf((item.infoHashV2 ?? item.infoHashV1)!);

export const itemFlags = (item: Omit<CatalogueItem, 'infoBytes'>): number =>
  (item.infoHashV2 === undefined ? 0 : FLAG_V2) |
  (item.infoHashV1 === undefined ? 0 : FLAG_V1) |
  (item.multiFile ? FLAG_MULTI_FILE : 0) |
  (item.unlisted ? FLAG_UNLISTED : 0);

export const hasV2 = (flags: number): boolean => (flags & FLAG_V2) !== 0;
export const hasV1 = (flags: number): boolean => (flags & FLAG_V1) !== 0;
export const isMultiFile = (flags: number): boolean => (flags & FLAG_MULTI_FILE) !== 0;
export const isUnlisted = (flags: number): boolean => (flags & FLAG_UNLISTED) !== 0;

/** flags u8 | log2 piece u8 | seeders u16 | leechers u16 | size u64 | v2 hash? | v1 hash? | name length u8 | name */
const ENTRY_FIXED_BYTES = 15;

/** Size of an encoded entry, without what a lookup puts behind it. */
export const entryBytes = (entry: Omit<CatalogueItem, 'infoBytes'>): number =>
  ENTRY_FIXED_BYTES +
  (entry.infoHashV2 === undefined ? 0 : 32) +
  (entry.infoHashV1 === undefined ? 0 : 20) +
  utf8(entry.name).length;

/** Writes an entry and, for a lookup, the size of its info dictionary; gives the offset behind it. */
export function writeEntry(into: Uint8Array, at: number, entry: CatalogueEntry): number {
  into[at] = itemFlags(entry);
  into[at + 1] = Math.log2(entry.pieceBytes);
  // The fields are narrower than a swarm can be wide.
  writeU16(into, at + 2, Math.min(entry.seeders, 0xffff));
  writeU16(into, at + 4, Math.min(entry.leechers, 0xffff));
  writeU64(into, at + 6, BigInt(entry.sizeBytes));
  at += 14;
  for (const hash of [entry.infoHashV2, entry.infoHashV1]) {
    if (hash === undefined) continue;
    into.set(hash, at);
    at += hash.length;
  }
  const name = utf8(entry.name);
  into[at] = name.length;
  into.set(name, at + 1);
  at += 1 + name.length;
  if (entry.infoBytes === undefined) return at;
  writeU32(into, at, entry.infoBytes);
  return at + 4;
}

/**
 * Reads `count` entries from `at` to at most the end; undefined when they do not fit or say what cannot be.
 * The memory used is bounded by the datagram: an entry has at least 35 bytes.
 */
export function readEntries(
  bytes: Uint8Array,
  at: number,
  count: number,
  withInfoBytes: boolean,
): CatalogueEntry[] | undefined {
  const entries: CatalogueEntry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_FIXED_BYTES > bytes.length) return undefined;
    const flags = bytes[at]!;
    const nameAt = at + 14 + (hasV2(flags) ? 32 : 0) + (hasV1(flags) ? 20 : 0);
    if (nameAt >= bytes.length || (!hasV2(flags) && !hasV1(flags))) return undefined;
    const nameEnd = nameAt + 1 + bytes[nameAt]!;
    const end = nameEnd + (withInfoBytes ? 4 : 0);
    const sizeBytes = readU64(bytes, at + 6);
    if (end > bytes.length || bytes[at + 1]! > 30 || sizeBytes > BigInt(MAX_CONTENT_BYTES)) return undefined;
    entries.push({
      infoHashV2: hasV2(flags) ? (bytes.slice(at + 14, at + 46) as InfoHashV2) : undefined,
      infoHashV1: hasV1(flags) ? (bytes.slice(nameAt - 20, nameAt) as InfoHashV1) : undefined,
      multiFile: isMultiFile(flags),
      unlisted: isUnlisted(flags),
      pieceBytes: 2 ** bytes[at + 1]!,
      seeders: readU16(bytes, at + 2),
      leechers: readU16(bytes, at + 4),
      sizeBytes: Number(sizeBytes),
      name: looseText(bytes.subarray(nameAt + 1, nameEnd)),
      infoBytes: withInfoBytes ? readU32(bytes, nameEnd) : undefined,
    });
    at = end;
  }
  return entries;
}
