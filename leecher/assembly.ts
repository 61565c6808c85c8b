/** Puts a leecher together from the real machine and what the user asked for. */
import { Announcer } from '../common/announce/announcer.ts';
import { catalogueItem } from '../common/announce/catalogue-item.ts';
import { Nearby } from '../common/announce/nearby.ts';
import { parseTrackerUrl } from '../common/announce/tracker-address.ts';
import { concatBytes, utf8 } from '../common/base/bytes.ts';
import type { PeerId } from '../common/base/ids.ts';
import { PEER_ID_PREFIX } from '../common/base/product.ts';
import type { HostClock } from '../common/host/clock.ts';
import type { CommandHost } from '../common/host/command.ts';
import { realDisk } from '../common/host/disk.ts';
import type { HashPool } from '../common/host/hasher.ts';
import type { HostHttpClient } from '../common/host/http-client.ts';
import type { CountingMeter } from '../common/host/metrics.ts';
import { HostMulticast } from '../common/host/multicast.ts';
import { realProcessTable } from '../common/host/process-table.ts';
import type { HostRandom } from '../common/host/random.ts';
import { HostRangeClient } from '../common/host/range-client.ts';
import type { HostResolver } from '../common/host/resolver.ts';
import { rateLimitsOf } from '../common/host/serving-options.ts';
import { HostTargetFiles } from '../common/host/target-files.ts';
import { HostDialer } from '../common/host/tcp-dialer.ts';
import { HostListenerBinder } from '../common/host/tcp-listener.ts';
import type { HostUdpBinder } from '../common/host/udp.ts';
import { Bandwidth } from '../common/peer/bandwidth.ts';
import { chokeTerms } from '../common/peer/choke-terms.ts';
import type { PresenceFacts } from '../common/peer/presence.ts';
import { wireNamesOf } from '../common/peer/wire-names.ts';
import type { Options } from './command.ts';
import { Leech } from './leech.ts';
import { typedPeers } from './peer-option.ts';
import { recognise } from './recognise.ts';
import type { Subject } from './subject.ts';
import { Target } from './target.ts';
import type { Teller } from './teller.ts';
import { TrackerNews } from './tracker-news.ts';
import { webSourcesOf, type WebSource } from './web-url.ts';

/** Everything of the machine that a leecher needs, built once. */
export interface Machine {
  readonly clock: HostClock;
  readonly random: HostRandom;
  readonly meter: CountingMeter;
  readonly udp: HostUdpBinder;
  readonly http: HostHttpClient;
  readonly resolver: HostResolver;
  readonly localHost: string | undefined;
}

/** What `build` needs. */
export interface Parts {
  readonly subject: Subject;
  readonly options: Options;
  readonly host: CommandHost;
  readonly machine: Machine;
  readonly hasher: HashPool;
  readonly teller: Teller;
}

export interface Assembly {
  readonly leech: Leech;
  readonly nearby: Nearby;
  /** Of files that were there already. */
  readonly checkedBytes: () => number;
  /** Has the trackers' catalogues list what was downloaded, which is served from now on. */
  readonly publish: () => void;
}

export async function assemble(parts: Parts): Promise<Assembly> {
  const { subject, options, host, machine, hasher, teller } = parts;
  const { random, localHost } = machine;
  let checkedBytes = 0;
  /** BOUNDED: by the names of a torrent, two. */
  const announcers: Announcer[] = [];
  const target = makeTarget(options, host, machine, hasher, (bytes) => {
    checkedBytes += bytes;
  });
  const news = new TrackerNews(subject.trackers);
  const listener = await new HostListenerBinder().listen({ host: options.host, port: options.port });
  const bandwidth = new Bandwidth({ clock: machine.clock, ...rateLimitsOf(options) });
  const leech = new Leech({
    ...machine,
    hasher,
    target,
    log: host.log.child('peers'),
    listener: bandwidth.listener(listener),
    dialer: bandwidth.dialer(new HostDialer({ localHost })),
    peerId: concatBytes([utf8(PEER_ID_PREFIX), random.bytes(20 - PEER_ID_PREFIX.length)]) as PeerId,
    names: wireNamesOf(subject.wanted),
    endpoints: [...(await typedPeers(options.peer ?? [], machine.resolver)), ...subject.endpoints],
    webSources: webSources(subject, options),
    webClient: bandwidth.rangeClient(new HostRangeClient({ localHost })),
    recognise: (bytes) => recognise(bytes, subject.wanted),
    ...(subject.known === undefined ? {} : { known: subject.known }),
    fileGlobs: options.files ?? [],
    minSeeders: options.minSeeders,
    waitMs: options.wait * 1000,
    timeoutMs: options.timeout * 1000,
    choking: chokeTerms(options),
    maxConnections: options.maxConnections,
    events: teller,
    nobody: () => news.whyNobody(),
    presence: (facts) => {
      const announcer = announcerOf(facts, parts, news);
      announcers.push(announcer);
      return announcer;
    },
  });
  const nearby = await Nearby.open({
    ...machine,
    multicast: options.lsd ? new HostMulticast({ host: options.host, meter: machine.meter }) : undefined,
    local: listener.local,
    log: host.log.child('nearby'),
    wireHashes: () => leech.openNames,
    onPeers: (endpoints) => {
      leech.meet(endpoints);
    },
  });
  const publish = (): void => {
    const { info } = leech.download;
    if (info !== undefined) for (const announcer of announcers) announcer.publish(catalogueItem(info));
  };
  return { leech, nearby, checkedBytes: () => checkedBytes, publish };
}

const announcerOf = (facts: PresenceFacts, { subject, host, machine }: Parts, news: TrackerNews): Announcer =>
  new Announcer({
    ...facts,
    ...machine,
    log: host.log.child('announce'),
    trackers: subject.trackers,
    onTracker: (state) => {
      news.take(state);
    },
  });

/** Web servers that have it: those that the user typed, and those that the link names and may. */
const webSources = (subject: Subject, options: Options): readonly WebSource[] =>
  webSourcesOf({
    typed: options.webseed,
    linked: subject.webSeeds,
    trackerHosts: options.tracker.flatMap((url) => parseTrackerUrl(url)?.host ?? []),
    allowLocal: options.allowLocalUrls,
  });

function makeTarget(
  options: Options,
  host: CommandHost,
  machine: Machine,
  hasher: HashPool,
  onChecked: (bytes: number) => void,
): Target {
  const { clock } = machine;
  const stop = new AbortController();
  void host.stopRequested.then(() => {
    stop.abort();
  });
  const files = new HostTargetFiles({
    disk: realDisk,
    clock,
    processes: realProcessTable(),
    hasher,
    output: options.output,
    stop: stop.signal,
  });
  return new Target({ files, clock, log: host.log.child('target'), force: options.force, onChecked });
}
