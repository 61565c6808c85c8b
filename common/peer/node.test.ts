import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import type { Endpoint } from '../base/ids.ts';
import { DIAL_TIMEOUT_MS, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_IP, MAX_HALF_OPEN_DIALS } from '../base/limits.ts';
import { FakeFetcher, PEER_PORT, World, type RawPeer } from '../fixtures/nodes.ts';
import { GEOMETRY, handshakeOf } from '../fixtures/sessions.ts';
import { encodeBare, MESSAGE } from '../wire/peer-messages.ts';

const SEEDER = '10.0.0.1';
const LEECHER = '10.0.0.2';
const FULL = { fast: true, extended: true };

async function addLeecher(world: World) {
  const fetcher = new FakeFetcher();
  const offered = new Bitfield(GEOMETRY.pieceCount);
  return { ...(await world.add({ host: LEECHER, offered, fetcher })), fetcher };
}

describe('a storm of connections', () => {
  it('[fault 43] from one address is cut off at its share, and others are served', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const crowd = world.network.addHost('10.0.1.1');
    const peers: RawPeer[] = [];
    for (let i = 0; i < MAX_CONNECTIONS_PER_IP + 10; i++) peers.push((await world.dial(crowd, seeder.endpoint))!);
    await world.clock.runFor(100);
    expect(peers.filter(({ closed }) => closed === undefined)).toHaveLength(MAX_CONNECTIONS_PER_IP);
    expect(seeder.meter.of('connections_refused')).toBe(10);
    const other = await world.join('10.0.2.1', seeder.endpoint);
    expect(other.takeNames()).toEqual(['haveAll']);
    peers[0]!.stream.destroy();
    await world.clock.runFor(100);
    const again = (await world.dial(crowd, seeder.endpoint))!;
    await world.clock.runFor(100);
    expect(again.closed).toBeUndefined();
  });

  it('[fault 43] from everywhere is cut off at the limit, and passes', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const peers: RawPeer[] = [];
    for (let host = 0; host < 12; host++) {
      const crowd = world.network.addHost(`10.0.1.${host + 1}`);
      for (let i = 0; i < MAX_CONNECTIONS_PER_IP; i++) peers.push((await world.dial(crowd, seeder.endpoint))!);
    }
    await world.clock.runFor(10);
    expect(peers.filter(({ closed }) => closed === undefined)).toHaveLength(MAX_CONNECTIONS);
    expect((await world.dial('10.0.2.1', seeder.endpoint))!.closed).toBeUndefined();
    // Nobody of them says anything: their time for a handshake ends.
    await world.clock.runFor(15_000);
    expect(peers.filter(({ closed }) => closed === undefined)).toHaveLength(0);
    const peer = await world.join('10.0.3.1', seeder.endpoint);
    expect(peer.takeNames()).toEqual(['haveAll']);
  });
});

describe('a node that is to have few connections', () => {
  it('takes no more than those, from wherever', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER, maxConnections: 2 });
    const peers: RawPeer[] = [];
    for (const host of ['10.0.1.1', '10.0.1.2', '10.0.1.3']) peers.push((await world.dial(host, seeder.endpoint))!);
    await world.clock.runFor(100);
    expect(peers.map(({ closed }) => closed === undefined)).toEqual([true, true, false]);
    seeder.swarm.meet([{ host: '10.0.1.9', port: PEER_PORT }]);
    expect(seeder.swarm.standing.due(world.clock.now(), 10)).toHaveLength(1);
  });
});

describe('dials', () => {
  /** Endpoints that never answer. */
  const silent = (count: number): Endpoint[] =>
    Array.from({ length: count }, (_, i) => ({ host: `10.9.${i >> 8}.${i & 255}`, port: PEER_PORT }));

  it('are under way to a bounded number of endpoints, and reach all in the end', async () => {
    const world = new World();
    const leecher = await addLeecher(world);
    const endpoints = silent(100);
    for (const { host } of endpoints) world.network.addHost(host).unplug();
    leecher.swarm.meet(endpoints);
    expect(leecher.swarm.standing.due(world.clock.now(), 1_000)).toHaveLength(100 - MAX_HALF_OPEN_DIALS);
    await world.clock.runFor(DIAL_TIMEOUT_MS + 100);
    expect(leecher.meter.of('dials_failed')).toBe(MAX_HALF_OPEN_DIALS);
    await world.clock.runFor(3 * DIAL_TIMEOUT_MS);
    expect(leecher.meter.of('dials_failed')).toBeGreaterThanOrEqual(100);
  });

  it('count as connections while they are under way', async () => {
    const world = new World();
    const leecher = await addLeecher(world);
    for (let host = 0; host < 9; host++) {
      const crowd = world.network.addHost(`10.0.1.${host + 1}`);
      for (let i = 0; i < MAX_CONNECTIONS_PER_IP; i++) await world.dial(crowd, leecher.endpoint);
    }
    const last = world.network.addHost('10.0.1.99');
    for (let i = 0; i < 40; i++) await world.dial(last, leecher.endpoint);
    const endpoints = silent(30);
    for (const { host } of endpoints) world.network.addHost(host).unplug();
    leecher.swarm.meet(endpoints);
    expect(leecher.swarm.standing.due(world.clock.now(), 1_000)).toHaveLength(20);
    await world.dial('10.0.2.1', leecher.endpoint);
    expect(leecher.meter.of('connections_refused')).toBe(1);
  });

  it('to those that never answer do not keep us from one that does', async () => {
    const world = new World();
    const leecher = await addLeecher(world);
    const endpoints = silent(200);
    for (const { host } of endpoints) world.network.addHost(host).unplug();
    leecher.swarm.meet(endpoints);
    await world.clock.runFor(120_000);
    const seeder = await world.add({ host: SEEDER });
    leecher.swarm.meet([seeder.endpoint]);
    await world.clock.runFor(DIAL_TIMEOUT_MS + 1_000);
    expect(leecher.swarm.connections).toHaveLength(1);
  });

  it('that are refused are tried again with growing pauses', async () => {
    const world = new World();
    const leecher = await addLeecher(world);
    world.network.addHost('10.9.0.1');
    leecher.swarm.meet([{ host: '10.9.0.1', port: PEER_PORT }]);
    await world.clock.runFor(500);
    expect(leecher.meter.of('dials_failed')).toBe(1);
    await world.clock.runFor(10_000);
    expect(leecher.meter.of('dials_failed')).toBe(4);
    await world.clock.runFor(600_000);
    expect(leecher.meter.of('dials_failed')).toBeLessThan(20);
  });

  it('wait for room while there is none, and go on when a connection ends', async () => {
    const world = new World();
    const leecher = await addLeecher(world);
    const peers: RawPeer[] = [];
    for (let host = 0; host < MAX_CONNECTIONS / MAX_CONNECTIONS_PER_IP; host++) {
      const crowd = world.network.addHost(`10.0.1.${host + 1}`);
      for (let i = 0; i < MAX_CONNECTIONS_PER_IP; i++) peers.push((await world.dial(crowd, leecher.endpoint))!);
    }
    const seeder = await world.add({ host: SEEDER });
    leecher.swarm.meet([seeder.endpoint]);
    await world.clock.runFor(100);
    expect(leecher.swarm.connections).toHaveLength(0);
    peers[0]!.stream.destroy();
    await world.clock.runFor(100);
    expect(leecher.swarm.connections).toHaveLength(1);
  });
});

describe('the end of a node', () => {
  it('closes every connection, opens none, and leaves nothing to wake up for', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const leecher = await addLeecher(world);
    const joined = await world.join('10.0.1.1', seeder.endpoint);
    const mute = (await world.dial('10.0.1.2', seeder.endpoint))!;
    world.network.addHost('10.9.0.1').unplug();
    seeder.swarm.meet([leecher.endpoint, { host: '10.9.0.1', port: PEER_PORT }]);
    await world.clock.runFor(100);
    await world.clock.run(seeder.node.stop(), 10_000);
    await world.clock.runFor(100);
    expect([joined.closed, mute.closed]).toEqual(['ended', 'ended']);
    expect(leecher.fetcher.takeTold().at(-1)).toBe('gone ended');
    expect(await world.dial('10.0.1.3', seeder.endpoint)).toBeUndefined();
    seeder.swarm.meet([{ host: '10.0.1.1', port: PEER_PORT }]);
    await world.clock.run(leecher.node.stop(), 10_000);
    await world.clock.runFor(600_000);
    expect(world.clock.pending).toBe(0);
    expect([seeder.host.streamCount, leecher.host.streamCount]).toEqual([0, 0]);
  });

  it('while a dial is under way lets go of the connection that comes of it', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const leecher = await addLeecher(world);
    leecher.swarm.meet([seeder.endpoint]);
    await world.clock.run(leecher.node.stop(), 10_000);
    await world.clock.runFor(1_000);
    expect(leecher.fetcher.takeTold()).toEqual([]);
    expect(leecher.host.streamCount).toBe(0);
  });
});

describe('a node', () => {
  it('knows its torrents by the hash that a peer names', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const peer = (await world.dial('10.0.1.1', seeder.endpoint))!;
    const theirs = handshakeOf(FULL);
    theirs[30]! ^= 1;
    peer.send(theirs);
    await world.clock.runFor(100);
    expect([peer.closed, peer.receivedBytes]).toEqual(['ended', 0]);
  });

  it('serves a leecher and a raw peer at the same time', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const leecher = await addLeecher(world);
    leecher.fetcher.onTold = (what, peer) => {
      if (what === 'ready') peer.setInterested(true);
      if (what === 'unchoked') for (let piece = 0; piece < 8; piece++) peer.request(piece as never, 0, 65_536);
    };
    leecher.swarm.meet([seeder.endpoint]);
    const raw = await world.join('10.0.1.1', seeder.endpoint);
    raw.send(encodeBare(MESSAGE.interested));
    await world.clock.runFor(1_000);
    expect(leecher.fetcher.told.filter((line) => line.startsWith('block'))).toHaveLength(8);
    expect(raw.takeNames()).toEqual(['haveAll', 'unchoke']);
    expect(seeder.swarm.uploadedBytes).toBe(8 * 65_536);
    expect(seeder.store.done.reads).toBe(8);
  });
});
