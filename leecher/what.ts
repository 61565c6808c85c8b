/** What the user asked for, by its form alone. */
import { fromHex } from '../common/base/bytes.ts';
import type { InfoHashV2, WireHash } from '../common/base/ids.ts';

export type What =
  /** Whatever the tracker has, if that is one thing. */
  | { readonly kind: 'anything' }
  /** A name, or a part of one, to be looked up. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'v2-hash'; readonly infoHash: InfoHashV2 }
  /** A v1 hash, or the first 20 bytes of a v2 hash: only the metadata will tell. */
  | { readonly kind: 'wire-hash'; readonly wireHash: WireHash }
  | { readonly kind: 'magnet'; readonly link: string }
  | { readonly kind: 'torrent-file'; readonly path: string };

export function readWhat(text: string | undefined): What {
  if (text === undefined) return { kind: 'anything' };
  if (/^magnet:/i.test(text)) return { kind: 'magnet', link: text };
  if (/^[0-9a-f]{64}$/i.test(text)) return { kind: 'v2-hash', infoHash: fromHex(text) as InfoHashV2 };
  if (/^[0-9a-f]{40}$/i.test(text)) return { kind: 'wire-hash', wireHash: fromHex(text) as WireHash };
  if (/\.torrent$/i.test(text)) return { kind: 'torrent-file', path: text };
  return { kind: 'name', name: text };
}

/** Something on offer under a name. */
export interface Named {
  readonly name: string;
}

/**
 * Of the entries that a look-up gave, the one that a name means: the only one of exactly this name, else the only one
 * that contains it. Several are for the user to choose from.
 */
export function chooseByName<T extends Named>(entries: readonly T[], name: string | undefined): readonly T[] {
  if (name === undefined) return entries;
  const exact = entries.filter((entry) => entry.name === name);
  if (exact.length > 0) return exact;
  const wanted = fold(name);
  return entries.filter((entry) => fold(entry.name).includes(wanted));
}

const fold = (text: string): string => text.normalize('NFKC').toLowerCase();
