import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { utf8 } from '../base/bytes.ts';
import type { Endpoint } from '../base/ids.ts';
import { PEX_CROWD_MS, PEX_INTERVAL_MS, PEX_ROUND_MS } from '../base/limits.ts';
import { FakeFetcher, PEER_PORT, World, type RawPeer, type Resident } from '../fixtures/nodes.ts';
import { GEOMETRY, INFO } from '../fixtures/sessions.ts';
import { encodeExtended } from '../wire/peer-messages.ts';
import { decodePex, encodePex, PEX_FLAG, type PexMessage } from '../wire/pex.ts';

const TRAITS = { fast: true, extended: true };
/** Takes ut_pex as 9 and upload_only as 5, and listens on `port`. */
const handshake = (port: number): Uint8Array =>
  encodeExtended(0, utf8(`d1:md11:upload_onlyi5e6:ut_pexi9ee1:pi${port}ee`));
const OUR_PEX_ID = 1;

const pexOf = (peer: RawPeer): PexMessage[] =>
  peer.takeSaid().flatMap(({ name, payload }) => {
    if (name !== 'extended' || payload[0] !== 9) return [];
    const message = decodePex(payload.subarray(1));
    return message.ok ? [message.value] : [];
  });

const named = (host: string, port = PEER_PORT): Uint8Array =>
  encodeExtended(OUR_PEX_ID, encodePex({ added: [{ endpoint: { host, port }, flags: 0 }], dropped: [] }));

const joinAs = (world: World, to: Endpoint, host: string): Promise<RawPeer> =>
  world.join(host, to, { traits: TRAITS, id: host, extended: handshake(7_100) });

async function leecher(world: World): Promise<Resident> {
  return world.add({ host: '10.0.0.1', fetcher: new FakeFetcher(), offered: new Bitfield(GEOMETRY.pieceCount) });
}

describe('peers of one swarm', () => {
  it('hear of each other: the one who comes at once, the others soon, by the ports they listen on', async () => {
    const world = new World();
    const { endpoint } = await leecher(world);
    const first = await joinAs(world, endpoint, '10.0.0.2');
    const second = await joinAs(world, endpoint, '10.0.0.3');
    const contact = (host: string) => ({ added: [{ endpoint: { host, port: 7_100 }, flags: 0 }], dropped: [] });
    expect(pexOf(second)).toEqual([contact('10.0.0.2')]);
    expect(pexOf(first)).toEqual([]);
    await world.clock.runFor(PEX_ROUND_MS);
    expect(pexOf(first)).toEqual([contact('10.0.0.3')]);
  });

  it('that come as a crowd hear of all at once, and soon', async () => {
    const world = new World();
    const { endpoint } = await leecher(world);
    const crowd: Awaited<ReturnType<typeof joinAs>>[] = [];
    for (let i = 2; i < 12; i++) crowd.push(await joinAs(world, endpoint, `10.0.0.${i}`));
    const last = crowd.at(-1)!;
    expect(pexOf(last)).toEqual([]);
    await world.clock.runFor(PEX_CROWD_MS);
    expect(pexOf(last)[0]?.added).toHaveLength(9);
  });

  it('hear of those that left', async () => {
    const world = new World();
    const { endpoint } = await leecher(world);
    const first = await joinAs(world, endpoint, '10.0.0.2');
    const second = await joinAs(world, endpoint, '10.0.0.3');
    first.stream.destroy();
    await world.clock.runFor(PEX_INTERVAL_MS + PEX_ROUND_MS);
    expect(pexOf(second)[1]?.dropped).toEqual([{ host: '10.0.0.2', port: 7_100 }]);
  });

  it('hear who was dialled and who wants nothing', async () => {
    const world = new World();
    const here = await leecher(world);
    const seeder = await world.add({ host: '10.0.0.5' });
    here.swarm.meet([seeder.endpoint]);
    await world.clock.runFor(100);
    const peer = await joinAs(world, here.endpoint, '10.0.0.2');
    const flags = PEX_FLAG.reachable | PEX_FLAG.uploadOnly;
    expect(pexOf(peer)[0]?.added).toEqual([{ endpoint: seeder.endpoint, flags }]);
  });

  it('are told nothing when they take no such messages', async () => {
    const world = new World();
    const { endpoint } = await leecher(world);
    await joinAs(world, endpoint, '10.0.0.2');
    const plain = encodeExtended(0, utf8('d1:mdee'));
    const peer = await world.join('10.0.0.3', endpoint, { traits: TRAITS, id: 'plain', extended: plain });
    await world.clock.runFor(2 * PEX_INTERVAL_MS);
    expect(peer.takeSaid().filter(({ payload }) => payload[0] !== 0 && payload.length > 60)).toEqual([]);
  });
});

describe('whom a peer names', () => {
  it('is dialled', async () => {
    const world = new World();
    const here = await leecher(world);
    const seeder = await world.add({ host: '10.0.0.5' });
    const peer = await joinAs(world, here.endpoint, '10.0.0.2');
    peer.send(named('10.0.0.5'));
    await world.clock.runFor(1_000);
    expect(seeder.swarm.connections).toHaveLength(1);
  });

  it('is not dialled when the torrent is private, where nobody is named either', async () => {
    const world = new World();
    const here = await leecher(world);
    here.torrent.learn({ info: INFO, geometry: GEOMETRY, isPrivate: true }, new Bitfield(GEOMETRY.pieceCount));
    const seeder = await world.add({ host: '10.0.0.5' });
    const peer = await joinAs(world, here.endpoint, '10.0.0.2');
    const other = await joinAs(world, here.endpoint, '10.0.0.3');
    peer.send(named('10.0.0.5'));
    await world.clock.runFor(2 * PEX_INTERVAL_MS);
    expect(seeder.swarm.connections).toEqual([]);
    const said = other.takeSaid().filter(({ name }) => name === 'extended');
    expect(said).toHaveLength(1);
    expect(new TextDecoder('latin1').decode(said[0]!.payload)).not.toContain('ut_pex');
  });

  it('costs nothing when the message is broken, or names ourselves', async () => {
    const world = new World();
    const here = await leecher(world);
    const peer = await joinAs(world, here.endpoint, '10.0.0.2');
    peer.send(encodeExtended(OUR_PEX_ID, utf8('d5:added1:xe')), named('10.0.0.1'), named('224.0.0.1'));
    await world.clock.runFor(1_000);
    expect(here.meter.of('peers_heard_of')).toBe(0);
    expect(peer.closed).toBeUndefined();
  });
});

describe('a download that is done', () => {
  it('says that it wants nothing any more to those that listen for it', async () => {
    const world = new World();
    const here = await leecher(world);
    const peer = await joinAs(world, here.endpoint, '10.0.0.2');
    const deaf = await world.join('10.0.0.3', here.endpoint, { id: 'deaf' });
    for (const one of [peer, deaf]) one.takeSaid();
    here.swarm.sated();
    await world.clock.runFor(10);
    expect(peer.takeSaid().map(({ payload }) => [...payload])).toEqual([[5, 1]]);
    expect(deaf.takeSaid()).toEqual([]);
  });
});

describe('a peer that takes a have back', () => {
  it('has the piece no longer', async () => {
    const world = new World();
    const fetcher = new FakeFetcher();
    const here = await world.add({ host: '10.0.0.1', fetcher, offered: new Bitfield(GEOMETRY.pieceCount) });
    const peer = await joinAs(world, here.endpoint, '10.0.0.2');
    peer.send(Uint8Array.of(0, 0, 0, 1, 14));
    await world.clock.runFor(10);
    const [source] = fetcher.peers.values();
    expect(source!.pieces!.isFull).toBe(true);
    peer.send(encodeExtended(7, Uint8Array.of(0, 0, 0, 3)));
    await world.clock.runFor(10);
    expect(source!.pieces!.has(3 as never)).toBe(false);
    expect(source!.pieces!.count).toBe(GEOMETRY.pieceCount - 1);
    peer.send(encodeExtended(7, Uint8Array.of(0, 0, 0, 99)));
    await world.clock.runFor(10);
    expect(peer.closed).toBeUndefined();
  });
});
