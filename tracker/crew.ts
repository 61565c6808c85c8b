/** The threads beside the main one that receive and answer on its socket: `--workers`. */
import type { Endpoint, WireHash } from '../common/base/ids.ts';
import type { Log, LogFields } from '../common/base/ports.ts';
import type { HostClock } from '../common/host/clock.ts';
import { HelperThread } from '../common/host/helper-thread.ts';
import type { SharedMemory } from '../common/host/shared-memory.ts';
import { descriptorOf } from '../common/host/shared-socket.ts';
import type { HostUdpPort } from '../common/host/udp.ts';
import type { ServiceSettings } from './clerk.ts';
import type { TrackerServer } from './server.ts';
import type { TrackerService } from './service.ts';

/** The worker is always the built file: Node 20 runs no TypeScript. */
const WORKER = import.meta.url.endsWith('.ts')
  ? new URL('../dist/tracker/tracker-worker.js', import.meta.url)
  : new URL(import.meta.url.endsWith('.cjs') ? './tracker-worker.cjs' : './tracker-worker.js', import.meta.url);

/** What a worker begins with. */
export interface WorkerStart {
  readonly descriptor: number;
  readonly v6: boolean;
  readonly buffers: readonly SharedArrayBuffer[];
  readonly clockStartMs: number;
  readonly secret: Uint8Array;
  readonly epochMs: number;
  readonly settings: ServiceSettings;
}

/** What a worker tells. */
export type WorkerNews =
  | { readonly kind: 'ready' | 'stopped' }
  /** For the catalogue; to be acknowledged. */
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array; readonly from: Endpoint }
  | { readonly kind: 'barren'; readonly infoHash: WireHash }
  | { readonly kind: 'log'; readonly message: string; readonly fields: LogFields };

/** What a worker is told. */
export type WorkerOrder = { readonly kind: 'taken' | 'stop' };

/**
 * Holds the workers and does for them what only the main thread can: it has the catalogue and the log.
 *
 * BOUNDED: by `count`; each has at most `MAX_FORWARDED_DATAGRAMS` on their way here.
 */
export class Crew {
  readonly #threads: readonly HelperThread[];
  readonly #service: TrackerService;
  readonly #server: TrackerServer;
  readonly #log: Log;
  #stopped = false;
  /** Rejects when a worker has ended by itself. */
  readonly failed: Promise<never>;

  constructor(options: {
    readonly count: number;
    readonly udp: HostUdpPort;
    readonly memory: SharedMemory;
    readonly clock: HostClock;
    readonly secret: Uint8Array;
    readonly epochMs: number;
    readonly settings: ServiceSettings;
    readonly service: TrackerService;
    readonly server: TrackerServer;
    readonly log: Log;
  }) {
    const { count, udp, memory, clock, secret, epochMs, settings, service, server, log } = options;
    this.#service = service;
    this.#server = server;
    this.#log = log;
    const data: WorkerStart = {
      descriptor: descriptorOf(udp.local),
      v6: udp.v6,
      buffers: memory.buffers,
      clockStartMs: clock.startMs,
      secret,
      epochMs,
      settings,
    };
    udp.share();
    this.#threads = Array.from({ length: count }, () => new HelperThread({ file: WORKER, data }));
    this.failed = Promise.race(this.#threads.map((thread) => thread.failed));
    this.failed.catch(() => {});
  }

  /** Resolves when all of them receive. */
  async start(): Promise<void> {
    await Promise.race([this.failed, Promise.all(this.#threads.map((thread) => this.#told(thread, 'ready')))]);
    for (const thread of this.#threads) thread.onMessage((news) => this.#take(thread, news as WorkerNews));
  }

  /** They answer nothing from now on; resolves when they have said all they had to. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const stopped = this.#threads.map((thread) => this.#told(thread, 'stopped'));
    for (const thread of this.#threads) thread.post({ kind: 'stop' } satisfies WorkerOrder);
    await Promise.all(stopped);
  }

  #told(thread: HelperThread, kind: WorkerNews['kind']): Promise<void> {
    return new Promise((resolve) =>
      thread.onMessage((news) => ((news as WorkerNews).kind === kind ? resolve() : undefined)),
    );
  }

  #take(thread: HelperThread, news: WorkerNews): void {
    if (news.kind === 'log') this.#log.debug(news.message, news.fields);
    if (this.#stopped) return;
    if (news.kind === 'barren') this.#service.clerk.barren(news.infoHash);
    if (news.kind !== 'datagram') return;
    this.#server.take(news.bytes, news.from);
    thread.post({ kind: 'taken' } satisfies WorkerOrder);
  }
}
