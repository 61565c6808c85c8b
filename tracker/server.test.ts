import { describe, expect, it } from 'vitest';
import type { Endpoint, PeerId, WireHash } from '../common/base/ids.ts';
import { instant } from '../common/base/ids.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import type { LogFields, Log, UdpPort } from '../common/base/ports.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { SeededRandom } from '../common/sim/random.ts';
import type { ConnectionId } from '../common/wire/tracker-header.ts';
import { decodeConnectResponse, encodeAnnounceRequest, encodeConnectRequest } from '../common/wire/tracker-packets.ts';
import { Cookie } from './cookie.ts';
import { TrackerServer } from './server.ts';
import { TrackerService } from './service.ts';

const PEER: Endpoint = { host: '192.0.2.1', port: 40_000 };

/** A server on a socket that a test holds the other end of. */
class Scene {
  readonly clock = new VirtualClock({ startAt: instant(5_000) });
  readonly sent: Uint8Array[] = [];
  readonly counted: string[] = [];
  readonly logged: [message: string, fields: LogFields][] = [];
  readonly service: TrackerService;
  readonly server: TrackerServer;
  closed = false;
  #receive: (bytes: Uint8Array, from: Endpoint) => void = () => {};

  constructor() {
    this.service = new TrackerService({
      cookie: new Cookie({ secret: new Uint8Array(32), epochMs: 0 }),
      memory: new OwnMemory(),
      random: new SeededRandom({ seed: 1 }),
      settings: {
        intervalS: 30,
        ttlS: 90,
        limits: { swarms: 10, peers: 10_000, peersPerSwarm: 10_000, peersPerSource: 10_000 },
      },
      now: this.clock.now(),
      firstSequence: 1,
      tellBarren: undefined,
    });
    const udp: UdpPort = {
      local: { host: '0.0.0.0', port: 6969 },
      send: (bytes, to) => {
        expect(to).toEqual(PEER);
        this.sent.push(bytes);
      },
      onDatagram: (receive) => (this.#receive = receive),
      close: async () => void (this.closed = true),
    };
    const log: Log = {
      error: () => {},
      warn: () => {},
      info: () => {},
      debug: (message, fields) => this.logged.push([message, fields ?? {}]),
      trace: () => {},
      traces: false,
      child: () => log,
    };
    const meter = { count: (name: string) => this.counted.push(name) };
    this.server = new TrackerServer({ clock: this.clock, udp, log, meter, service: this.service, forward: undefined });
    this.server.start();
  }

  deliver(bytes: Uint8Array): Uint8Array | undefined {
    this.sent.length = 0;
    this.#receive(bytes, PEER);
    return this.sent[0];
  }

  announce(port: number, ttlS = 90): void {
    const id = decodeConnectResponse(this.deliver(encodeConnectRequest(1))!);
    const amounts = {
      downloadedBytes: 0,
      leftBytes: 0,
      uploadedBytes: 0,
      event: 'started',
      key: 1,
      wanted: -1,
    } as const;
    const infoHash = new Uint8Array(20) as WireHash;
    const peerId = new Uint8Array(20) as PeerId;
    const announce = { infoHash, peerId, ...amounts, port, ttlS, urlPath: '' };
    const bytes = encodeAnnounceRequest(id.ok ? id.value : (new Uint8Array(8) as ConnectionId), 2, announce);
    expect(this.deliver(bytes)).toBeDefined();
  }
}

describe('the tracker’s socket', () => {
  it('answers who asks, and counts every datagram by what became of it', () => {
    const scene = new Scene();
    expect(scene.deliver(encodeConnectRequest(7))).toHaveLength(16);
    expect(scene.deliver(new Uint8Array(3))).toBeUndefined();
    expect(scene.counted).toEqual(['tracker_connect', 'tracker_short_packet']);
    expect(scene.server.local.port).toBe(6969);
  });

  it('drops the dead by itself, with one wake-up at a time', async () => {
    const scene = new Scene();
    scene.announce(1, 90);
    scene.announce(2, 30);
    expect(scene.clock.pending).toBe(1);
    await scene.clock.runFor(29_000);
    expect(scene.service.size.peers).toBe(2);
    await scene.clock.runFor(1_000);
    expect(scene.service.size.peers).toBe(1);
    await scene.clock.runFor(60_000);
    expect(scene.service.size).toMatchObject({ peers: 0, expired: 2 });
    await scene.clock.runFor(60_000);
    expect(scene.clock.pending).toBe(0);
  });

  it('sweeps a crowd in several wake-ups, so that nobody waits for long', async () => {
    const scene = new Scene();
    for (let port = 1; port <= 5_000; port++) scene.announce(port);
    const sizes: number[] = [];
    const sweep = scene.service.sweep.bind(scene.service);
    scene.service.sweep = (now) => {
      sweep(now);
      sizes.push(scene.service.size.peers);
    };
    await scene.clock.runFor(90_000);
    expect(sizes).toEqual([3_000, 1_000, 0]);
  });

  it('reports what became of the datagrams once a minute, and at the end', async () => {
    const scene = new Scene();
    scene.announce(1);
    scene.deliver(new Uint8Array(3));
    await scene.clock.runFor(59_999);
    expect(scene.logged).toEqual([]);
    await scene.clock.runFor(1);
    expect(scene.logged).toEqual([
      ['served', { swarms: 1, peers: 1, expired: 0, entries: 0, connect: 1, announce: 1, short_packet: 1 }],
    ]);
    await scene.clock.runFor(600_000);
    expect(scene.logged).toHaveLength(1);
    scene.deliver(new Uint8Array(3));
    await scene.server.stop();
    expect(scene.logged[1]).toEqual(['stopping', { swarms: 0, peers: 0, expired: 1, entries: 0, short_packet: 1 }]);
  });

  it('is silent and holds no wake-up after it stopped', async () => {
    const scene = new Scene();
    scene.announce(1);
    await scene.server.stop();
    expect([scene.closed, scene.clock.pending]).toEqual([true, 0]);
    expect(scene.deliver(encodeConnectRequest(1))).toBeUndefined();
  });
});
