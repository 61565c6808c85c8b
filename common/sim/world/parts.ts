import { concatBytes, utf8 } from '../../base/bytes.ts';
import type { HttpClient } from '../../base/http-ports.ts';
import type { PeerId } from '../../base/ids.ts';
import type { Clock, Hasher, Log, LogFields, Meter, Random, Resolver } from '../../base/ports.ts';
import { PEER_ID_PREFIX } from '../../base/product.ts';
import type { TrackerAddress } from '../../announce/tracker-address.ts';
import type { VirtualClock } from '../clock.ts';
import { SimDisk } from '../disk.ts';
import { SimHasher } from '../hasher.ts';
import type { SimHost } from '../host.ts';
import type { SimNetwork } from '../network.ts';
import type { SeededRandom } from '../random.ts';
import type { SimContent } from './content.ts';
import type { Verdict } from './verdict.ts';

/** What the machines of a world are made of. */
export interface Equipment {
  /** Whether someone listens in on every connection and looks at all that is written. */
  readonly isWatched: boolean;
  readonly hasher: (options: { readonly clock: Clock; readonly delayMs: number }) => Hasher;
  readonly disk: (options: { readonly delayMs: number }) => SimDisk;
}

/** Everything is carried, hashed, kept, and looked at. */
export const FULL_EQUIPMENT: Equipment = {
  isWatched: true,
  hasher: (options) => new SimHasher(options),
  disk: (options) => new SimDisk(options),
};

/** What every actor of a world has to do with. */
export interface WorldParts {
  readonly clock: VirtualClock;
  /** The scenario's own chance; programs have that of their hosts. */
  readonly random: SeededRandom;
  readonly network: SimNetwork;
  readonly resolver: Resolver;
  readonly content: SimContent;
  readonly verdict: Verdict;
  /** Those that a program is given on its command line. */
  readonly trackers: readonly TrackerAddress[];
  readonly equipment: Equipment;
  /** The HTTP of a machine. */
  httpOf(host: SimHost): HttpClient;
  /** Whether nothing false or impossible comes from this address. */
  isHonest(address: string): boolean;
}

export const newPeerId = (random: Random): PeerId =>
  concatBytes([utf8(PEER_ID_PREFIX), random.bytes(20 - PEER_ID_PREFIX.length)]) as PeerId;

export const noMeter: Meter = { count: () => {} };

/** Reasons for which no program of ours may turn away another that behaves. */
const INSULTS: ReadonlySet<string> = new Set(['bad-message', 'offences', 'banned', 'not-bittorrent']);

const hostOf = (endpoint: unknown): string => String(endpoint).replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');

/** What a program says goes into the story of the world, and some of it is judged. */
export function storyLog(parts: Pick<WorldParts, 'verdict' | 'isHonest' | 'content'>, who: string): Log {
  const { verdict } = parts;
  const tell = (message: string, fields?: LogFields): void => {
    verdict.note(who, message, fields);
    if (message !== 'peer left') return;
    const reason = String(fields?.['reason']);
    // Whoever knows one name of a hybrid may be called by the other.
    const isInsult = INSULTS.has(reason) || (reason === 'unknown-torrent' && parts.content.wireHashes.length === 1);
    if (!isInsult) return;
    const host = hostOf(fields?.['peer']);
    if (parts.isHonest(host)) verdict.breach(who, `turns ${host} away, who did nothing wrong: ${reason}`);
  };
  const log: Log = { error: tell, warn: tell, info: tell, debug: tell, trace: tell, traces: false, child: () => log };
  return log;
}
