/** `node seeder.js`: describes a file, serves its chunks, announces them, until it is told to stop. */
import { Announcer } from '../common/announce/announcer.ts';
import { catalogueItem } from '../common/announce/catalogue-item.ts';
import { Nearby } from '../common/announce/nearby.ts';
import { outsideTracker, parseTrackerUrl } from '../common/announce/tracker-address.ts';
import { Bitfield } from '../common/base/bitfield.ts';
import { concatBytes, utf8 } from '../common/base/bytes.ts';
import { messageOf, ShoalError } from '../common/base/errors.ts';
import { formatBytes } from '../common/base/format.ts';
import type { PeerId } from '../common/base/ids.ts';
import { MAX_TORRENT_BYTES } from '../common/base/limits.ts';
import { StoreError } from '../common/base/ports.ts';
import { CLIENT_NAME, PEER_ID_PREFIX } from '../common/base/product.ts';
import type { Info } from '../common/content/info.ts';
import { makeTorrent, parseTorrent, type Metainfo } from '../common/content/metainfo.ts';
import { safeName } from '../common/content/names.ts';
import { HostClock } from '../common/host/clock.ts';
import { runCommand, type CommandHost } from '../common/host/command.ts';
import { realDisk } from '../common/host/disk.ts';
import { HashPool, hashThreadCount } from '../common/host/hasher.ts';
import { HostHttpClient } from '../common/host/http-client.ts';
import { compileLate } from '../common/host/late-compiler.ts';
import { CountingMeter } from '../common/host/metrics.ts';
import { HostMulticast } from '../common/host/multicast.ts';
import { cacheDirectory } from '../common/host/paths.ts';
import { HostRandom } from '../common/host/random.ts';
import { HostResolver } from '../common/host/resolver.ts';
import { readWholeFile, replaceFile } from '../common/host/replace-file.ts';
import { rateLimitsOf } from '../common/host/serving-options.ts';
import { RootCache } from '../common/host/root-cache.ts';
import { digestSources } from '../common/host/source-digests.ts';
import { findSources, listSources } from '../common/host/source-list.ts';
import { SourceStore, SourceTree, type SharedFile } from '../common/host/source-tree.ts';
import { HostDialer } from '../common/host/tcp-dialer.ts';
import { HostListenerBinder } from '../common/host/tcp-listener.ts';
import { HostUdpBinder } from '../common/host/udp.ts';
import { wallNowMs } from '../common/host/wall-clock.ts';
import { Bandwidth } from '../common/peer/bandwidth.ts';
import { chokeTerms } from '../common/peer/choke-terms.ts';
import type { PresenceFacts } from '../common/peer/presence.ts';
import { parseAssignment } from './assignment.ts';
import { cut, cutOf, describe, recognised, type Cut, type Description, type Digests } from './description.ts';
import { factLines } from './facts.ts';
import { command, type Options } from './command.ts';
import { Share } from './share.ts';

async function main(options: Options, host: CommandHost): Promise<number> {
  const clock = new HostClock();
  const random = new HostRandom();
  const meter = new CountingMeter();
  const listener = await new HostListenerBinder().listen({ host: options.host, port: options.port });
  const localHost = isAny(options.host) ? undefined : options.host;
  const hasher = new HashPool({ threads: hashThreadCount() });
  let nearby: Nearby | undefined;
  try {
    const prepared = await storeTold(() => prepare({ options, host, clock, hasher }));
    const { description, tree, held, trackers } = prepared;
    const { info } = description;
    if (options.saveTorrent !== undefined) await saveTorrent(options.saveTorrent, prepared, options.webseed);
    const bandwidth = new Bandwidth({ clock, ...rateLimitsOf(options) });
    const share = new Share({
      clock,
      random,
      hasher,
      log: host.log.child('seeder'),
      meter,
      dialer: bandwidth.dialer(new HostDialer({ localHost })),
      listener: bandwidth.listener(listener),
      peerId: concatBytes([utf8(PEER_ID_PREFIX), random.bytes(20 - PEER_ID_PREFIX.length)]) as PeerId,
      ...description,
      store: new SourceStore({ files: tree, pieces: info.geometry }),
      held,
      isOnlySource: options.webseed.length === 0 && !prepared.hasWebSeeds,
      choking: chokeTerms(options),
      maxConnections: options.maxConnections,
      check: () => tree.check(),
      presence: (facts) =>
        present({ facts, info, trackers, typed: options.tracker, localHost, host, clock, random, meter }),
    });
    nearby = await Nearby.open({
      clock,
      random,
      udp: new HostUdpBinder({ meter }),
      multicast: options.lsd ? new HostMulticast({ host: options.host, meter }) : undefined,
      local: listener.local,
      log: host.log.child('nearby'),
      meter,
      wireHashes: () => share.openNames,
      onPeers: (endpoints) => {
        share.meet(endpoints);
      },
    });
    const { advertise, webseed } = options;
    const facts = { info, held, local: listener.local, advertise, trackers, webSeeds: webseed };
    compileLate();
    for (const line of factLines(facts)) host.out(line);
    return await serve(share, host);
  } finally {
    await nearby?.close();
    await hasher.close();
  }
}

/** Announced to all trackers, with an entry in their catalogues. */
function present(parts: {
  readonly facts: PresenceFacts;
  readonly info: Info;
  readonly trackers: readonly string[];
  /** Those of the command line; the others are of a .torrent file, whose author need not be the user. */
  readonly typed: readonly string[] | undefined;
  readonly localHost: string | undefined;
  readonly host: CommandHost;
  readonly clock: HostClock;
  readonly random: HostRandom;
  readonly meter: CountingMeter;
}): Announcer {
  const { facts, info, trackers, typed = [], localHost, host, clock, random, meter } = parts;
  const announcer = new Announcer({
    ...facts,
    clock,
    random,
    udp: new HostUdpBinder({ meter }),
    http: new HostHttpClient({ localHost }),
    resolver: new HostResolver(),
    log: host.log.child('announce'),
    trackers: trackers.map((url) => (typed.includes(url) ? parseTrackerUrl(url) : outsideTracker(url))!),
    localHost,
  });
  announcer.publish(catalogueItem(info));
  return announcer;
}

/** Until a signal, or until a file is no longer what it was. */
async function serve(share: Share, host: CommandHost): Promise<number> {
  try {
    const signal = await Promise.race([host.stopRequested, share.failed, share.start().then(() => host.stopRequested)]);
    host.log.info('stopping', { signal, sent: formatBytes(share.uploadedBytes) });
    return 0;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new ShoalError(
      error.failure === 'changed' ? 'FILE_CHANGED' : 'FILE_ACCESS',
      `${error.message}; nothing of it is served any more: start the seeder again to share the file as it is now`,
      { cause: error },
    );
  } finally {
    await share.stop();
  }
}

function heldOf(spec: string | undefined, pieceCount: number): Bitfield {
  if (spec === undefined) return Bitfield.full(pieceCount);
  const parsed = parseAssignment(spec, pieceCount);
  if (!parsed.ok) throw new ShoalError('USAGE', `--chunks ${spec}: ${parsed.reason}`);
  return parsed.value;
}

interface Work {
  readonly options: Options;
  readonly host: CommandHost;
  readonly clock: HostClock;
  readonly hasher: HashPool;
}

/** What is served, and from where. */
interface Prepared {
  readonly description: Description;
  readonly tree: SourceTree;
  readonly held: Bitfield;
  /** URLs, at least one. */
  readonly trackers: readonly string[];
  /** Of a torrent that names some. */
  readonly hasWebSeeds: boolean;
}

const prepare = (work: Work): Promise<Prepared> =>
  work.options.torrent === undefined ? prepareNew(work) : prepareExisting(work, work.options.torrent);

/** Content that has no torrent yet. */
async function prepareNew(work: Work): Promise<Prepared> {
  const { options, host } = work;
  const log = host.log.child('seeder');
  const onSkipped = (path: string): void => {
    log.warn('left out: it is neither a file nor a directory', { path });
  };
  const list = await listSources(options.file, { disk: realDisk, onSkipped });
  const name = options.name ?? list.name;
  if (name === '') throw new ShoalError('USAGE', 'the paths have no directory in common that has a name: give --name');
  const { format, chunkSize: pieceBytes } = options;
  const shared = { format, name: safeName(utf8(name)), isDirectory: list.isDirectory, pieceBytes };
  const parts = list.files.map((file) => ({
    ...file,
    path: list.isDirectory ? file.components : [shared.name],
    source: file.path,
    lengthBytes: file.identity.sizeBytes,
  }));
  if (parts.every((part) => part.lengthBytes === 0)) {
    throw new ShoalError('FILE_ACCESS', `${options.file.join(', ')} is empty: there is nothing to share`);
  }
  const content = cut(shared, parts);
  const held = heldOf(options.chunks, content.geometry.pieceCount);
  const files = content.parts.map((part) => ({ path: part.source, identity: part.identity }));
  const { tree, digests } = await digest(work, content, files);
  const trackers = trackersOf(options.tracker ?? []);
  return { description: describe(shared, content.geometry, digests), tree, held, trackers, hasWebSeeds: false };
}

const DEFAULT_TRACKER = 'udp://127.0.0.1:6969';

/** Those that can be used, each once; the one on this machine when there are none. */
function trackersOf(urls: readonly string[]): readonly string[] {
  const usable = new Set(urls.filter((url) => parseTrackerUrl(url) !== undefined));
  return usable.size > 0 ? [...usable] : [DEFAULT_TRACKER];
}

/** Content of a torrent, which must be what the torrent says. */
async function prepareExisting(work: Work, torrent: string): Promise<Prepared> {
  const { options } = work;
  const metainfo = await readTorrent(torrent);
  const { info } = metainfo;
  const [data] = options.file;
  if (options.file.length !== 1) throw new ShoalError('USAGE', '--torrent takes exactly one -f: the file or directory');
  const held = heldOf(options.chunks, info.geometry.pieceCount);
  const { isDirectory, geometry } = info;
  const files = await findSources({ top: data!, isDirectory, files: geometry.files, disk: realDisk });
  const { tree, digests } = await digest(work, cutOf(info), files);
  const trackers = trackersOf([...(options.tracker ?? []), ...metainfo.trackerTiers.flat()]);
  return {
    description: recognised(metainfo, digests, held),
    tree,
    held,
    trackers,
    hasWebSeeds: metainfo.webSeeds.length > 0,
  };
}

async function digest(
  work: Work,
  content: Cut,
  files: readonly (SharedFile | undefined)[],
): Promise<{ readonly tree: SourceTree; readonly digests: Digests }> {
  const { host, clock, hasher } = work;
  const stop = new AbortController();
  void host.stopRequested.then(() => {
    stop.abort();
  });
  const directory = cacheDirectory(host.env);
  const cache = new RootCache({ directory, disk: realDisk, log: host.log.child('cache'), wallMs: wallNowMs });
  const tree = new SourceTree({ files, disk: realDisk, clock });
  return { tree, digests: await digestSources({ content, tree, files, hasher, cache, stop: stop.signal }) };
}

async function readTorrent(path: string): Promise<Metainfo> {
  const bytes = await readWholeFile(realDisk, path, MAX_TORRENT_BYTES).catch((error: unknown) => {
    throw new ShoalError('FILE_ACCESS', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  });
  if (bytes === undefined) throw new ShoalError('FILE_ACCESS', `there is no ${path} that could be a .torrent file`);
  const parsed = parseTorrent(bytes);
  if (parsed.ok) return parsed.value;
  throw new ShoalError('TORRENT_UNREADABLE', `${path} cannot be used: ${parsed.reason}`);
}

/** Each tracker is a tier of its own: all are to be used. */
async function saveTorrent(path: string, prepared: Prepared, webSeeds: readonly string[] | undefined): Promise<void> {
  const { info, layers } = prepared.description;
  const bytes = makeTorrent({
    infoBytes: info.infoBytes,
    ...(info.kind === 'v1' ? {} : { pieceLayers: layers }),
    trackerTiers: prepared.trackers.map((url) => [url]),
    ...(webSeeds === undefined ? {} : { webSeeds }),
    createdBy: CLIENT_NAME,
  });
  try {
    await replaceFile({ disk: realDisk, path, temporaryPath: `${path}.new`, parts: [bytes] });
  } catch (error) {
    throw new ShoalError('FILE_ACCESS', `cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** What a file or its disk refused, before anything is served. */
async function storeTold<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new ShoalError(error.failure === 'changed' ? 'FILE_CHANGED' : 'FILE_ACCESS', error.message, { cause: error });
  }
}

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';

void runCommand(command, main);
