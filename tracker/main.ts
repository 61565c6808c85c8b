/** `node tracker.js`: a tracker over UDP, and HTTP if asked for, with a catalogue, until it is told to stop. */
import type { HttpListener } from '../common/base/http-ports.ts';
import { endpointText } from '../common/base/ids.ts';
import {
  DEFAULT_INTERVAL_S,
  DEFAULT_TTL_S,
  MAX_PEER_TTL_S,
  MAX_PEERS,
  MAX_PEERS_PER_IP,
  MAX_PEERS_PER_SWARM,
  MAX_SWARMS,
  MAX_TRACKER_WORKERS,
} from '../common/base/limits.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import type { Log, Random } from '../common/base/ports.ts';
import { HostClock } from '../common/host/clock.ts';
import { runCommand, type CommandHost } from '../common/host/command.ts';
import { HostHttpBinder } from '../common/host/http-listener.ts';
import { compileLate } from '../common/host/late-compiler.ts';
import { defineCommand, type OptionsOf } from '../common/host/option-spec.ts';
import { CountingMeter } from '../common/host/metrics.ts';
import { stateDirectory } from '../common/host/paths.ts';
import { HostRandom } from '../common/host/random.ts';
import { readSecret } from '../common/host/secret-file.ts';
import { SharedMemory } from '../common/host/shared-memory.ts';
import { HostUdpBinder, type HostUdpPort } from '../common/host/udp.ts';
import { wallNowMs } from '../common/host/wall-clock.ts';
import type { ServiceSettings } from './clerk.ts';
import { Cookie } from './cookie.ts';
import { Crew } from './crew.ts';
import { HttpTrackerServer } from './http-server.ts';
import { HttpService } from './http-service.ts';
import { TrackerServer } from './server.ts';
import { TrackerService } from './service.ts';

const SECRET_BYTES = 32;

const command = defineCommand({
  name: 'shoal-tracker',
  summary: 'Keeps the list of who has what, over UDP (BEP 15), with a catalogue.',
  usage: '[-p PORT] [--host ADDR] [--http] [--interval 30] [--ttl 90] [--secret-file FILE]',
  examples: [
    ['node tracker.js', 'listen on port 6969 of all IPv4 addresses'],
    ['node tracker.js --host :: -p 6969', 'of all addresses, IPv6 too'],
    ['node tracker.js --http', 'for clients that know no UDP trackers, too'],
  ],
  options: {
    port: {
      kind: 'integer',
      alias: 'p',
      min: 0,
      max: 65_535,
      default: 6969,
      valueName: 'PORT',
      describe: 'UDP port, and TCP port with --http; 0 takes any free one',
    },
    host: { kind: 'text', default: '0.0.0.0', valueName: 'ADDR', describe: 'address to listen on' },
    http: {
      kind: 'flag',
      describe: 'answer announces and scrapes over HTTP too, and give the catalogue as /catalogue.json',
    },
    httpName: {
      kind: 'text',
      many: true,
      valueName: 'NAME',
      describe: 'host name under which /catalogue.json is given; IP addresses and localhost always are',
    },
    interval: {
      kind: 'seconds',
      min: 1,
      max: MAX_PEER_TTL_S,
      default: DEFAULT_INTERVAL_S,
      valueName: 'SECONDS',
      describe: 'how often seeders and leechers of this toolkit are to announce',
    },
    ttl: {
      kind: 'seconds',
      min: 1,
      max: MAX_PEER_TTL_S,
      default: DEFAULT_TTL_S,
      valueName: 'SECONDS',
      describe: 'how long after their last announce they are gone',
    },
    secretFile: {
      kind: 'text',
      valueName: 'FILE',
      describe: 'the key of connection ids, made when missing; trackers on one machine must share it',
    },
    workers: {
      kind: 'integer',
      min: 1,
      max: MAX_TRACKER_WORKERS,
      default: 1,
      valueName: 'COUNT',
      describe: 'threads that answer over UDP; more than one needs Linux, and helps where there are cores to spare',
    },
    maxPeersPerIp: {
      kind: 'integer',
      min: 1,
      max: MAX_PEERS,
      default: MAX_PEERS_PER_IP,
      valueName: 'COUNT',
      describe: 'peers taken in from one IPv4 address or one IPv6 /64',
    },
  },
});

type Options = OptionsOf<typeof command>;

async function main(options: Options, host: CommandHost): Promise<number> {
  const clock = new HostClock();
  const random = new HostRandom();
  const { udp, http } = await openSockets(options);
  const secret = await secretOf(options.secretFile, host, random);
  const epochMs = wallNowMs() - clock.now();
  const memory = options.workers > 1 ? new SharedMemory({ buffers: undefined }) : undefined;
  const settings = settingsOf(options);
  const service = new TrackerService({
    cookie: new Cookie({ secret, epochMs }),
    memory: memory ?? new OwnMemory(),
    random,
    settings,
    now: clock.now(),
    // Later than any that a tracker before this one gave out, so that nobody's page goes backwards.
    firstSequence: wallNowMs() * 1_000,
    tellBarren: undefined,
  });
  const log = host.log.child('tracker');
  const meter = new CountingMeter();
  const server = new TrackerServer({ clock, udp, log, meter, service, forward: undefined });
  const shared = { udp, clock, secret, epochMs, settings, service, server, log };
  const crew = memory === undefined ? undefined : new Crew({ count: options.workers - 1, memory, ...shared });
  await crew?.start();
  server.start();
  host.out(`tracker udp://${endpointText(server.local)}`);
  const httpServer = http === undefined ? undefined : serveHttp({ http, clock, log, meter, service, options });
  compileLate();
  if (httpServer !== undefined) host.out(`tracker http://${endpointText(httpServer.local)}/announce`);
  const signal = await Promise.race([host.stopRequested, ...(crew === undefined ? [] : [crew.failed])]);
  host.log.info('stopping', { signal });
  await Promise.all([crew?.stop(), httpServer?.stop()]);
  await server.stop();
  return 0;
}

const settingsOf = (options: Options): ServiceSettings => ({
  intervalS: Math.round(options.interval),
  ttlS: Math.round(options.ttl),
  limits: {
    swarms: MAX_SWARMS,
    peers: MAX_PEERS,
    peersPerSwarm: MAX_PEERS_PER_SWARM,
    peersPerSource: options.maxPeersPerIp,
  },
});

/** A free UDP port need not be a free TCP port; another one mostly is. */
const PORT_TRIES = 20;

/** A UDP socket and, when it is wanted, a listening one of the same number. */
async function openSockets(options: Options): Promise<{ udp: HostUdpPort; http: HttpListener | undefined }> {
  const { host, port } = options;
  for (let attempt = 1; ; attempt++) {
    const udp = await new HostUdpBinder({ meter: new CountingMeter() }).bind({ host, port });
    if (!options.http) return { udp, http: undefined };
    try {
      return { udp, http: await new HostHttpBinder().listen({ host, port: udp.local.port }) };
    } catch (error) {
      await udp.close();
      if (port !== 0 || attempt === PORT_TRIES) throw error;
    }
  }
}

function serveHttp(parts: {
  readonly http: HttpListener;
  readonly clock: HostClock;
  readonly log: Log;
  readonly meter: CountingMeter;
  readonly service: TrackerService;
  readonly options: Options;
}): HttpTrackerServer {
  const { http, clock, log, meter, service, options } = parts;
  const { clerk } = service;
  const httpService = new HttpService({ clerk, names: options.httpName ?? [] });
  const server = new HttpTrackerServer({ clock, http, log, meter, service: httpService, clerk });
  server.start();
  return server;
}

/** Connection ids outlive a restart where there is a place for the key, and never matter where there is none. */
async function secretOf(file: string | undefined, host: CommandHost, random: Random): Promise<Uint8Array> {
  if (file !== undefined) return readSecret(file);
  const directory = stateDirectory(host.env);
  if (directory !== undefined) return readSecret(`${directory}/tracker-secret`);
  host.log.warn('no place to keep the key of connection ids; after a restart peers will have to connect again');
  return random.bytes(SECRET_BYTES);
}

void runCommand(command, main);
