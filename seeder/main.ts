/** `node seeder.js`: describes a file, serves its chunks, announces them, until it is told to stop. */
import { Announcer } from '../common/announce/announcer.ts';
import { parseTrackerUrl, TRACKER_URL_HINT } from '../common/announce/tracker-address.ts';
import { Bitfield } from '../common/base/bitfield.ts';
import { concatBytes, toHex, utf8 } from '../common/base/bytes.ts';
import { ShoalError } from '../common/base/errors.ts';
import { exactBytes, formatBytes } from '../common/base/format.ts';
import { endpointText, type Endpoint, type PeerId } from '../common/base/ids.ts';
import { DEFAULT_PIECE_BYTES, DEFAULT_UPLOAD_SLOTS, MAX_PIECE_BYTES, MIN_PIECE_BYTES } from '../common/base/limits.ts';
import { StoreError } from '../common/base/ports.ts';
import { PEER_ID_PREFIX } from '../common/base/product.ts';
import type { Geometry } from '../common/content/geometry.ts';
import type { Info } from '../common/content/info.ts';
import { formatMagnet } from '../common/content/magnet.ts';
import { safeName } from '../common/content/names.ts';
import type { CatalogueItem } from '../common/wire/catalogue-entry.ts';
import { HostClock } from '../common/host/clock.ts';
import { runCommand, type CommandHost } from '../common/host/command.ts';
import { realDisk } from '../common/host/disk.ts';
import { digestPieces, singleFile } from '../common/host/file-hashes.ts';
import { HashPool, hashThreadCount } from '../common/host/hasher.ts';
import { HostHttpClient } from '../common/host/http-client.ts';
import { CountingMeter } from '../common/host/metrics.ts';
import { defineCommand, type OptionsOf } from '../common/host/option-spec.ts';
import { cacheDirectory, fileNameOf } from '../common/host/paths.ts';
import { HostRandom } from '../common/host/random.ts';
import { HostResolver } from '../common/host/resolver.ts';
import { RootCache } from '../common/host/root-cache.ts';
import { SourceFile, SourceStore } from '../common/host/source-file.ts';
import { HostDialer } from '../common/host/tcp-dialer.ts';
import { HostListenerBinder } from '../common/host/tcp-listener.ts';
import { HostUdpBinder } from '../common/host/udp.ts';
import { wallNowMs } from '../common/host/wall-clock.ts';
import { UtpRefuser } from '../common/peer/utp-refuser.ts';
import { assignmentText, parseAssignment } from './assignment.ts';
import { cut, describe, type Description } from './description.ts';
import { Share } from './share.ts';

const command = defineCommand({
  name: 'shoal-seeder',
  summary: 'Serves the chunks of a file to whoever a tracker sends.',
  usage: '-f FILE [-p PORT] [-t URL]... [--chunks SPEC] [--chunk-size 512KiB] [--name NAME]',
  examples: [
    ['node seeder.js -f image.iso', 'share image.iso on port 7000 through the tracker on this machine'],
    ['node seeder.js -f image.iso -p 7001 --chunks 2/3', 'share the second third of its chunks'],
    ['node seeder.js -f image.iso -t udp://10.0.0.1:6969', 'announce to a tracker elsewhere'],
  ],
  options: {
    file: { kind: 'text', alias: 'f', required: true, valueName: 'FILE', describe: 'the file to share' },
    port: {
      kind: 'integer',
      alias: 'p',
      min: 0,
      max: 65_535,
      default: 7000,
      valueName: 'PORT',
      describe: 'TCP port; 0 takes any free one',
    },
    tracker: {
      kind: 'text',
      alias: 't',
      many: true,
      default: ['udp://127.0.0.1:6969'],
      valueName: 'URL',
      describe: 'tracker to announce to; may be repeated, all are used',
      check: (value) => (parseTrackerUrl(value) === undefined ? TRACKER_URL_HINT : undefined),
    },
    chunks: {
      kind: 'text',
      valueName: 'SPEC',
      describe: 'the range to serve: 0-127, 0-63,128-191, or 2/3 for the second of three shares; all without it',
    },
    chunkSize: {
      kind: 'size',
      min: MIN_PIECE_BYTES,
      max: MAX_PIECE_BYTES,
      default: DEFAULT_PIECE_BYTES,
      valueName: 'SIZE',
      describe: 'bytes in a chunk, a power of two',
      check: (value) => (Number.isInteger(Math.log2(value)) ? undefined : 'a power of two such as 512KiB or 1MiB'),
    },
    format: { kind: 'choice', choices: ['v2'], default: 'v2', describe: 'kind of torrent' },
    name: { kind: 'text', valueName: 'NAME', describe: "what it is called; the file's name without it" },
    host: { kind: 'text', default: '0.0.0.0', valueName: 'ADDR', describe: 'address to listen on' },
    advertise: {
      kind: 'text',
      valueName: 'HOST',
      describe: 'address that others reach this seeder by, for the magnet link, where it is another one',
    },
  },
});

type Options = OptionsOf<typeof command>;

async function main(options: Options, host: CommandHost): Promise<number> {
  const clock = new HostClock();
  const random = new HostRandom();
  const meter = new CountingMeter();
  const trackers = options.tracker.map((url) => parseTrackerUrl(url)!);
  const listener = await new HostListenerBinder().listen({ host: options.host, port: options.port });
  const localHost = isAny(options.host) ? undefined : options.host;
  const source = await openSource(options.file, clock);
  const hasher = new HashPool({ threads: hashThreadCount() });
  let refuser: UtpRefuser | undefined;
  try {
    const name = safeName(utf8(options.name ?? fileNameOf(options.file)));
    const geometry = cut(name, source.identity.sizeBytes, options.chunkSize);
    const held = heldOf(options.chunks, geometry.pieceCount);
    const described = await describeFile({ source, geometry, hasher, host });
    const share = new Share({
      clock,
      hasher,
      log: host.log.child('seeder'),
      meter,
      dialer: new HostDialer({ localHost }),
      listener,
      peerId: concatBytes([utf8(PEER_ID_PREFIX), random.bytes(20 - PEER_ID_PREFIX.length)]) as PeerId,
      ...described,
      store: new SourceStore({ source, pieces: geometry }),
      held,
      uploadSlots: DEFAULT_UPLOAD_SLOTS,
      check: () => source.check(),
      presence: (facts) => {
        const announcer = new Announcer({
          ...facts,
          clock,
          random,
          udp: new HostUdpBinder({ meter }),
          resolver: new HostResolver(),
          log: host.log.child('announce'),
          http: new HostHttpClient({ localHost }),
          trackers,
          localHost,
        });
        announcer.publish(catalogueItem(described.info));
        return announcer;
      },
    });
    refuser = await UtpRefuser.open({
      clock,
      udp: new HostUdpBinder({ meter }),
      local: listener.local,
      log: host.log.child('utp'),
      meter,
      onCaller: (endpoint) => {
        share.meet([endpoint]);
      },
    });
    for (const line of factLines({ described, held, local: listener.local, options })) host.out(line);
    return await serve(share, host);
  } finally {
    await refuser?.close();
    await hasher.close();
  }
}

/** Until a signal, or until the file is no longer what it was. */
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

async function openSource(path: string, clock: HostClock): Promise<SourceFile> {
  let source: SourceFile;
  try {
    source = await SourceFile.open({ path, disk: realDisk, clock });
  } catch (error) {
    throw new ShoalError('FILE_ACCESS', error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (source.identity.sizeBytes > 0) return source;
  await source.close();
  throw new ShoalError('FILE_ACCESS', `${path} is empty: there is nothing to share`);
}

function heldOf(spec: string | undefined, pieceCount: number): Bitfield {
  if (spec === undefined) return Bitfield.full(pieceCount);
  const parsed = parseAssignment(spec, pieceCount);
  if (!parsed.ok) throw new ShoalError('USAGE', `--chunks ${spec}: ${parsed.reason}`);
  return parsed.value;
}

/** From the cache when the file is the one that was hashed, else by reading it. */
async function describeFile(work: {
  readonly source: SourceFile;
  readonly geometry: Geometry;
  readonly hasher: HashPool;
  readonly host: CommandHost;
}): Promise<Description> {
  const { source, geometry, host } = work;
  const cache = new RootCache({
    directory: cacheDirectory(host.env),
    disk: realDisk,
    log: host.log.child('cache'),
    wallMs: wallNowMs,
  });
  const key = { path: source.path, identity: source.identity, pieceBytes: geometry.pieceBytes };
  const known = await cache.read(key, geometry.pieceCount);
  if (known !== undefined) return describe(geometry, known);
  const roots = await hashFile(work);
  await source.check();
  await cache.write(key, roots);
  return describe(geometry, roots);
}

async function hashFile(work: {
  readonly source: SourceFile;
  readonly geometry: Geometry;
  readonly hasher: HashPool;
  readonly host: CommandHost;
}): Promise<Uint8Array> {
  const { source, geometry, hasher, host } = work;
  const stop = new AbortController();
  void host.stopRequested.then(() => {
    stop.abort();
  });
  const digests = await digestPieces({
    hasher,
    files: singleFile(source),
    pieces: geometry,
    pieceCount: geometry.pieceCount,
    hashing: (piece) => ({ leafSlots: geometry.leafSlots(piece), zeroBytes: undefined }),
    formats: { merkle: true, sha1: false },
    stop: stop.signal,
  });
  return digests.roots;
}

/** What the catalogues of trackers are to say of it. */
const catalogueItem = (info: Info): CatalogueItem => ({
  infoHashV2: info.infoHashV2,
  infoHashV1: undefined,
  multiFile: false,
  unlisted: false,
  pieceBytes: info.geometry.pieceBytes,
  sizeBytes: info.geometry.totalBytes,
  infoBytes: info.infoBytes.length,
  name: info.name,
});

/** What the user, and scripts, learn on standard output: a fact a line. */
function factLines(known: {
  readonly described: Description;
  readonly held: Bitfield;
  readonly local: Endpoint;
  readonly options: Options;
}): string[] {
  const { described, held, local, options } = known;
  const { info } = described;
  const { geometry } = info;
  const { port } = local;
  const advertised = options.advertise === undefined ? undefined : { host: options.advertise, port };
  const magnet = formatMagnet({
    infoHashV2: info.infoHashV2!,
    name: info.name,
    trackers: options.tracker,
    peers: advertised === undefined ? [] : [advertised],
  });
  const range = held.isFull ? '' : `, serving ${assignmentText(held)}`;
  return [
    `name: ${info.name}`,
    `size: ${geometry.totalBytes}`,
    `chunks: ${geometry.pieceCount} x ${geometry.pieceBytes} (${exactBytes(geometry.pieceBytes)})${range}`,
    `info hash: ${toHex(info.infoHashV2!)}`,
    `magnet: ${magnet}`,
    `listening: ${endpointText(advertised ?? local)}`,
    `get it with: node leecher.js '${magnet}'`,
  ];
}

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';

await runCommand(command, main);
