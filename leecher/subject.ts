/** Finds out what exactly is to be downloaded: hashes, trackers and peers, from what the user typed. */
import { outsideTracker, parseTrackerUrl, type TrackerAddress } from '../common/announce/tracker-address.ts';
import { ShoalError } from '../common/base/errors.ts';
import { wireHashOf, type Endpoint, type InfoHashV1, type InfoHashV2, type WireHash } from '../common/base/ids.ts';
import type { Info } from '../common/content/info.ts';
import { parseMagnet } from '../common/content/magnet.ts';
import { parseTorrent } from '../common/content/metainfo.ts';
import type { PieceLayers } from '../common/content/piece-roots.ts';
import type { CatalogueEntry } from '../common/wire/catalogue-entry.ts';
import { nothingFound, type TrackerAnswer } from './catalogue-choice.ts';
import type { Wanted } from './recognise.ts';
import { chooseByName, readWhat } from './what.ts';

/** What is to be downloaded, and where peers for it may be found. */
export interface Subject {
  readonly wanted: Wanted;
  readonly wireHash: WireHash;
  /** A .torrent file brings the info dictionary, and often the piece layers. */
  readonly known?: { readonly info: Info; readonly layers: PieceLayers };
  readonly trackers: readonly TrackerAddress[];
  readonly endpoints: readonly Endpoint[];
  /** URLs that the link or the file names; not judged. */
  readonly webSeeds: readonly string[];
}

export interface SubjectSources {
  /** Those of the command line. */
  readonly trackers: readonly TrackerAddress[];
  /** The bytes of a .torrent file. Rejects with FILE_ACCESS. */
  readonly readTorrent: (path: string) => Promise<Uint8Array>;
  readonly askCatalogues: (
    trackers: readonly TrackerAddress[],
    query: string | undefined,
  ) => Promise<{ readonly entries: readonly CatalogueEntry[]; readonly trackers: readonly TrackerAnswer[] }>;
  /** Has the user choose one of several. Rejects with USAGE where there is no user, or none was chosen. */
  readonly pick: (choices: readonly CatalogueEntry[]) => Promise<CatalogueEntry>;
}

const DEFAULT_TRACKER = parseTrackerUrl('udp://127.0.0.1:6969')!;

export const trackersOrDefault = (trackers: readonly TrackerAddress[]): readonly TrackerAddress[] =>
  trackers.length > 0 ? trackers : [DEFAULT_TRACKER];

/**
 * Rejects with TORRENT_UNREADABLE, FILE_ACCESS, METADATA_INVALID, CONTENT_UNKNOWN, NETWORK, NAME_UNRESOLVED or, when
 * several things match, USAGE.
 */
export async function findSubject(text: string | undefined, sources: SubjectSources): Promise<Subject> {
  const what = readWhat(text);
  switch (what.kind) {
    case 'magnet':
      return ofMagnet(what.link, sources);
    case 'torrent-file':
      return ofTorrentFile(what.path, sources);
    case 'v2-hash':
      return ofHash({ infoHashV2: what.infoHash }, wireHashOf(what.infoHash), sources);
    case 'wire-hash':
      return ofHash({ wireHash: what.wireHash }, what.wireHash, sources);
    case 'name':
      return ofName(what.name, sources);
    case 'anything':
      return ofName(undefined, sources);
  }
}

const ofHash = (wanted: Wanted, wireHash: WireHash, sources: SubjectSources): Subject => ({
  wanted,
  wireHash,
  trackers: trackersOrDefault(sources.trackers),
  endpoints: [],
  webSeeds: [],
});

function ofMagnet(link: string, sources: SubjectSources): Subject {
  const parsed = parseMagnet(link);
  if (!parsed.ok) throw new ShoalError('TORRENT_UNREADABLE', `the magnet link cannot be used: ${parsed.reason}`);
  const { infoHashV2, infoHashV1, trackers, peers, webSeeds } = parsed.value;
  const wireHash = wireHashOf((infoHashV2 ?? infoHashV1)!);
  return {
    wanted: wantedOf({ infoHashV2, infoHashV1 }),
    wireHash,
    trackers: merge(sources.trackers, trackers),
    endpoints: peers,
    webSeeds,
  };
}

async function ofTorrentFile(path: string, sources: SubjectSources): Promise<Subject> {
  const parsed = parseTorrent(await sources.readTorrent(path));
  if (!parsed.ok) throw new ShoalError('TORRENT_UNREADABLE', `${path} cannot be used: ${parsed.reason}`);
  const { info, pieceLayers, trackerTiers, webSeeds } = parsed.value;
  return {
    wanted: wantedOf(info),
    wireHash: wireHashOf((info.infoHashV2 ?? info.infoHashV1)!),
    known: { info, layers: pieceLayers ?? new Map() },
    trackers: merge(sources.trackers, trackerTiers.flat()),
    endpoints: [],
    webSeeds,
  };
}

/** Asks the catalogues; of several the user picks one. */
async function ofName(name: string | undefined, sources: SubjectSources): Promise<Subject> {
  const found = await sources.askCatalogues(trackersOrDefault(sources.trackers), name);
  const choices = chooseByName(found.entries, name);
  if (choices.length === 0) throw nothingFound(name, found.trackers);
  const entry = choices.length === 1 ? choices[0]! : await sources.pick(choices);
  return ofHash(wantedOf(entry), wireHashOf((entry.infoHashV2 ?? entry.infoHashV1)!), sources);
}

/** Of a hybrid both hashes must hold. */
const wantedOf = (known: {
  readonly infoHashV2?: InfoHashV2 | undefined;
  readonly infoHashV1?: InfoHashV1 | undefined;
}): Wanted => ({
  ...(known.infoHashV2 === undefined ? {} : { infoHashV2: known.infoHashV2 }),
  ...(known.infoHashV1 === undefined ? {} : { infoHashV1: known.infoHashV1 }),
});

/** Those of the command line and those of the link, each once. */
function merge(named: readonly TrackerAddress[], urls: readonly string[]): readonly TrackerAddress[] {
  const all = [...named, ...urls.flatMap((url) => outsideTracker(url) ?? [])];
  return trackersOrDefault(all.filter((tracker, i) => all.findIndex((other) => other.url === tracker.url) === i));
}
