/**
 * All connections of one process: accepts, dials, and hands each to the swarm it belongs to. The same for a seeder and
 * a leecher.
 *
 * BOUNDED: by `maxConnections`, MAX_CONNECTIONS_PER_IP and MAX_HALF_OPEN_DIALS.
 */
import { endpointText, type Endpoint, type Instant, NEVER, type PeerId } from '../base/ids.ts';
import { DIAL_TIMEOUT_MS, MAX_CONNECTIONS_PER_IP, MAX_HALF_OPEN_DIALS } from '../base/limits.ts';
import type { Clock, Dialer, Listener, Log, Meter, TcpPort } from '../base/ports.ts';
import { Connection } from './connection.ts';
import type { Swarm } from './swarm.ts';
import { UploadDesk } from './upload-desk.ts';
import { isNamed } from './wire-names.ts';

export interface NodeOptions {
  readonly clock: Clock;
  readonly dialer: Dialer;
  readonly listener: Listener;
  readonly log: Log;
  readonly meter: Meter;
  readonly peerId: PeerId;
  readonly maxConnections: number;
}

export class Node {
  readonly #options: NodeOptions;
  readonly #desk: UploadDesk;
  /** BOUNDED: by the caller, one for each torrent. */
  readonly #swarms = new Set<Swarm>();
  readonly #connections = new Set<Connection>();
  /** Connections from or to each address. BOUNDED: by the connections. */
  readonly #perHost = new Map<string, number>();
  #nextId = 1;
  #halfOpen = 0;
  #stopped = false;
  #cancelWake: () => void = () => undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#desk = new UploadDesk({ clock: options.clock });
    options.listener.onConnection((stream) => {
      this.#accept(stream);
    });
  }

  get peerId(): PeerId {
    return this.#options.peerId;
  }

  get listenPort(): number {
    return this.#options.listener.local.port;
  }

  /** Takes part in a swarm from now on. */
  join(swarm: Swarm): void {
    this.#swarms.add(swarm);
    swarm.use(this.#desk);
  }

  /** Dials whoever is due, and wakes for the next one. */
  dialDue(): void {
    if (this.#stopped) return;
    this.#cancelWake();
    const now = this.#options.clock.now();
    let nextDue: Instant = NEVER;
    for (const swarm of this.#swarms) {
      for (const endpoint of swarm.dialsDue(now, this.#roomForDials())) void this.#dial(swarm, endpoint);
      const due = swarm.nextDial();
      if (due < nextDue) nextDue = due;
    }
    // With no room, the end of a dial or of a connection brings us back here.
    if (nextDue === NEVER || this.#roomForDials() === 0) return;
    this.#cancelWake = this.#options.clock.at(nextDue, () => {
      this.dialDue();
    });
  }

  /** Says goodbye to everyone and accepts nobody any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWake();
    for (const swarm of this.#swarms) swarm.closeAll('stopped');
    for (const connection of this.#connections) connection.close('stopped');
    await this.#options.listener.close();
  }

  /** Connections, those that are being dialled included. */
  get #taken(): number {
    return this.#connections.size + this.#halfOpen;
  }

  #roomForDials(): number {
    return Math.max(0, Math.min(MAX_HALF_OPEN_DIALS - this.#halfOpen, this.#options.maxConnections - this.#taken));
  }

  async #dial(swarm: Swarm, endpoint: Endpoint): Promise<void> {
    this.#halfOpen++;
    swarm.standing.dialling(endpoint);
    const result = await this.#options.dialer.dial(endpoint, DIAL_TIMEOUT_MS);
    this.#halfOpen--;
    if (!result.ok) {
      this.#options.log.debug('cannot connect', { peer: endpointText(endpoint), reason: result.failure });
      this.#options.meter.count('dials_failed');
      swarm.standing.failed(endpoint, this.#options.clock.now());
    } else if (this.#stopped) {
      result.stream.destroy();
    } else {
      this.#adopt(result.stream, { side: 'dialled', dialled: endpoint, swarm, refusals: swarm.refusalsOf(endpoint) });
    }
    this.dialDue();
  }

  #accept(stream: TcpPort): void {
    const { host } = stream.remote;
    const fromHost = this.#perHost.get(host) ?? 0;
    if (this.#stopped || this.#taken >= this.#options.maxConnections || fromHost >= MAX_CONNECTIONS_PER_IP) {
      this.#options.meter.count('connections_refused');
      stream.destroy();
      return;
    }
    this.#adopt(stream, { side: 'accepted' });
  }

  #adopt(
    stream: TcpPort,
    origin:
      | { readonly side: 'accepted' }
      | {
          readonly side: 'dialled';
          readonly dialled: Endpoint;
          readonly swarm: Swarm;
          readonly refusals: number;
        },
  ): void {
    const { clock, log, peerId } = this.#options;
    const connection = new Connection({
      ...origin,
      id: this.#nextId++,
      stream,
      lookup: (wireHash) => this.#swarmOf(wireHash),
      onClosed: (closed) => {
        this.#forget(closed);
      },
      peerId,
      listenPort: this.listenPort,
      clock,
      log,
      desk: this.#desk,
    });
    this.#connections.add(connection);
    this.#perHost.set(stream.remote.host, (this.#perHost.get(stream.remote.host) ?? 0) + 1);
    connection.start();
  }

  #swarmOf(wireHash: Uint8Array): Swarm | undefined {
    for (const swarm of this.#swarms) if (isNamed(swarm.torrent.names, wireHash)) return swarm;
    return undefined;
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    const left = (this.#perHost.get(connection.remoteHost) ?? 1) - 1;
    if (left > 0) this.#perHost.set(connection.remoteHost, left);
    else this.#perHost.delete(connection.remoteHost);
    this.dialDue();
  }
}
