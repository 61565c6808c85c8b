import { beforeEach, describe, expect, it } from 'vitest';
import { Cookie } from '../../tracker/cookie.ts';
import { TrackerServer } from '../../tracker/server.ts';
import { TrackerService } from '../../tracker/service.ts';
import type { Endpoint, WireHash } from '../base/ids.ts';
import { endpointText } from '../base/ids.ts';
import { OwnMemory } from '../base/own-memory.ts';
import { AnnounceScene, warningsTo } from '../sim/announce-scene.ts';
import type { SimHost } from '../sim/host.ts';
import type { SwarmCounts } from '../wire/tracker-packets.ts';
import { encodeAnnounceResponse, encodeConnectResponse, encodeErrorResponse } from '../wire/tracker-packets.ts';
import { TrackerCaller } from './caller.ts';
import { scrapeCall } from './calls.ts';

const HASH = new Uint8Array(20).fill(7) as WireHash;
const URL_1 = 'udp://203.0.113.1:6969';
const URL_2 = 'udp://203.0.113.2:6969/announce';
const SECRET = new Uint8Array(32).fill(1);
const OTHER_SECRET = new Uint8Array(32).fill(2);

let scene: AnnounceScene;
let tracker: SimHost;
let other: SimHost;

function begin(seed: number): void {
  scene = new AnnounceScene({ seed, wireHash: HASH });
  tracker = scene.addHost('203.0.113.1', '2001:db8::1');
  other = scene.addHost('203.0.113.2');
}
beforeEach(() => begin(1));

/** Starts a tracker on a host. */
async function track(host: SimHost, secret: Uint8Array = SECRET, local = '0.0.0.0'): Promise<TrackerService> {
  const service = new TrackerService({
    cookie: new Cookie({ secret, epochMs: 0 }),
    memory: new OwnMemory(),
    random: host.random,
    settings: { intervalS: 30, ttlS: 90, limits: { swarms: 9, peers: 99, peersPerSwarm: 99, peersPerSource: 99 } },
    now: scene.clock.now(),
    firstSequence: 1,
    tellBarren: undefined,
  });
  const udp = await host.udp.bind({ host: local, port: 6969 });
  const ports = { clock: host.clock, udp, log: warningsTo([]), meter: { count: () => {} } };
  new TrackerServer({ ...ports, service, forward: undefined }).start();
  return service;
}

/** Kills the tracker and starts it again, without its memory. */
function restart(host: SimHost, secret: Uint8Array): Promise<TrackerService> {
  host.kill();
  host.boot();
  return track(host, secret);
}

let scrapes = 0;
async function scrape(at: Endpoint = { host: '203.0.113.1', port: 6969 }): Promise<SwarmCounts> {
  const { clock, udp, random } = scene.addHost(`198.51.100.${++scrapes}`, `2001:db8::1:${scrapes}`);
  const caller = new TrackerCaller({ clock, udp, random, localHost: undefined });
  const result = await scene.clock.run(caller.ask(at, scrapeCall([HASH]), 4), 60_000);
  await caller.close();
  if (!result.ok) throw new Error(result.text);
  return result.answer[0]!;
}

describe('an announcer', () => {
  it('brings peers together', async () => {
    await track(tracker);
    const seeder = scene.addPeer([URL_1], 0);
    await scene.start(seeder);
    const leecher = scene.addPeer([URL_1], 5);
    await scene.start(leecher);
    expect(leecher.told).toEqual(['192.0.2.1:7000']);
    await scene.clock.runFor(30_000);
    expect(seeder.told).toEqual(['192.0.2.2:7000']);
  });

  it('beats every interval for as long as it runs, then says goodbye', async () => {
    const service = await track(tracker);
    const peer = scene.addPeer([URL_1], 0);
    await scene.start(peer);
    const before = scene.network.datagrams.sent;
    await scene.clock.runFor(600_000);
    expect(service.size).toMatchObject({ peers: 1, expired: 0 });
    // Twenty beats with their answers, and no more connects than that.
    expect(scene.network.datagrams.sent - before).toBeLessThanOrEqual(4 * 20);
    const askedAt = scene.clock.now();
    await scene.stop(peer);
    expect(scene.clock.now() - askedAt).toBeLessThan(100);
    expect(service.size.peers).toBe(0);
    await scene.clock.runFor(100_000);
    expect([scene.clock.pending, service.size.peers]).toEqual([0, 0]);
  });

  it('[fault 14] is forgotten after its ttl when it dies, and known with its first beat when it returns', async () => {
    const service = await track(tracker);
    const peer = scene.addPeer([URL_1], 0, { ttlS: 60 });
    await scene.start(peer);
    peer.host.vanish();
    await scene.clock.runFor(59_000);
    expect(service.size.peers).toBe(1);
    await scene.clock.runFor(2_000);
    expect(service.size.peers).toBe(0);
    peer.host.boot();
    await scene.start(scene.addPeerAt(peer.host, [URL_1], 0));
    expect(service.size.peers).toBe(1);
  });

  it('says completed once to each tracker', async () => {
    await track(tracker);
    const peer = scene.addPeer([URL_1], undefined);
    await scene.start(peer);
    expect(await scrape()).toEqual({ seeders: 0, completed: 0, leechers: 1 });
    peer.left = 0;
    peer.announcer.completed();
    peer.announcer.completed();
    await scene.clock.runFor(300_000);
    expect(await scrape()).toEqual({ seeders: 1, completed: 1, leechers: 0 });
    await restart(tracker, SECRET);
    await scene.clock.runFor(31_000);
    expect(await scrape()).toEqual({ seeders: 1, completed: 0, leechers: 0 });
  });

  it('says completed to a tracker that was away when it happened', async () => {
    await track(tracker);
    const peer = scene.addPeer([URL_1], 5);
    await scene.start(peer);
    tracker.unplug();
    peer.left = 0;
    peer.announcer.completed();
    await scene.clock.runFor(40_000);
    tracker.plug();
    await scene.clock.runFor(40_000);
    expect(await scrape()).toEqual({ seeders: 1, completed: 1, leechers: 0 });
  });

  it('tells as a partial seed that it is one, in every beat', async () => {
    await track(tracker);
    const peer = scene.addPeer([URL_1], 5);
    peer.partialSeed = true;
    await scene.start(peer);
    await scene.clock.runFor(65_000);
    const leecher = scene.addPeer([URL_1], 5);
    await scene.start(leecher);
    await scene.clock.runFor(31_000);
    expect(leecher.told).toEqual(['192.0.2.1:7000', '192.0.2.1:7000']);
    expect(await scrape()).toEqual({ seeders: 0, completed: 0, leechers: 2 });
  });

  it('asks for more peers when told to, but not too often', async () => {
    await track(tracker);
    const leecher = scene.addPeer([URL_1], 5);
    await scene.start(leecher);
    const seeder = scene.addPeer([URL_1], 0);
    await scene.start(seeder);
    leecher.announcer.announceNow();
    await scene.clock.runFor(4_900);
    expect(leecher.told).toEqual([]);
    await scene.clock.runFor(200);
    expect(leecher.told).toEqual(['192.0.2.2:7000']);
    for (let i = 0; i < 100; i++) {
      leecher.announcer.announceNow();
      await scene.clock.runFor(100);
    }
    expect(leecher.told).toHaveLength(3);
  });
});

describe('trackers that fail', () => {
  it('delay nobody: one that is dead costs the other nothing', async () => {
    await track(other);
    const seeder = scene.addPeer([URL_2], 0);
    await scene.start(seeder);
    const leecher = scene.addPeer([URL_1, URL_2], 5);
    const started = leecher.announcer.start();
    await scene.clock.runFor(50);
    expect(leecher.told).toEqual(['192.0.2.1:7000']);
    await scene.clock.run(started, 3_000);
    expect(leecher.warnings).toEqual(['the tracker does not answer; trying on: no answer']);
    const before = scene.network.datagrams.sent;
    await scene.clock.runFor(600_000);
    expect(scene.network.datagrams.sent - before).toBeLessThan(150);
    expect(leecher.warnings).toHaveLength(1);
  });

  it('hear of us within half a minute of coming back', async () => {
    const peer = scene.addPeer([URL_1], 0);
    await scene.start(peer);
    await scene.clock.runFor(1_000_000);
    const service = await track(tracker);
    await scene.clock.runFor(33_000);
    expect(service.size.peers).toBe(1);
    expect(peer.states.at(-1)).toBe('working');
  });

  it.each([
    ['the same secret', SECRET],
    ['another secret', OTHER_SECRET],
  ])('[fault 15] know all peers within a beat of a restart with %s', async (_, secret) => {
    await track(tracker);
    for (let i = 0; i < 10; i++) {
      await scene.start(scene.addPeer([URL_1], i));
      await scene.clock.runFor(2_500);
    }
    const service = await restart(tracker, secret);
    expect(service.size.peers).toBe(0);
    await scene.clock.runFor(32_000);
    expect(service.size.peers).toBe(10);
  });

  it('[fault 54] do not hold up the end', async () => {
    await track(tracker);
    const peer = scene.addPeer([URL_1, URL_2], 0);
    await scene.start(peer);
    tracker.vanish();
    const askedAt = scene.clock.now();
    await scene.stop(peer);
    expect(scene.clock.now() - askedAt).toBeLessThanOrEqual(2_000);
    await scene.clock.runFor(100_000);
    expect(scene.clock.pending).toBe(0);
  });

  it('that never answered are left without a goodbye', async () => {
    const peer = scene.addPeer([URL_1], 0);
    await scene.start(peer);
    const askedAt = scene.clock.now();
    await scene.stop(peer);
    expect(scene.clock.now()).toBe(askedAt);
  });

  it('that have not answered yet are not waited for, and those that have hear the goodbye', async () => {
    const service = await track(tracker);
    const peer = scene.addPeer([URL_1, URL_2], 0);
    void peer.announcer.start();
    await scene.clock.runFor(500);
    expect(service.size.peers).toBe(1);
    const askedAt = scene.clock.now();
    await scene.stop(peer);
    expect(scene.clock.now() - askedAt).toBeLessThan(100);
    expect(service.size.peers).toBe(0);
  });

  it('that fell silent are not waited for either', async () => {
    await track(tracker);
    const peer = scene.addPeer([URL_1], 0);
    await scene.start(peer);
    tracker.vanish();
    await scene.clock.runFor(120_000);
    const askedAt = scene.clock.now();
    await scene.stop(peer);
    expect(scene.clock.now()).toBe(askedAt);
    await scene.clock.runFor(100_000);
    expect(scene.clock.pending).toBe(0);
  });

  it('[fault 12] keep us through a bad network', async () => {
    for (const seed of [1, 2, 3]) {
      begin(seed);
      const service = await track(tracker);
      const peer = scene.addPeer([URL_1], 0);
      scene.network.change(tracker, peer.host, { datagramLoss: 0.2, datagramDoubling: 0.1, jitterMs: 700 });
      await scene.start(peer);
      expect(await scene.clock.runUntilTrue(() => service.size.peers === 1, 60_000)).toBe(true);
      await scene.clock.runFor(3_600_000);
      expect(service.size).toMatchObject({ peers: 1, expired: 0 });
    }
  });

  it('that refuse are asked again, though not at once', async () => {
    let asked = 0;
    const udp = await tracker.udp.bind({ host: '0.0.0.0', port: 6969 });
    udp.onDatagram((bytes, from) => {
      const transaction = (bytes[12]! << 24) | (bytes[13]! << 16) | (bytes[14]! << 8) | bytes[15]!;
      if (bytes[11] === 0) udp.send(encodeConnectResponse(transaction, new Uint8Array(8)), from);
      else {
        asked++;
        udp.send(encodeErrorResponse(transaction, 'not registered'), from);
      }
    });
    const peer = scene.addPeer([URL_1], 0);
    await scene.start(peer);
    expect(peer.warnings).toEqual(['the tracker refuses this; trying on: not registered']);
    await scene.clock.runFor(300_000);
    expect(asked).toBeLessThan(25);
    expect(asked).toBeGreaterThan(5);
  });

  it('that answer with 8 bytes what they do not serve count as refusing', async () => {
    const udp = await tracker.udp.bind({ host: '0.0.0.0', port: 6969 });
    udp.onDatagram((bytes, from) => {
      const answer = encodeConnectResponse(0, new Uint8Array(8));
      answer.set(bytes.subarray(8, 16));
      udp.send(bytes[11] === 0 ? answer : answer.subarray(0, 8), from);
    });
    const peer = scene.addPeer([URL_1], 0);
    await scene.start(peer);
    expect([peer.states, peer.told]).toEqual([['refused'], []]);
  });

  it('that name an interval of 0, or of a week, are beaten for as usual, or hourly', async () => {
    for (const [intervalS, beats] of [
      [0, 240],
      [604_800, 2],
    ] as const) {
      begin(1);
      let asked = 0;
      const udp = await tracker.udp.bind({ host: '0.0.0.0', port: 6969 });
      udp.onDatagram((bytes, from) => {
        const transaction = (bytes[12]! << 24) | (bytes[13]! << 16) | (bytes[14]! << 8) | bytes[15]!;
        const answer = { intervalS, leechers: 0, seeders: 0, peers: new Uint8Array(0) };
        if (bytes[11] === 1) asked++;
        if (bytes[11] === 0) udp.send(encodeConnectResponse(transaction, new Uint8Array(8)), from);
        else udp.send(encodeAnnounceResponse(transaction, answer), from);
      });
      await scene.start(scene.addPeer([URL_1], 0));
      await scene.clock.runFor(7_199_000);
      expect(asked).toBe(beats);
    }
  });
});

describe('names of trackers', () => {
  it('[fault 56] are looked up again until they resolve', async () => {
    const service = await track(tracker);
    const peer = scene.addPeer(['udp://tracker.test:6969'], 0);
    await scene.start(peer);
    expect(peer.states).toEqual(['unresolved']);
    expect(peer.warnings).toEqual([
      'the name of the tracker means no address; trying on: the name tracker.test does not resolve',
    ]);
    await scene.clock.runFor(100_000);
    expect(peer.warnings).toHaveLength(1);
    scene.resolver.names.set('tracker.test', ['203.0.113.1']);
    await scene.clock.runFor(31_000);
    expect([service.size.peers, peer.states.at(-1)]).toEqual([1, 'working']);
  });

  it('[fault 56] that come to mean another machine are followed, and to another family', async () => {
    await track(other);
    scene.resolver.names.set('tracker.test', ['203.0.113.2']);
    const peer = scene.addPeerAt(scene.addHost('192.0.2.101', '2001:db8::7'), ['udp://tracker.test:6969'], 0);
    await scene.start(peer);
    other.kill();
    const service = await track(tracker, SECRET, '::');
    scene.resolver.names.set('tracker.test', ['2001:db8::1']);
    await scene.clock.runFor(120_000);
    expect(service.size.peers).toBe(1);
    expect((await scrape()).seeders).toBe(0);
    expect((await scrape({ host: '2001:db8::1', port: 6969 })).seeders).toBe(1);
  });

  it('[fault 56] that mean several addresses are tried one after the other', async () => {
    scene.resolver.names.set('tracker.test', ['203.0.113.99', '203.0.113.2', '203.0.113.1']);
    const service = await track(tracker);
    const peer = scene.addPeer(['udp://tracker.test:6969'], 0);
    await scene.start(peer);
    await scene.clock.runFor(60_000);
    expect(service.size.peers).toBe(1);
  });

  it('with both families are announced to in both', async () => {
    await track(tracker, SECRET, '::');
    scene.resolver.names.set('tracker.test', ['203.0.113.1', '2001:db8::1']);
    const urls = ['udp://tracker.test:6969'];
    const seeder = scene.addPeerAt(scene.addHost('192.0.2.101', '2001:db8::7'), urls, 0);
    await scene.start(seeder);
    await scene.clock.runFor(1_000);
    const leecher = scene.addPeerAt(scene.addHost('192.0.2.102', '2001:db8::8'), urls, 5);
    await scene.start(leecher);
    await scene.clock.runFor(1_000);
    const expected = [
      { host: '192.0.2.101', port: 7000 },
      { host: '2001:db8::7', port: 7000 },
    ];
    expect(leecher.told.toSorted()).toEqual(expected.map(endpointText).toSorted());
  });

  it('with a family at which nobody answers cost no time and no warning', async () => {
    await track(tracker);
    scene.resolver.names.set('tracker.test', ['2001:db8::1', '203.0.113.1']);
    const peer = scene.addPeerAt(scene.addHost('192.0.2.101', '2001:db8::7'), ['udp://tracker.test:6969'], 0);
    const askedAt = scene.clock.now();
    await scene.start(peer);
    expect(scene.clock.now() - askedAt).toBeLessThan(100);
    await scene.clock.runFor(600_000);
    expect(peer.warnings).toEqual([]);
    expect(new Set(peer.states)).toEqual(new Set(['working']));
  });

  it('that are given twice are told once', async () => {
    const service = await track(tracker);
    const peer = scene.addPeer([URL_1, URL_1, `${URL_1}/`], 0);
    await scene.start(peer);
    expect(peer.states).toEqual(['working']);
    expect(service.size.peers).toBe(1);
  });
});
