import { describe, expect, it } from 'vitest';
import { looseText } from '../common/base/bytes.ts';
import type { HttpListener, HttpReply, HttpRequest } from '../common/base/http-ports.ts';
import { instant } from '../common/base/ids.ts';
import { OwnMemory } from '../common/base/own-memory.ts';
import type { Log, LogFields } from '../common/base/ports.ts';
import { VirtualClock } from '../common/sim/clock.ts';
import { SeededRandom } from '../common/sim/random.ts';
import { Clerk } from './clerk.ts';
import { HttpTrackerServer } from './http-server.ts';
import { HttpService } from './http-service.ts';

/** A server on a listener that a test holds the other end of. */
class Scene {
  readonly clock = new VirtualClock({ startAt: instant(5_000) });
  readonly counted: string[] = [];
  readonly logged: [message: string, fields: LogFields][] = [];
  readonly clerk: Clerk;
  readonly server: HttpTrackerServer;
  closed = false;
  #answer: ((request: HttpRequest) => HttpReply) | undefined;

  constructor() {
    this.clerk = new Clerk({
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
    const http: HttpListener = {
      local: { host: '0.0.0.0', port: 6969 },
      onRequest: (answer) => (this.#answer = answer),
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
    const { clock, clerk } = this;
    const meter = { count: (name: string) => this.counted.push(name) };
    const service = new HttpService({ clerk, names: [] });
    this.server = new HttpTrackerServer({ clock, http, log, meter, service, clerk });
    this.server.start();
  }

  get(target: string): string {
    const from = { host: '192.0.2.1', port: 40_000 };
    const { status, body } = this.#answer!({ method: 'GET', target, host: '192.0.2.9', from });
    return `${status} ${looseText(body)}`;
  }

  announce(port: number): string {
    return this.get(`/announce?info_hash=${'a'.repeat(20)}&port=${port}&left=0`);
  }
}

describe('the tracker’s HTTP socket', () => {
  it('answers who asks, and counts every request by what became of it', () => {
    const scene = new Scene();
    expect(scene.announce(7000)).toContain('8:completei1e');
    expect(scene.get('/x')).toMatch(/^404 /);
    expect(scene.counted).toEqual(['tracker_http_announce', 'tracker_http_unknown_path']);
    expect(scene.server.local.port).toBe(6969);
  });

  it('drops the dead by itself, though no datagram ever comes', async () => {
    const scene = new Scene();
    scene.announce(1);
    await scene.clock.runFor(659_000);
    expect(scene.clerk.size.peers).toBe(1);
    await scene.clock.runFor(2_000);
    expect(scene.clerk.size.peers).toBe(0);
    await scene.clock.runFor(60_000);
    expect(scene.clock.pending).toBe(0);
  });

  it('reports what became of the requests once a minute, and at the end, when it falls silent', async () => {
    const scene = new Scene();
    scene.announce(1);
    await scene.clock.runFor(60_000);
    expect(scene.logged).toEqual([['served', { swarms: 1, peers: 1, expired: 0, entries: 0, http_announce: 1 }]]);
    scene.get('/');
    await scene.server.stop();
    expect(scene.logged[1]).toMatchObject(['stopping', { http_unknown_path: 1 }]);
    expect([scene.closed, scene.clock.pending, scene.announce(2)]).toEqual([true, 0, '404 stopping\n']);
  });
});
