import {
  DEFAULT_INTERVAL_S,
  DEFAULT_TTL_S,
  MAX_PEERS,
  MAX_PEERS_PER_IP,
  MAX_PEERS_PER_SWARM,
  MAX_SWARMS,
} from '../../base/limits.ts';
import { Cookie } from '../../../tracker/cookie.ts';
import { TrackerServer } from '../../../tracker/server.ts';
import { TrackerService } from '../../../tracker/service.ts';
import { OwnMemory } from '../../base/own-memory.ts';
import type { SimHost } from '../host.ts';
import { noMeter, storyLog, type WorldParts } from './parts.ts';
import { TrackerTap } from './tracker-tap.ts';

export interface SimTrackerOptions {
  readonly parts: WorldParts;
  readonly name: string;
  readonly host: SimHost;
  readonly port: number;
  readonly intervalS?: number;
  readonly ttlS?: number;
}

/** The wall time at which virtual time stood at 0: any will do that is not 0. */
const EPOCH_MS = 1_700_000_000_000;
const SECRET_BYTES = 32;

/** `node tracker.js` on a simulated host. */
export class SimTracker {
  readonly name: string;
  readonly host: SimHost;
  readonly #options: SimTrackerOptions;
  #secret: Uint8Array;
  #server: TrackerServer | undefined;

  constructor(options: SimTrackerOptions) {
    this.#options = options;
    this.name = options.name;
    this.host = options.host;
    this.#secret = options.host.random.bytes(SECRET_BYTES);
  }

  /** Listens, knowing of nobody. */
  async start(): Promise<void> {
    const { parts, name, host, port, intervalS = DEFAULT_INTERVAL_S, ttlS = DEFAULT_TTL_S } = this.#options;
    const { clock } = host;
    const service = new TrackerService({
      cookie: new Cookie({ secret: this.#secret, epochMs: EPOCH_MS }),
      memory: new OwnMemory(),
      random: host.random,
      settings: {
        intervalS,
        ttlS,
        limits: {
          swarms: MAX_SWARMS,
          peers: MAX_PEERS,
          peersPerSwarm: MAX_PEERS_PER_SWARM,
          peersPerSource: MAX_PEERS_PER_IP,
        },
      },
      now: clock.now(),
      firstSequence: EPOCH_MS + clock.now(),
      tellBarren: undefined,
    });
    const socket = await host.udp.bind({ host: '::', port });
    const udp = new TrackerTap({ who: name, port: socket, clock, verdict: parts.verdict, ttlS });
    this.#server = new TrackerServer({
      clock,
      udp,
      log: storyLog(parts, name),
      meter: noMeter,
      service,
      forward: undefined,
    });
    this.#server.start();
    parts.verdict.note(name, 'starts');
  }

  /** Dies at once, and all it knew with it; a new one has the same key only where the key was kept. */
  kill(options: { readonly losesSecret: boolean }): void {
    this.#options.parts.verdict.note(this.name, `dies${options.losesSecret ? ', and its key is lost' : ''}`);
    this.host.kill();
    this.#server = undefined;
    if (options.losesSecret) this.#secret = this.host.random.bytes(SECRET_BYTES);
  }

  restart(): Promise<void> {
    this.host.boot();
    return this.start();
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }
}
