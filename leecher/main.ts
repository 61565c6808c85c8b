/** `node leecher.js`: finds out what is wanted, downloads it, reports, and ends with an exit code that says how. */
import { Announcer } from '../common/announce/announcer.ts';
import { CatalogueClient, type CatalogueReply } from '../common/announce/catalogue-client.ts';
import { Nearby } from '../common/announce/nearby.ts';
import { parseTrackerUrl, TRACKER_URL_HINT, type TrackerAddress } from '../common/announce/tracker-address.ts';
import { concatBytes, utf8 } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { after, type PeerId } from '../common/base/ids.ts';
import { DEFAULT_UPLOAD_SLOTS, MAX_CATALOGUE_QUERY_BYTES, MAX_TORRENT_BYTES } from '../common/base/limits.ts';
import { PEER_ID_PREFIX } from '../common/base/product.ts';
import { webSeedUrl } from '../common/content/urls.ts';
import { HostClock } from '../common/host/clock.ts';
import { runCommand, type CommandHost } from '../common/host/command.ts';
import { realDisk } from '../common/host/disk.ts';
import { HashPool, hashThreadCount } from '../common/host/hasher.ts';
import { HostHttpClient } from '../common/host/http-client.ts';
import { CountingMeter } from '../common/host/metrics.ts';
import { HostMulticast } from '../common/host/multicast.ts';
import { defineCommand, type OptionsOf } from '../common/host/option-spec.ts';
import { realProcessTable } from '../common/host/process-table.ts';
import { Progress, PROGRESS_CHOICES, progressMode } from '../common/host/progress.ts';
import { progressRecord, type ProgressSample } from '../common/host/progress-text.ts';
import { HostRandom } from '../common/host/random.ts';
import { HostRangeClient } from '../common/host/range-client.ts';
import { readWholeFile } from '../common/host/replace-file.ts';
import { HostResolver } from '../common/host/resolver.ts';
import { HostTargetFiles } from '../common/host/target-files.ts';
import { HostDialer } from '../common/host/tcp-dialer.ts';
import { HostListenerBinder } from '../common/host/tcp-listener.ts';
import { HostUdpBinder } from '../common/host/udp.ts';
import { wireNamesOf } from '../common/peer/wire-names.ts';
import { entryLines, entryObject, nothingFound } from './catalogue-choice.ts';
import { Leech } from './leech.ts';
import { parsePeer, PEER_HINT, typedPeers } from './peer-option.ts';
import { pick } from './pick.ts';
import { recognise } from './recognise.ts';
import { findSubject, trackersOrDefault, type Subject } from './subject.ts';
import { Target } from './target.ts';
import { Teller } from './teller.ts';
import { TrackerNews } from './tracker-news.ts';
import { webSourcesOf, type WebSource } from './web-url.ts';
import { chooseByName } from './what.ts';

const command = defineCommand({
  name: 'shoal-leecher',
  summary: 'Downloads from many seeders at once, and writes nothing that is not verified.',
  usage:
    '[WHAT] [-t URL]... [-o PATH] [--min-seeders 3] [--wait 30] [--timeout 90] [--files GLOB]... [--list] [--force] [--json]',
  examples: [
    ['node leecher.js', 'get the one thing that the tracker on this machine has'],
    ['node leecher.js image.iso -o /srv/images/', 'get image.iso into a directory'],
    ["node leecher.js 'magnet:?xt=urn:btmh:1220…'", 'get what a magnet link stands for'],
    ['node leecher.js --list', 'see what there is'],
  ],
  positional: {
    name: 'what',
    describe: 'a name, an info hash, a magnet link or a .torrent file; without it: what there is',
  },
  logLevel: 'warn',
  options: {
    tracker: {
      kind: 'text',
      alias: 't',
      many: true,
      valueName: 'URL',
      describe: 'tracker to ask; may be repeated, all are used (default udp://127.0.0.1:6969, or those of the link)',
      check: (value) => (parseTrackerUrl(value) === undefined ? TRACKER_URL_HINT : undefined),
    },
    peer: {
      kind: 'text',
      many: true,
      valueName: 'HOST:PORT',
      describe: 'a peer to ask, beside those that trackers name; may be repeated',
      check: (value) => (parsePeer(value) === undefined ? PEER_HINT : undefined),
    },
    lsd: { kind: 'flag', describe: 'look for peers on the local network too (BEP 14)' },
    output: { kind: 'text', alias: 'o', valueName: 'PATH', describe: 'file to write, or an existing directory' },
    files: {
      kind: 'text',
      many: true,
      valueName: 'GLOB',
      describe: "take only the files that match, such as '*.txt' or 'docs/**'; may be repeated",
    },
    minSeeders: {
      kind: 'integer',
      min: 1,
      default: 3,
      valueName: 'N',
      describe: 'begin when so many sources with needed chunks are connected',
    },
    wait: { kind: 'seconds', min: 0, default: 30, valueName: 'SECONDS', describe: 'how long to wait for them' },
    timeout: {
      kind: 'seconds',
      min: 1,
      default: 90,
      valueName: 'SECONDS',
      describe: 'give up after so long without progress',
    },
    port: {
      kind: 'integer',
      alias: 'p',
      min: 0,
      max: 65_535,
      default: 0,
      valueName: 'PORT',
      describe: 'TCP port to serve others on; 0 takes any free one',
    },
    host: { kind: 'text', default: '0.0.0.0', valueName: 'ADDR', describe: 'address to listen on and to connect from' },
    webseed: {
      kind: 'text',
      many: true,
      valueName: 'URL',
      describe: 'web server that has the content too; ends in / when the name is to be added; may be repeated',
      check: (value) => (webSeedUrl(value) === undefined ? 'an address such as http://HOST/PATH' : undefined),
    },
    allowLocalUrls: {
      kind: 'flag',
      describe: 'use web seeds that a link names on this machine or link; those of --webseed are always used',
    },
    list: { kind: 'flag', describe: 'print what the trackers have, and end' },
    force: { kind: 'flag', describe: 'replace an existing file that is not this content' },
    json: { kind: 'flag', describe: 'one JSON object per event on standard output' },
    progress: {
      kind: 'choice',
      choices: PROGRESS_CHOICES,
      default: 'auto',
      describe: 'how progress is shown on standard error',
    },
  },
});

type Options = OptionsOf<typeof command>;

/** Everything of the machine that a leecher needs, built once. */
interface Machine {
  readonly clock: HostClock;
  readonly random: HostRandom;
  readonly meter: CountingMeter;
  readonly udp: HostUdpBinder;
  readonly http: HostHttpClient;
  readonly resolver: HostResolver;
  readonly localHost: string | undefined;
}

async function main(options: Options, host: CommandHost): Promise<number> {
  const meter = new CountingMeter();
  const localHost = options.host === '0.0.0.0' || options.host === '::' ? undefined : options.host;
  const machine: Machine = {
    clock: new HostClock(),
    random: new HostRandom(),
    meter,
    udp: new HostUdpBinder({ meter }),
    http: new HostHttpClient({ localHost }),
    resolver: new HostResolver(),
    localHost,
  };
  const trackers = options.tracker.map((url) => parseTrackerUrl(url)!);
  if (options.list) return unlessStopped(list(options, host, machine, trackersOrDefault(trackers)), host);
  const finding = findSubject(options.what, {
    trackers,
    readTorrent,
    askCatalogues: (asked, query) => askCatalogues(machine, asked, query),
    pick: (choices) => pick(choices, host),
  });
  const subject = await unlessStopped(finding, host);
  return download(subject, options, host, machine);
}

async function readTorrent(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readWholeFile(realDisk, path, MAX_TORRENT_BYTES);
  } catch (error) {
    throw new ShoalError(
      'FILE_ACCESS',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (bytes !== undefined) return bytes;
  if ((await realDisk.status(path))?.isFile === true) {
    throw new ShoalError('TORRENT_UNREADABLE', `${path} cannot be used: it is longer than allowed`);
  }
  throw new ShoalError('FILE_ACCESS', `there is no ${path} that could be a .torrent file`);
}

async function askCatalogues(
  machine: Machine,
  trackers: readonly TrackerAddress[],
  query: string | undefined,
): Promise<CatalogueReply> {
  const client = new CatalogueClient({ ...machine, trackers });
  try {
    // A longer name than a query may be is looked for among everything.
    const isShort = query !== undefined && utf8(query).length <= MAX_CATALOGUE_QUERY_BYTES;
    return await client.list(isShort ? { query } : {});
  } finally {
    await client.close();
  }
}

/** Trackers that do not answer are waited for, but not by a user who has had enough. */
const unlessStopped = <T>(asking: Promise<T>, host: CommandHost): Promise<T> =>
  Promise.race([
    asking,
    host.stopRequested.then((signal) => {
      throw new ShoalError('INTERRUPTED', `stopped by ${signal} before there was anything to download`);
    }),
  ]);

async function list(
  options: Options,
  host: CommandHost,
  machine: Machine,
  trackers: readonly TrackerAddress[],
): Promise<number> {
  const found = await askCatalogues(machine, trackers, options.what);
  const entries = chooseByName(found.entries, options.what);
  if (entries.length === 0) throw nothingFound(options.what, found.trackers);
  if (options.json) for (const entry of entries) host.out(JSON.stringify(entryObject(entry)));
  else for (const line of entryLines(entries)) host.out(line);
  return 0;
}

async function download(subject: Subject, options: Options, host: CommandHost, machine: Machine): Promise<number> {
  const { clock } = machine;
  const startedAt = clock.now();
  const hasher = new HashPool({ threads: hashThreadCount() });
  const teller = new Teller({
    log: host.log.child('leecher'),
    err: (line) => {
      host.err(line);
    },
    out: (line) => {
      host.out(line);
    },
    json: options.json,
    isQuiet: host.verbosity < 0,
  });
  const { leech, nearby, checkedBytes } = await build({ subject, options, host, machine, hasher, teller });
  const show = showProgress({ leech, checkedBytes, teller, options, host, clock });
  void host.stopRequested.then((signal) => {
    leech.download.stop('INTERRUPTED', `stopped by ${signal}; what is verified is kept, the same command goes on`);
  });
  const secondsSince = (): number => Math.round(clock.now() - startedAt) / 1000;
  try {
    const result = await leech.run();
    show.end();
    const sources = leech.download.report();
    teller.done(result, { seconds: secondsSince(), fetchedBytes: leech.downloadedBytes, sources });
    return 0;
  } catch (error) {
    show.end();
    const sources = leech.download.report();
    teller.report(sources);
    const code = error instanceof ShoalError ? error.code : 'UNEXPECTED';
    const message = error instanceof Error ? error.message : String(error);
    teller.failed({ code, message, seconds: secondsSince(), sources });
    throw error;
  } finally {
    await Promise.all([leech.stop(), nearby.close()]);
    await hasher.close();
  }
}

async function build(parts: {
  readonly subject: Subject;
  readonly options: Options;
  readonly host: CommandHost;
  readonly machine: Machine;
  readonly hasher: HashPool;
  readonly teller: Teller;
}): Promise<{ readonly leech: Leech; readonly nearby: Nearby; readonly checkedBytes: () => number }> {
  const { subject, options, host, machine, hasher, teller } = parts;
  const { random, localHost } = machine;
  let checkedBytes = 0;
  const target = makeTarget(options, host, machine, hasher, (bytes) => {
    checkedBytes += bytes;
  });
  const news = new TrackerNews(subject.trackers);
  const listener = await new HostListenerBinder().listen({ host: options.host, port: options.port });
  const leech = new Leech({
    ...machine,
    hasher,
    target,
    log: host.log.child('peers'),
    listener,
    dialer: new HostDialer({ localHost }),
    peerId: concatBytes([utf8(PEER_ID_PREFIX), random.bytes(20 - PEER_ID_PREFIX.length)]) as PeerId,
    names: wireNamesOf(subject.wanted),
    endpoints: [...(await typedPeers(options.peer ?? [], machine.resolver)), ...subject.endpoints],
    webSources: webSources(subject, options),
    webClient: new HostRangeClient({ localHost }),
    recognise: (bytes) => recognise(bytes, subject.wanted),
    ...(subject.known === undefined ? {} : { known: subject.known }),
    fileGlobs: options.files ?? [],
    minSeeders: options.minSeeders,
    waitMs: options.wait * 1000,
    timeoutMs: options.timeout * 1000,
    uploadSlots: DEFAULT_UPLOAD_SLOTS,
    events: teller,
    nobody: () => news.whyNobody(),
    presence: (facts) =>
      new Announcer({
        ...facts,
        ...machine,
        log: host.log.child('announce'),
        trackers: subject.trackers,
        onTracker: (state) => {
          news.take(state);
        },
      }),
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
  return { leech, nearby, checkedBytes: () => checkedBytes };
}

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

/** Progress for people on standard error and, with --json, for programs on standard output. */
function showProgress(parts: {
  readonly leech: Leech;
  readonly checkedBytes: () => number;
  readonly teller: Teller;
  readonly options: Options;
  readonly host: CommandHost;
  readonly clock: HostClock;
}): { end(): void } {
  const { leech, checkedBytes, teller, options, host, clock } = parts;
  const sample = (): ProgressSample => progressSample(leech, checkedBytes());
  const progress = new Progress({ screen: host.screen, clock, mode: progressMode(options.progress, host), sample });
  progress.start();
  let cancel = (): void => undefined;
  const tell = (): void => {
    teller.progress(progressRecord(sample(), progress.bytesPerSecond));
    cancel = clock.at(after(clock.now(), JSON_PROGRESS_INTERVAL_MS), tell);
  };
  if (options.json) tell();
  return {
    end: () => {
      cancel();
      progress.stop();
    },
  };
}

const JSON_PROGRESS_INTERVAL_MS = 1_000;

function progressSample(leech: Leech, checkedBytes: number): ProgressSample {
  const current = leech.download;
  const totalBytes = current.wantedBytes;
  if (totalBytes === undefined) return { label: 'asking peers what it is', sources: current.peerCount };
  if (current.stage === 'checking') {
    return { label: 'checking', amount: { doneBytes: checkedBytes, totalBytes, movedBytes: checkedBytes } };
  }
  const doneBytes = current.verifiedBytes;
  const amount = { doneBytes, totalBytes, movedBytes: leech.downloadedBytes };
  return current.isDone ? { amount } : { amount, sources: current.sourceCount };
}

await runCommand(command, main);
