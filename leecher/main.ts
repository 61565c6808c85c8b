/** `node leecher.js`: finds out what is wanted, downloads it, reports, serves on if asked, and ends with an exit code that says how. */
import { parseTrackerUrl } from '../common/announce/tracker-address.ts';
import { ShoalError } from '../common/base/errors.ts';
import { StoreError } from '../common/base/ports.ts';
import { HostClock } from '../common/host/clock.ts';
import { runCommand, type CommandHost } from '../common/host/command.ts';
import { HashAllowance } from '../common/host/hash-allowance.ts';
import { HashPool, hashThreadCount } from '../common/host/hasher.ts';
import { HostHttpClient } from '../common/host/http-client.ts';
import { compileLate } from '../common/host/late-compiler.ts';
import { CountingMeter } from '../common/host/metrics.ts';
import { HostRandom } from '../common/host/random.ts';
import { HostResolver } from '../common/host/resolver.ts';
import { HostUdpBinder } from '../common/host/udp.ts';
import { assemble, type Assembly, type Machine } from './assembly.ts';
import { command, type Options, seedBoundsOf } from './command.ts';
import type { DownloadResult } from './download-options.ts';
import { askCatalogues, list, readTorrent } from './look-up.ts';
import { pick } from './pick.ts';
import { showProgress } from './progress-display.ts';
import type { SeedBounds } from './seed-goal.ts';
import { findSubject, trackersOrDefault, type Subject } from './subject.ts';
import { Teller } from './teller.ts';

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
    askCatalogues: (asked, query) => askCatalogues(machine, host, asked, query),
    pick: (choices) => pick(choices, host),
  });
  const subject = await unlessStopped(finding, host);
  return download(subject, options, host, machine);
}

/** Trackers that do not answer are waited for, but not by a user who has had enough. */
const unlessStopped = <T>(asking: Promise<T>, host: CommandHost): Promise<T> =>
  Promise.race([
    asking,
    host.stopRequested.then((signal) => {
      throw new ShoalError('INTERRUPTED', `stopped by ${signal} before there was anything to download`);
    }),
  ]);

async function download(subject: Subject, options: Options, host: CommandHost, machine: Machine): Promise<number> {
  const hasher = new HashPool({ threads: hashThreadCount(), allowance: new HashAllowance() });
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
  const assembly = await assemble({ subject, options, host, machine, hasher, teller });
  compileLate();
  const { leech, nearby } = assembly;
  try {
    const result = await toTheEnd(assembly, { teller, options, host, machine });
    const bounds = seedBoundsOf(options);
    const isReached = bounds === undefined || (await serveOn(assembly, bounds, { result, teller, host }));
    // Whoever asked for it to stop is not kept waiting.
    if (isReached) await Promise.race([leech.finishSending(), host.stopRequested]);
    return 0;
  } finally {
    await Promise.all([leech.stop(), nearby.close()]);
    await hasher.close();
  }
}

interface Surroundings {
  readonly teller: Teller;
  readonly options: Options;
  readonly host: CommandHost;
  readonly machine: Machine;
}

/** The download itself, with its progress and its report. */
async function toTheEnd(assembly: Assembly, { teller, options, host, machine }: Surroundings): Promise<DownloadResult> {
  const { leech, checkedBytes } = assembly;
  const { clock } = machine;
  const startedAt = clock.now();
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
    return result;
  } catch (error) {
    show.end();
    const sources = leech.download.report();
    teller.report(sources);
    const code = error instanceof ShoalError ? error.code : 'UNEXPECTED';
    const message = error instanceof Error ? error.message : String(error);
    teller.failed({ code, message, seconds: secondsSince(), sources });
    throw error;
  }
}

/** Until a bound is met, which is true, or a signal comes. */
async function serveOn(
  { leech, publish }: Assembly,
  bounds: SeedBounds,
  { result, teller, host }: Pick<Surroundings, 'teller' | 'host'> & { readonly result: DownloadResult },
): Promise<boolean> {
  teller.seeding(bounds);
  try {
    publish();
    const isReached = leech.seed(bounds).then(() => true);
    return await Promise.race([isReached, host.stopRequested.then(() => false)]);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new ShoalError(
      error.failure === 'changed' ? 'FILE_CHANGED' : 'FILE_ACCESS',
      `${error.message}; it was downloaded whole, and is not served any more`,
      { cause: error },
    );
  } finally {
    teller.seeded({ uploadedBytes: leech.uploadedBytes, sizeBytes: result.sizeBytes });
  }
}

void runCommand(command, main);
