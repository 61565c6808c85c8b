import { equalBytes, toHex } from '../common/base/bytes.ts';
import type { WireHash } from '../common/base/ids.ts';
import { MAX_DATAGRAM_BYTES } from '../common/base/limits.ts';
import type { CatalogueEntry, CatalogueItem } from '../common/wire/catalogue-entry.ts';
import { entryBytes, foldName, itemSwarm, nameMatcher } from '../common/wire/catalogue-entry.ts';
import type { CatalogueFault } from '../common/wire/catalogue-errors.ts';
import { fault } from '../common/wire/catalogue-errors.ts';
import type { List, ListAnswer, LookupKey } from '../common/wire/catalogue-reading.ts';
import { LIST_ANSWER_BYTES, LOOKUP_ANSWER_BYTES, LOOKUP_ENTRY_EXTRA_BYTES } from '../common/wire/catalogue-reading.ts';
import type { SourceKey } from './source.ts';

/** Who has an item now. */
export interface Population {
  /** Partial seeds are among them. */
  readonly seeders: number;
  readonly leechers: number;
}

export interface CatalogueLimits {
  readonly entries: number;
  readonly entriesPerSource: number;
  /** Entries looked at for one page. */
  readonly scan: number;
}

type KnownEntry = CatalogueEntry & { readonly infoBytes: number };

interface Entry {
  readonly item: CatalogueItem;
  readonly sequence: number;
  /** Whose allowance it takes. */
  readonly source: SourceKey;
  /** What the words of a query are looked for in. */
  readonly foldedName: string;
}

/**
 * What can be had. An entry is named by its swarm and lives as long as somebody seeds there: the service publishes
 * only for who does, and removes the entry when the registry says that the last one is gone. So there is no expiry
 * here and nothing goes stale.
 *
 * The first publisher fixes name and sizes; who publishes the same hash later only adds itself to the swarm.
 *
 * BOUNDED: by `limits.entries`, of at most `limits.entriesPerSource` from one source.
 */
export class Catalogue {
  readonly #limits: CatalogueLimits;
  readonly #population: (swarm: WireHash) => Population;
  readonly #bySwarm = new Map<string, Entry>();
  /** Hybrids by their v1 hash, which nobody has proven to seed: it finds an entry, and keeps nobody else out. */
  readonly #byOtherHash = new Map<string, Entry>();
  readonly #byName = new Map<string, Set<Entry>>();
  /** By sequence, oldest first. */
  readonly #ordered: Entry[] = [];
  readonly #perSource = new Map<SourceKey, number>();
  #listed = 0;
  #nextSequence: number;

  constructor(options: {
    readonly limits: CatalogueLimits;
    /** At least 1. Cursors stay in order over a restart when it is taken from the wall clock. */
    readonly firstSequence: number;
    readonly population: (swarm: WireHash) => Population;
  }) {
    this.#limits = options.limits;
    this.#population = options.population;
    this.#nextSequence = options.firstSequence;
  }

  get size(): number {
    return this.#ordered.length;
  }

  /** Takes in an item of somebody who seeds it, or finds that it is there; gives the entry's sequence. */
  publish(item: CatalogueItem, source: SourceKey): { readonly ok: true; readonly sequence: number } | CatalogueFault {
    const known = this.#bySwarm.get(toHex(itemSwarm(item)));
    if (known !== undefined) return { ok: true, sequence: known.sequence };
    if (!isSafeName(item.name)) return fault('bad-name', 'no path, no control characters, not only dots');
    const ofSource = this.#perSource.get(source) ?? 0;
    if (ofSource >= this.#limits.entriesPerSource) return fault('full', 'too many entries of this address');
    if (this.#ordered.length >= this.#limits.entries) return fault('full', 'the catalogue is full');
    const entry: Entry = { item, sequence: this.#nextSequence++, source, foldedName: foldName(item.name) };
    this.#perSource.set(source, ofSource + 1);
    this.#ordered.push(entry);
    this.#bySwarm.set(toHex(itemSwarm(item)), entry);
    const other = otherHash(item);
    if (other !== undefined && !this.#byOtherHash.has(other)) this.#byOtherHash.set(other, entry);
    const namesakes = this.#byName.get(item.name) ?? new Set();
    this.#byName.set(item.name, namesakes.add(entry));
    if (!item.unlisted) this.#listed++;
    return { ok: true, sequence: entry.sequence };
  }

  /** Forgets the entry of a swarm, if there is one. */
  remove(swarm: WireHash): void {
    const entry = this.#bySwarm.get(toHex(swarm));
    if (entry === undefined) return;
    const { item, source } = entry;
    this.#bySwarm.delete(toHex(swarm));
    const other = otherHash(item);
    if (other !== undefined && this.#byOtherHash.get(other) === entry) this.#byOtherHash.delete(other);
    const namesakes = this.#byName.get(item.name)!;
    namesakes.delete(entry);
    if (namesakes.size === 0) this.#byName.delete(item.name);
    this.#ordered.splice(this.#countBefore(entry.sequence), 1);
    const rest = this.#perSource.get(source)! - 1;
    if (rest === 0) this.#perSource.delete(source);
    else this.#perSource.set(source, rest);
    if (!item.unlisted) this.#listed--;
  }

  /** One page, newest first: as many entries as were asked for and there is room for, which is that of a datagram. */
  list(request: List, roomBytes: number = MAX_DATAGRAM_BYTES - LIST_ANSWER_BYTES): ListAnswer {
    const isMatch = nameMatcher(request.query);
    const matches = (entry: Entry): boolean => !entry.item.unlisted && isMatch(entry.foldedName);
    const page: CatalogueEntry[] = [];
    let room = roomBytes;
    let sent = 0;
    let at = request.cursor === 0n ? this.#ordered.length : this.#countBefore(Number(request.cursor));
    const end = Math.max(0, at - this.#limits.scan);
    const answer = (nextCursor: number): ListAnswer => {
      return { nextCursor: BigInt(nextCursor), matches: this.#countMatches(request.query, matches), entries: page };
    };
    while (at > end) {
      const entry = this.#ordered[--at]!;
      if (!matches(entry)) continue;
      const sizeBytes = entryBytes(entry.item);
      // The cursor is the last entry sent, not a position: entries that go meanwhile shift nothing.
      if (sizeBytes > room || (request.max > 0 && page.length >= request.max)) return answer(sent);
      page.push({ ...this.#described(entry), infoBytes: undefined });
      room -= sizeBytes;
      sent = entry.sequence;
    }
    return answer(end === 0 ? 0 : this.#ordered[end]!.sequence);
  }

  /** As many entries as a datagram holds; a name may have several. Unlisted entries are found by hash only. */
  lookup(by: LookupKey): readonly KnownEntry[] {
    const found: KnownEntry[] = [];
    let room = MAX_DATAGRAM_BYTES - LOOKUP_ANSWER_BYTES;
    for (const entry of this.#find(by)) {
      room -= entryBytes(entry.item) + LOOKUP_ENTRY_EXTRA_BYTES;
      if (room < 0) break;
      found.push(this.#described(entry));
    }
    return found;
  }

  #find(by: LookupKey): readonly Entry[] {
    if (by.kind === 'name') return [...(this.#byName.get(by.name) ?? [])].filter((entry) => !entry.item.unlisted);
    const key = toHex(by.hash.subarray(0, 20));
    const entry = this.#bySwarm.get(key) ?? this.#byOtherHash.get(key);
    if (entry === undefined) return [];
    const { infoHashV2 } = entry.item;
    return by.kind === 'v2' && (infoHashV2 === undefined || !equalBytes(infoHashV2, by.hash)) ? [] : [entry];
  }

  #described(entry: Entry): KnownEntry {
    const { seeders, leechers } = this.#population(itemSwarm(entry.item));
    return { ...entry.item, seeders, leechers };
  }

  /** All matches among the newest entries, the same on every page while nothing changes. */
  #countMatches(query: string, matches: (entry: Entry) => boolean): number {
    if (query === '') return this.#listed;
    let count = 0;
    const end = Math.max(0, this.#ordered.length - this.#limits.scan);
    for (let i = this.#ordered.length - 1; i >= end; i--) if (matches(this.#ordered[i]!)) count++;
    return count;
  }

  /** How many entries have a smaller sequence; also the place of the one that has it. */
  #countBefore(sequence: number): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ordered[middle]!.sequence < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const otherHash = (item: CatalogueItem): string | undefined =>
  item.infoHashV2 !== undefined && item.infoHashV1 !== undefined ? toHex(item.infoHashV1) : undefined;

/** Control characters, line and paragraph separators, and the marks that turn the direction of text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}/\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Names stand in lists on terminals and become file names. */
const isSafeName = (name: string): boolean => !UNSAFE.test(name) && name.trim() !== '' && !/^\.+$/u.test(name);
