/**
 * The floors of the house: an import never goes up, and the outside world is reached from one room only.
 *
 *   5  main            builds the host objects; may import all but another executable; parts of it in PARTS_OF_MAINS
 *   4  common/host     the real machine: npm packages, sockets, files, threads; knows no rule and no driver
 *   3  drivers         hold ports and own their wake-ups; listed in DRIVERS
 *   2  rules           no I/O, no await, no timers: every file of the other rooms that DRIVERS does not list
 *   1  wire, content   bytes and values
 *   0  base            imports nothing of ours
 *
 * Tests, scripts, and `common/sim` and any room's `fixtures`, which only tests import, stand outside the floors.
 */
import { posix } from 'node:path';
import type { Import } from './source-text.ts';

export type Floor = 0 | 1 | 2 | 3 | 4 | 5;

/** Floor 3. A file that has to wait for something belongs here; a file that decides does not. */
export const DRIVERS: readonly string[] = [
  'tracker/http-server.ts',
  'tracker/server.ts',
  'tracker/upkeep.ts',
  'seeder/share.ts',
  'leecher/company.ts',
  'leecher/download.ts',
  'leecher/download-options.ts',
  'leecher/fetching.ts',
  'leecher/learning.ts',
  'leecher/leech.ts',
  'leecher/outcome.ts',
  'leecher/peer-option.ts',
  'leecher/pick.ts',
  'leecher/piece-keeper.ts',
  'leecher/piece-verifier.ts',
  'leecher/pursuit.ts',
  'leecher/seeding.ts',
  'leecher/subject.ts',
  'leecher/target.ts',
  'leecher/teller.ts',
  'leecher/web-get.ts',
  'leecher/web-seed.ts',
  'leecher/web-seeds.ts',
  'common/peer/bandwidth.ts',
  'common/peer/choking.ts',
  'common/peer/combined-presence.ts',
  'common/peer/connection.ts',
  'common/peer/download-throttle.ts',
  'common/peer/hash-answers.ts',
  'common/peer/hash-service.ts',
  'common/peer/initial-seeding.ts',
  'common/peer/limited-ranges.ts',
  'common/peer/limited-stream.ts',
  'common/peer/node.ts',
  'common/peer/outbox.ts',
  'common/peer/pex-rounds.ts',
  'common/peer/piece-reads.ts',
  'common/peer/presence.ts',
  'common/peer/service.ts',
  'common/peer/swarm.ts',
  'common/peer/upload-desk.ts',
  'common/peer/upload-pump.ts',
  'common/peer/upload-throttle.ts',
  'common/peer/utp-refuser.ts',
  'common/announce/announcer.ts',
  'common/announce/caller.ts',
  'common/announce/catalogue-client.ts',
  'common/announce/http-caller.ts',
  'common/announce/http-line.ts',
  'common/announce/link.ts',
  'common/announce/local-discovery.ts',
  'common/announce/nearby.ts',
  'common/announce/publisher.ts',
  'common/announce/site.ts',
  'common/announce/tracker-line.ts',
  'common/announce/udp-line.ts',
];

interface Excuse {
  readonly file: string;
  readonly specifier: string;
  readonly because: string;
}

/** Packages that may be imported where the floors say no. */
export const EXCUSES: readonly Excuse[] = [
  {
    file: 'common/base/address.ts',
    specifier: 'ipaddr.js',
    because: 'every floor needs one spelling per IP address, and the package is text and bytes only, no I/O',
  },
];

/** Interfaces of `base/ports.ts` that reach the world or wait for time: a rule is given what it needs instead. */
const WORLDLY_PORTS: ReadonlySet<string> = new Set(
  'Clock UdpPort UdpBinder MulticastPort MulticastBinder Resolver TcpPort TcpHandler Listener ListenerBinder Dialer PieceStore Hasher PartStore FinishedStore TargetFiles RangeClient HttpClient HttpListener HttpBinder'.split(
    ' ',
  ),
);

/** What `node:crypto` has to make chance, which comes from the `Random` port. */
const CHANCE: ReadonlySet<string> = new Set(
  'randomBytes randomFill randomFillSync randomInt randomUUID getRandomValues webcrypto'.split(' '),
);

/** Where ports are declared; promises there are for the drivers. */
export const declaresPorts = (path: string): boolean => /^common\/base\/(?:[\w-]+-)?ports\.ts$/.test(path);

const EXECUTABLES: readonly string[] = ['tracker', 'seeder', 'leecher'];

export const isTest = (path: string): boolean => path.endsWith('.test.ts');
export const isMain = (path: string): boolean => EXECUTABLES.some((room) => path === `${room}/main.ts`);
export const inHost = (path: string): boolean => path.startsWith('common/host/');
export const inScripts = (path: string): boolean => path.startsWith('scripts/');
/** The simulated world is made of the same drivers as the programs, and so of all three executables; tests only. */
const inSimulatedWorld = (path: string): boolean => path.startsWith('common/sim/world/');
/** What only tests import; the build leaves it out. */
export const forTests = (path: string): boolean => /^(?:common\/sim|[a-z]+\/fixtures)\//.test(path);
/** What a main is made of, where it would be too long for one file. */
export const PARTS_OF_MAINS: readonly string[] = [
  'leecher/assembly.ts',
  'leecher/command.ts',
  'leecher/look-up.ts',
  'leecher/progress-display.ts',
  'seeder/command.ts',
  'tracker/crew.ts',
  'tracker/tracker-worker.ts',
];
const roomOf = (path: string): string => path.split('/')[0]!;

/** Undefined for what stands outside the floors. */
export function floorOf(path: string): Floor | undefined {
  if (isTest(path) || forTests(path) || inScripts(path)) return undefined;
  if (isMain(path) || PARTS_OF_MAINS.includes(path)) return 5;
  if (inHost(path)) return 4;
  if (DRIVERS.includes(path)) return 3;
  if (path.startsWith('common/wire/') || path.startsWith('common/content/')) return 1;
  if (path.startsWith('common/base/')) return 0;
  return 2;
}

/** What is wrong with one import of one file; tests and scripts may import what they like. */
export function importBreaches(path: string, one: Import): string[] {
  if (one.handsOn) return [`${one.specifier}: handed on to others, as a barrel does; import it where it is used`];
  if (isTest(path) || inScripts(path)) return [];
  if (one.specifier.startsWith('.')) return ownBreaches(path, one);
  if (one.specifier.startsWith('node:')) return nodeBreaches(path, one);
  const excused = EXCUSES.some((entry) => entry.file === path && entry.specifier === one.specifier);
  if (inHost(path) || forTests(path) || excused) return [];
  return [`${one.specifier}: packages and built-in modules are imported by common/host, as 'node:…' or from npm`];
}

function ownBreaches(path: string, { specifier, names }: Import): string[] {
  const target = posix.join(posix.dirname(path), specifier);
  const found: string[] = [];
  const say = (what: string): number => found.push(`${specifier}: ${what}`);
  const [from, to] = [roomOf(path), roomOf(target)];
  const isOfItsWorld = inSimulatedWorld(path) && EXECUTABLES.includes(to);
  if (from === 'common' && to !== 'common' && !isOfItsWorld) say('common imports an executable');
  else if (from !== to && to !== 'common' && !isOfItsWorld)
    say('one executable imports another, or a room without a floor');
  if (isTest(target)) say('a test is imported');
  if (forTests(target) && !forTests(path)) say('simulation and fixtures are for tests');
  const [own, other] = [floorOf(path), floorOf(target)];
  if (own === undefined || other === undefined) return found;
  if (other > own) say(`floor ${own} imports floor ${other}`);
  // Worker threads hash with the same merkle code as everybody, so bytes and values are open to the host.
  if (own === 4 && (other === 2 || other === 3)) say('the host knows no rule and no driver');
  if (path.startsWith('common/wire/') && target.startsWith('common/content/')) say('wire does not know content');
  if (own <= 2 && declaresPorts(target) && !declaresPorts(path)) {
    for (const name of names.filter((each) => WORLDLY_PORTS.has(each))) say(`${name} below the drivers`);
  }
  return found;
}

function nodeBreaches(path: string, { specifier, names }: Import): string[] {
  const floor = floorOf(path);
  if (floor === 4 || forTests(path)) return [];
  if (floor === 0) return [`${specifier}: base imports no built-in module`];
  if (specifier === 'node:crypto') {
    const chance = names.filter((name) => CHANCE.has(name));
    return chance.map((name) => `${name} of ${specifier}: chance comes from the Random port`);
  }
  if (floor === 5 && MAIN_MODULES.includes(specifier)) return [];
  return [`${specifier} outside common/host`];
}

/** What `main` may use by itself: words about paths and the process, no I/O. */
const MAIN_MODULES: readonly string[] = ['node:path', 'node:os', 'node:process', 'node:url', 'node:util'];
