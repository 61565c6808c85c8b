import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { utf8 } from '../base/bytes.ts';
import { NEVER, type PieceIndex } from '../base/ids.ts';
import { CHOKE_INTERVAL_MS, REDIAL_LAST_MS } from '../base/limits.ts';
import { FakeFetcher, PEER_PORT, World, type Resident, type ResidentOptions } from '../fixtures/nodes.ts';
import { GEOMETRY, INFO } from '../fixtures/sessions.ts';
import { encodeBare, encodeBitfield, encodeExtended, encodeHave, MESSAGE } from '../wire/peer-messages.ts';

const NOTHING = (): Bitfield => new Bitfield(GEOMETRY.pieceCount);
const at = (host: string, port = PEER_PORT) => ({ host, port });

/** A leecher that fetches nothing by itself. */
async function addLeecher(world: World, options: ResidentOptions): Promise<Resident & { fetcher: FakeFetcher }> {
  const fetcher = new FakeFetcher();
  return { ...(await world.add({ offered: NOTHING(), fetcher, ...options })), fetcher };
}

describe('a leecher that hears of a seeder', () => {
  it('dials it, and is told what it has', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1' });
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    leecher.swarm.meet([seeder.endpoint]);
    await world.clock.runFor(100);
    expect(leecher.fetcher.takeTold()).toEqual(['ready', 'pieces ', 'pieces 0,1,2,3,4,5,6,7,8']);
    expect([...leecher.fetcher.peers.values()][0]).toMatchObject({
      endpoint: seeder.endpoint,
      client: 'Shoal 0.1.0',
      blockBytes: 65_536,
      metadataBytes: INFO.length,
    });
    expect(seeder.swarm.connections).toHaveLength(1);
  });

  it('dials it once, however often it hears of it, and again after it has gone', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1' });
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    for (let i = 0; i < 10; i++) {
      leecher.swarm.meet([seeder.endpoint, seeder.endpoint]);
      await world.clock.runFor(1_000);
    }
    expect(seeder.host.streamCount).toBe(1);
    seeder.host.resetStreamsWith(leecher.host);
    await world.clock.runFor(100);
    expect(leecher.swarm.connections).toHaveLength(0);
    await world.clock.runFor(2_000);
    expect(leecher.swarm.connections).toHaveLength(1);
    expect(leecher.fetcher.takeTold().filter((line) => !line.startsWith('pieces'))).toEqual([
      'ready',
      'gone reset',
      'ready',
    ]);
  });

  it('does not dial what it is connected to because that called', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1' });
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    seeder.swarm.meet([leecher.endpoint]);
    await world.clock.runFor(100);
    leecher.swarm.meet([seeder.endpoint]);
    const isDialled = (): boolean => seeder.host.streamCount > 1;
    expect(await world.clock.runUntilTrue(isDialled, 60_000)).toBe(false);
    expect(seeder.host.streamCount).toBe(1);
  });

  it('and has all it wanted, dials nobody', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1' });
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    leecher.fetcher.isDone = true;
    leecher.swarm.meet([seeder.endpoint]);
    const isDialled = (): boolean => seeder.host.streamCount > 0;
    expect(await world.clock.runUntilTrue(isDialled, 60_000)).toBe(false);
    expect(world.clock.pending).toBe(0);
  });
});

describe('[fault 44] one connection per peer', () => {
  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('stays when both dial at once (%s, %s)', async (first, second) => {
    const world = new World();
    const one = await addLeecher(world, { host: '10.0.0.1', id: first });
    const two = await addLeecher(world, { host: '10.0.0.2', id: second });
    one.swarm.meet([two.endpoint]);
    two.swarm.meet([one.endpoint]);
    await world.clock.runFor(100);
    for (const { swarm } of [one, two]) expect(swarm.standing.nextDue).toBe(NEVER);
    await world.clock.runFor(120_000);
    for (const { swarm, fetcher, host } of [one, two]) {
      expect(swarm.connections).toHaveLength(1);
      expect(fetcher.peers.size).toBe(1);
      expect(host.streamCount).toBe(1);
    }
    // The one that the smaller id dialled.
    expect(one.swarm.connections[0]!.side).toBe(first < second ? 'dialled' : 'accepted');
    expect(two.swarm.connections[0]!.side).toBe(first < second ? 'accepted' : 'dialled');
  });

  it('is to none of ourselves, and we are not dialled again', async () => {
    const world = new World();
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    for (let i = 0; i < 20; i++) {
      leecher.swarm.meet([leecher.endpoint]);
      await world.clock.runFor(30_000);
      expect(leecher.host.streamCount).toBe(0);
    }
    expect(leecher.fetcher.takeTold()).toEqual([]);
    expect(leecher.swarm.connections).toEqual([]);
    expect(leecher.swarm.standing.nextDue).toBe(NEVER);
  });

  it('is kept when it has a second address, which is tried too once the connection has gone', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1' });
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    const other = at('10.0.0.9');
    world.network.addHost(other.host).listening.claim(other, {
      local: other,
      onConnection: () => undefined,
      close: () => Promise.resolve(),
      deliver: (stream: never) => {
        seeder.host.listening.find(seeder.endpoint)!.deliver(stream);
      },
    } as never);
    leecher.swarm.meet([seeder.endpoint]);
    await world.clock.runFor(100);
    leecher.swarm.meet([other]);
    await world.clock.runFor(60_000);
    expect(leecher.swarm.connections).toHaveLength(1);
    expect([...leecher.fetcher.peers.values()][0]!.endpoint).toEqual(seeder.endpoint);
    expect(leecher.swarm.standing.nextDue).toBe(NEVER);
    leecher.swarm.connections[0]!.close('stopped');
    expect(leecher.swarm.standing.due((world.clock.now() + REDIAL_LAST_MS) as never, 10)).toHaveLength(2);
  });

  it('is the old one, unless that has fallen silent', async () => {
    const world = new World();
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    const host = world.network.addHost('10.0.0.1');
    const first = await world.join(host, leecher.endpoint, { id: 'same' });
    const second = await world.join(host, leecher.endpoint, { id: 'same' });
    expect([first.closed, second.closed]).toEqual([undefined, 'ended']);
    await world.clock.runFor(10_000);
    const third = await world.join(host, leecher.endpoint, { id: 'same' });
    expect([first.closed, third.closed]).toEqual(['ended', undefined]);
    expect(leecher.fetcher.takeTold()).toEqual(['ready', 'pieces ', 'gone duplicate', 'ready', 'pieces ']);
  });
});

describe('two that have all', () => {
  it('have nothing to exchange: they part, and do not dial each other again', async () => {
    const world = new World();
    const one = await world.add({ host: '10.0.0.1' });
    const two = await world.add({ host: '10.0.0.2' });
    one.swarm.meet([two.endpoint]);
    await world.clock.runFor(100);
    expect(one.swarm.connections).toEqual([]);
    for (let i = 0; i < 10; i++) {
      one.swarm.meet([two.endpoint]);
      expect(await world.clock.runUntilTrue(() => two.host.streamCount > 0, 30_000)).toBe(false);
    }
    expect(one.swarm.standing.nextDue).toBe(NEVER);
  });
});

describe('a peer that sent corrupt data', () => {
  it('[fault 35] twice is banned: closed, not dialled, and when it calls, not told of', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1' });
    const leecher = await addLeecher(world, { host: '10.0.0.2' });
    leecher.swarm.meet([seeder.endpoint]);
    await world.clock.runFor(100);
    const [source] = leecher.fetcher.peers.values();
    expect(leecher.swarm.strike(source!)).toBe(false);
    expect(leecher.swarm.connections).toHaveLength(1);
    expect(leecher.swarm.strike(source!)).toBe(true);
    leecher.fetcher.takeTold();
    leecher.swarm.meet([seeder.endpoint]);
    seeder.swarm.meet([leecher.endpoint]);
    await world.clock.runFor(60_000);
    expect(leecher.swarm.connections).toEqual([]);
    expect(leecher.fetcher.takeTold()).toEqual([]);
  });
});

describe('upload slots', () => {
  it('go round among those who wait', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1', uploadSlots: 1 });
    const peers = [];
    for (const host of ['10.0.1.1', '10.0.1.2']) {
      const peer = await world.join(host, seeder.endpoint, { id: host });
      peer.send(encodeBare(MESSAGE.interested));
      await world.clock.runFor(10);
      peers.push(peer);
    }
    expect(peers.map((peer) => peer.takeNames())).toEqual([['haveAll', 'unchoke'], ['haveAll']]);
    await world.clock.runFor(CHOKE_INTERVAL_MS);
    expect(peers.map((peer) => peer.takeNames())).toEqual([['choke'], ['unchoke']]);
    peers[1]!.stream.destroy();
    await world.clock.runFor(10);
    expect(peers[0]!.takeNames()).toEqual(['unchoke']);
    peers[0]!.stream.destroy();
    await world.clock.runFor(10);
    expect(world.clock.pending).toBe(0);
  });
});

describe('a new piece', () => {
  it('is told to all but seeds', async () => {
    const world = new World();
    const leecher = await addLeecher(world, { host: '10.0.0.1' });
    const one = await world.join('10.0.1.1', leecher.endpoint, { id: 'one' });
    const two = await world.join('10.0.1.2', leecher.endpoint, { id: 'two' });
    two.send(encodeHave(3));
    const seed = await world.join('10.0.1.3', leecher.endpoint, { id: 'three' });
    seed.send(encodeBare(MESSAGE.haveAll));
    await world.clock.runFor(10);
    leecher.swarm.broadcastHave(3 as PieceIndex);
    await world.clock.runFor(10);
    expect(leecher.torrent.offered.has(3 as PieceIndex)).toBe(true);
    expect(one.takeSaid().at(-1)).toEqual({ name: 'have', payload: Uint8Array.of(0, 0, 0, 3) });
    // Even to who has it: how common a piece is counts.
    expect(two.takeNames()).toEqual(['haveNone', 'have']);
    expect(seed.takeNames()).toEqual(['haveNone']);
  });
});

describe('content that becomes known', () => {
  it('[fault 31] makes sense of what peers said, and ends with those who said what cannot be', async () => {
    const world = new World();
    const leecher = await addLeecher(world, { host: '10.0.0.1', knowsNothing: true });
    const honest = await world.join('10.0.1.1', leecher.endpoint, { id: 'one' });
    const liar = await world.join('10.0.1.2', leecher.endpoint, { id: 'two' });
    honest.send(encodeBitfield(Uint8Array.of(0x80, 0)));
    liar.send(encodeBitfield(Uint8Array.of(0xff, 0xff, 0xff)));
    await world.clock.runFor(10);
    expect(leecher.fetcher.takeTold()).toEqual(['ready', 'ready']);
    leecher.torrent.learn({ info: INFO, geometry: GEOMETRY, isPrivate: false }, NOTHING());
    leecher.swarm.contentLearned();
    await world.clock.runFor(10);
    expect(leecher.fetcher.takeTold()).toEqual(['pieces 0', 'gone bad-message']);
    expect([honest.closed, liar.closed]).toEqual([undefined, 'ended']);
  });

  it('to a peer is told as an offer of metadata that comes later', async () => {
    const world = new World();
    const leecher = await addLeecher(world, { host: '10.0.0.1', knowsNothing: true });
    const peer = await world.join('10.0.1.1', leecher.endpoint, {
      traits: { fast: true, extended: true },
      extended: encodeExtended(0, utf8('d1:md11:ut_metadatai3eee')),
    });
    peer.send(encodeExtended(0, utf8('d13:metadata_sizei164ee')));
    await world.clock.runFor(10);
    expect(leecher.fetcher.takeTold()).toEqual(['ready', 'metadataOffered 164']);
  });
});

describe('the end', () => {
  it('closes all, and leaves nothing to wake up for', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1', uploadSlots: 0 });
    const peer = await world.join('10.0.1.1', seeder.endpoint);
    peer.send(encodeBare(MESSAGE.interested));
    await world.clock.runFor(10);
    seeder.swarm.closeAll('stopped');
    await world.clock.runFor(100);
    expect(peer.closed).toBe('ended');
    expect(world.clock.pending).toBe(0);
  });
});
