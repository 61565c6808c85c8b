import { beforeEach, describe, expect, it } from 'vitest';
import { Cookie } from '../../tracker/cookie.ts';
import { TrackerServer } from '../../tracker/server.ts';
import { TrackerService } from '../../tracker/service.ts';
import type { InfoHashV2 } from '../base/ids.ts';
import { wireHashOf } from '../base/ids.ts';
import { OwnMemory } from '../base/own-memory.ts';
import type { UdpPort } from '../base/ports.ts';
import type { ScenePeer } from '../sim/announce-scene.ts';
import { AnnounceScene, warningsTo } from '../sim/announce-scene.ts';
import type { SimHost } from '../sim/host.ts';
import type { CatalogueItem } from '../wire/catalogue-entry.ts';
import { ACTION_HEARTBEAT, isToolkitAction, requestAction } from '../wire/tracker-header.ts';
import type { CatalogueReply } from './catalogue-client.ts';

const URL_1 = 'udp://203.0.113.1:6969';
const URL_2 = 'udp://203.0.113.2:6969';
const SECRET = new Uint8Array(32).fill(1);
const OTHER_SECRET = new Uint8Array(32).fill(2);

const hashOf = (n: number): InfoHashV2 => new Uint8Array(32).fill(n) as InfoHashV2;
const itemOf = (n: number, name: string): CatalogueItem => ({
  infoHashV2: hashOf(n),
  infoHashV1: undefined,
  multiFile: false,
  unlisted: false,
  pieceBytes: 512 * 1024,
  sizeBytes: 1_000,
  infoBytes: 100,
  name,
});
const ITEM = itemOf(7, 'a.iso');

let scene: AnnounceScene;
let tracker: SimHost;
let other: SimHost;
beforeEach(() => {
  scene = new AnnounceScene({ seed: 1, wireHash: wireHashOf(hashOf(7)) });
  tracker = scene.addHost('203.0.113.1', '2001:db8::1');
  other = scene.addHost('203.0.113.2');
});

/** Starts a tracker; `hears` may keep datagrams from it. */
async function track(
  host: SimHost,
  secret: Uint8Array = SECRET,
  hears: (bytes: Uint8Array) => boolean = () => true,
): Promise<TrackerService> {
  const limits = { swarms: 999, peers: 999, peersPerSwarm: 999, peersPerSource: 999 };
  const service = new TrackerService({
    cookie: new Cookie({ secret, epochMs: 0 }),
    memory: new OwnMemory(),
    random: host.random,
    settings: { intervalS: 30, ttlS: 90, limits },
    now: scene.clock.now(),
    firstSequence: 1,
    tellBarren: undefined,
  });
  const bound = await host.udp.bind({ host: '0.0.0.0', port: 6969 });
  const udp: UdpPort = {
    local: bound.local,
    send: (bytes, to) => bound.send(bytes, to),
    close: () => bound.close(),
    onDatagram: (receive) => bound.onDatagram((bytes, from) => (hears(bytes) ? receive(bytes, from) : undefined)),
  };
  new TrackerServer({
    clock: host.clock,
    udp,
    log: warningsTo([]),
    meter: { count: () => {} },
    service,
    forward: undefined,
  }).start();
  return service;
}

async function share(item: CatalogueItem, urls: readonly string[], partialSeed = false): Promise<ScenePeer> {
  const peer = scene.addPeer(urls, partialSeed ? 5 : 0, { wireHash: wireHashOf(item.infoHashV2!) });
  peer.partialSeed = partialSeed;
  peer.announcer.publish(item);
  await scene.start(peer);
  return peer;
}

/** `name seeders@trackers` of each entry, and `status` of each tracker. */
async function read(urls: readonly string[], query = ''): Promise<[entries: string[], statuses: string[]]> {
  const reader = scene.addReader(...urls);
  const reply = await scene.clock.run(reader.list({ query }), 60_000);
  await reader.close();
  return [texts(reply), reply.trackers.map(({ status }) => status)];
}
const texts = (reply: CatalogueReply): string[] =>
  reply.entries.map((entry) => `${entry.name} ${entry.seeders}@${entry.trackers.length}`);

describe('what is published', () => {
  it('can be found as soon as the publisher has started, and no longer when it has stopped', async () => {
    await track(tracker);
    const seeder = await share(ITEM, [URL_1]);
    expect(await read([URL_1])).toEqual([['a.iso 1@1'], ['ok']]);
    await scene.stop(seeder);
    expect(await read([URL_1])).toEqual([[], ['ok']]);
  });

  it('may come from a partial seed', async () => {
    await track(tracker);
    await share(ITEM, [URL_1], true);
    expect(await read([URL_1])).toEqual([['a.iso 1@1'], ['ok']]);
  });

  it('may be published while the announcer runs', async () => {
    await track(tracker);
    const seeder = scene.addPeer([URL_1], 0);
    await scene.start(seeder);
    seeder.announcer.publish(ITEM);
    await scene.clock.runFor(100);
    expect(await read([URL_1])).toEqual([['a.iso 1@1'], ['ok']]);
  });

  it.each([
    ['the same secret', SECRET],
    ['another secret', OTHER_SECRET],
  ])('[fault 15] is there again within a beat of a restart with %s', async (_, secret) => {
    await track(tracker);
    await share(ITEM, [URL_1]);
    await scene.clock.runFor(100_000);
    tracker.kill();
    tracker.boot();
    await track(tracker, secret);
    await scene.clock.runFor(33_000);
    expect(await read([URL_1])).toEqual([['a.iso 1@1'], ['ok']]);
  });

  it('[fault 15] is there again some beats later even when nothing showed that it was lost', async () => {
    await track(tracker);
    const seeder = await share(ITEM, [URL_1]);
    await scene.clock.runFor(1_000);
    tracker.kill();
    tracker.boot();
    const service = await track(tracker, SECRET);
    // As if the restart had come between the heartbeat and the announce: another announces for the same peer.
    await scene.start(scene.addPeerAt(seeder.host, [URL_1], 0));
    expect(service.size).toMatchObject({ peers: 1, entries: 0 });
    await scene.clock.runFor(330_000);
    expect(service.size.entries).toBe(1);
  });

  it('costs a heartbeat and an announce per beat, and seldom more', async () => {
    await track(tracker);
    await share(ITEM, [URL_1]);
    const before = scene.network.datagrams.sent;
    await scene.clock.runFor(3_600_000);
    expect(scene.network.datagrams.sent - before).toBeLessThanOrEqual(120 * 7);
  });

  it('is kept through heartbeats that go unanswered', async () => {
    const service = await track(tracker, SECRET, (bytes) => requestAction(bytes) !== ACTION_HEARTBEAT);
    await share(ITEM, [URL_1]);
    await scene.clock.runFor(600_000);
    expect(service.size).toMatchObject({ peers: 1, entries: 1, expired: 0 });
  });

  it('does not hold up announces to a tracker without a catalogue', async () => {
    const service = await track(tracker, SECRET, (bytes) => !isToolkitAction(requestAction(bytes)));
    const seeder = await share(ITEM, [URL_1]);
    await scene.clock.runFor(600_000);
    expect(service.size).toMatchObject({ peers: 1, expired: 0 });
    expect(seeder.warnings).toEqual([]);
  });

  it('is said once to be refused, with the reason', async () => {
    await track(tracker);
    const seeder = await share({ ...ITEM, name: '../a' }, [URL_1]);
    await scene.clock.runFor(300_000);
    expect(seeder.warnings).toEqual([expect.stringMatching(/^the tracker does not list this: tk bad-name ./)]);
  });

  it('is not published after the goodbye', async () => {
    const service = await track(tracker);
    const seeder = await share(ITEM, [URL_1]);
    const { datagrams } = scene.network;
    const before = datagrams.sent;
    // The heartbeat of the next beat is under way.
    expect(await scene.clock.runUntilTrue(() => datagrams.sent > before, 60_000)).toBe(true);
    await scene.stop(seeder);
    await scene.clock.runFor(10_000);
    expect(service.size).toMatchObject({ peers: 0, entries: 0 });
  });
});

describe('a reader', () => {
  it('merges what several trackers list, by info hash, most seeders first', async () => {
    await track(tracker);
    await track(other);
    await share(ITEM, [URL_1, URL_2]);
    await share(itemOf(8, 'b.iso'), [URL_2]);
    await share(itemOf(8, 'b.iso'), [URL_2]);
    expect(await read([URL_1, URL_2])).toEqual([
      ['b.iso 2@1', 'a.iso 1@2'],
      ['ok', 'ok'],
    ]);
  });

  it('follows all pages', async () => {
    await track(tracker);
    for (let n = 0; n < 40; n++) await share(itemOf(n, `${'x'.repeat(100)}${n}`), [URL_1]);
    const [entries] = await read([URL_1]);
    expect(new Set(entries).size).toBe(40);
  });

  it('searches, also by more words than a request has room for', async () => {
    await track(tracker);
    const long = `${'ä'.repeat(40)} one`;
    await share(itemOf(1, long), [URL_1]);
    await share(itemOf(2, `${'ä'.repeat(40)} two`), [URL_1]);
    expect((await read([URL_1], 'TWO'))[0]).toHaveLength(1);
    expect((await read([URL_1], long))[0]).toEqual([`${long} 1@1`]);
  });

  it('looks up by hash and by name', async () => {
    await track(tracker);
    await share(ITEM, [URL_1]);
    const reader = scene.addReader(URL_1);
    const swarm = { kind: 'swarm', hash: wireHashOf(hashOf(7)) } as const;
    for (const by of [swarm, { kind: 'v2', hash: hashOf(7) } as const, { kind: 'name', name: 'a.iso' } as const]) {
      const reply = await scene.clock.run(reader.lookup(by), 10_000);
      expect(reply.entries).toMatchObject([{ name: 'a.iso', infoBytes: 100, sizeBytes: 1_000 }]);
    }
    const nothing = await scene.clock.run(reader.lookup({ kind: 'name', name: 'b' }), 10_000);
    expect(nothing).toMatchObject({ entries: [], trackers: [{ status: 'ok' }] });
    await reader.close();
  });

  it('says of each tracker how it went, and waits for none longer than a few seconds', async () => {
    await track(tracker);
    await track(other, SECRET, (bytes) => !isToolkitAction(requestAction(bytes)));
    await share(ITEM, [URL_1]);
    const askedAt = scene.clock.now();
    const urls = ['udp://203.0.113.9:1', URL_2, 'udp://nowhere.test:1', URL_1];
    expect(await read(urls)).toEqual([['a.iso 1@1'], ['no answer', 'no catalogue', 'unresolved', 'ok']]);
    expect(scene.clock.now() - askedAt).toBeLessThan(3_100);
  });

  it('asks both families of a name at once and takes the one that answers', async () => {
    await track(tracker);
    await share(ITEM, [URL_1]);
    scene.resolver.names.set('tracker.test', ['2001:db8::1', '203.0.113.1']);
    const askedAt = scene.clock.now();
    expect(await read(['udp://tracker.test:6969'])).toEqual([['a.iso 1@1'], ['ok']]);
    expect(scene.clock.now() - askedAt).toBeLessThan(100);
  });

  it('gives up when it is closed', async () => {
    const reader = scene.addReader(URL_1);
    const reply = reader.list();
    await scene.clock.runFor(10);
    await reader.close();
    expect(await scene.clock.run(reply, 10)).toMatchObject({ entries: [], trackers: [{ status: 'no answer' }] });
    expect(scene.clock.pending).toBe(0);
  });
});
