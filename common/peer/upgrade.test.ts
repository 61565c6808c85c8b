import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import type { WireHash } from '../base/ids.ts';
import { FakeFetcher, World } from '../fixtures/nodes.ts';
import { GEOMETRY, INFO, OTHER_HASH, OUR_ID, PEER_ID, SessionProbe, WIRE_HASH } from '../fixtures/sessions.ts';
import { encodeHandshake, encodeHashMessage, MESSAGE } from '../wire/peer-messages.ts';
import { Torrent } from './torrent.ts';
import type { WireNames } from './wire-names.ts';

const V2 = WIRE_HASH;
const V1 = OTHER_HASH;
const HYBRID: WireNames = { v2: V2, v1: V1 };
const REQUEST = { root: new Uint8Array(32), baseLayer: 2, index: 0, length: 8, proofLayers: 0 };

function torrentOf(names: WireNames): Torrent {
  const torrent = new Torrent(names);
  torrent.learn({ info: INFO, geometry: GEOMETRY, isPrivate: false }, Bitfield.full(GEOMETRY.pieceCount));
  return torrent;
}

const handshake = (wireHash: WireHash, upgrade: boolean, peerId = PEER_ID): Uint8Array =>
  encodeHandshake({ flags: { extended: false, fast: true, upgrade }, wireHash, peerId });

const answerOf = (wireHash: WireHash, upgrade: boolean): Uint8Array =>
  encodeHandshake({ flags: { extended: true, fast: true, upgrade }, wireHash, peerId: OUR_ID });

/** Accepted, the peer's handshake taken; what was answered. */
function accept(names: WireNames, wireHash: WireHash, upgrade: boolean): { probe: SessionProbe; answer: Uint8Array } {
  const probe = new SessionProbe({ torrent: torrentOf(names) });
  probe.take(handshake(wireHash, upgrade));
  return { probe, answer: probe.takeSent().slice(0, 68) };
}

describe('a hybrid that is dialled', () => {
  it('by the v1 hash with the offer to upgrade, becomes v2', () => {
    const { probe, answer } = accept(HYBRID, V1, true);
    expect(answer).toEqual(answerOf(V2, false));
    expect(probe.session.isV2).toBe(true);
    probe.take(encodeHashMessage(MESSAGE.hashRequest, REQUEST));
    expect(probe.takeTold()).toEqual(['open', 'hashesRequested 0 8']);
  });

  it('by the v1 hash alone stays v1, where a hash request is an offence that has no answer', () => {
    const { probe, answer } = accept(HYBRID, V1, false);
    expect(answer).toEqual(answerOf(V1, false));
    expect(probe.session.isV2).toBe(false);
    probe.take(encodeHashMessage(MESSAGE.hashRequest, REQUEST));
    expect(probe.takeTold()).toEqual(['open']);
    expect(probe.takeSaid()).toEqual([]);
    for (let i = 0; i < 50; i++) probe.take(encodeHashMessage(MESSAGE.hashRequest, REQUEST));
    expect(probe.takeTold()).toEqual(['closed offences']);
  });

  it('by the v2 hash is v2', () => {
    const { probe, answer } = accept(HYBRID, V2, false);
    expect(answer).toEqual(answerOf(V2, false));
    expect(probe.session.isV2).toBe(true);
  });
});

describe('a hybrid that we dial', () => {
  const dial = (back: WireHash, refusals = 0): SessionProbe => {
    const probe = new SessionProbe({ side: 'dialled', torrent: torrentOf(HYBRID), refusals });
    probe.session.start();
    expect(probe.takeSent()).toEqual(answerOf(V1, refusals === 0));
    probe.take(handshake(back, false));
    return probe;
  };

  it.each([
    ['v2', V2, true, 0],
    ['v1', V1, false, 0],
    ['v2, which nobody asked it for,', V2, true, 2],
  ])('is %s when the peer says so', (_, back, isV2, refusals) => {
    const probe = dial(back, refusals);
    expect(probe.takeTold()).toEqual(['open']);
    expect(probe.session.isV2).toBe(isV2);
  });

  it('is nothing else', () => {
    expect(dial(new Uint8Array(20) as WireHash).takeTold()).toEqual(['closed unknown-torrent']);
  });
});

describe('[fault 40] the offer to upgrade', () => {
  it.each([
    ['v1', { v1: V1 }, V1, false],
    ['v2', { v2: V2 }, V2, true],
  ] as const)('of a peer of a torrent that is only %s is ignored', (_, names, wireHash, isV2) => {
    const { probe, answer } = accept(names, wireHash, true);
    expect(answer).toEqual(answerOf(wireHash, false));
    expect(probe.takeTold()).toEqual(['open']);
    expect(probe.session.isV2).toBe(isV2);
  });
});

describe('a leecher that finds out that its torrent is a hybrid', () => {
  it('dials again those that it knew by the v1 hash, and then may ask them for hashes', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1', names: HYBRID });
    const fetcher = new FakeFetcher();
    const leecher = await world.add({ host: '10.0.0.2', names: { v1: V1 }, knowsNothing: true, fetcher });
    leecher.swarm.meet([seeder.endpoint]);
    await world.clock.runFor(100);
    const [before] = fetcher.peers.values();
    expect(before?.takesHashRequests).toBe(false);
    leecher.swarm.named(HYBRID);
    await world.clock.runFor(5_000);
    const [after] = fetcher.peers.values();
    expect(after?.takesHashRequests).toBe(true);
    expect(fetcher.takeTold().filter((line) => line.startsWith('gone'))).toEqual(['gone to-upgrade']);
  });

  it('dials again one that it was dialling when it found out', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1', names: HYBRID });
    const fetcher = new FakeFetcher();
    const leecher = await world.add({ host: '10.0.0.2', names: { v1: V1 }, knowsNothing: true, fetcher });
    leecher.swarm.meet([seeder.endpoint]);
    // The dial is answered, and the handshake is under way.
    await world.clock.runFor(3);
    expect(leecher.swarm.connections).toEqual([]);
    leecher.swarm.named(HYBRID);
    await world.clock.runFor(5_000);
    expect([...fetcher.peers.values()].map((peer) => peer.takesHashRequests)).toEqual([true]);
  });

  it('has those that called it by the v1 hash, and would have upgraded, as v2 too', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1', names: HYBRID });
    const fetcher = new FakeFetcher();
    const leecher = await world.add({ host: '10.0.0.2', names: { v1: V1 }, knowsNothing: true, fetcher });
    seeder.swarm.meet([leecher.endpoint]);
    await world.clock.runFor(100);
    expect([...fetcher.peers.values()].map((peer) => peer.takesHashRequests)).toEqual([false]);
    leecher.swarm.named(HYBRID);
    await world.clock.runFor(5_000);
    expect([...fetcher.peers.values()].map((peer) => peer.takesHashRequests)).toEqual([true]);
  });

  it('is found by those that know both names, though it knows the v2 hash alone', async () => {
    const world = new World();
    const seeder = await world.add({ host: '10.0.0.1', names: HYBRID });
    const fetcher = new FakeFetcher();
    const leecher = await world.add({ host: '10.0.0.2', names: { v2: V2 }, knowsNothing: true, fetcher });
    seeder.swarm.meet([leecher.endpoint]);
    await world.clock.runFor(5_000);
    expect([...fetcher.peers.values()].map((peer) => peer.takesHashRequests)).toEqual([true]);
  });

  it('makes no second offer to one that hung up on the first, and tries each name alone', async () => {
    const world = new World();
    const leecher = await world.add({ host: '10.0.0.2', names: HYBRID, fetcher: new FakeFetcher() });
    const host = world.network.addHost('10.0.0.3');
    const listener = await host.listeners.listen({ host: '10.0.0.3', port: 7001 });
    const offers: boolean[] = [];
    const names: Uint8Array[] = [];
    listener.onConnection((stream) => {
      // A handshake may come in parts.
      const heard: number[] = [];
      stream.start({
        onBytes: (view) => {
          heard.push(...view);
          if (heard.length < 48) return;
          offers.push((heard[27]! & 0x10) !== 0);
          names.push(Uint8Array.from(heard.slice(28, 48)));
          stream.destroy();
        },
        onDrain: () => undefined,
        onClosed: () => undefined,
      });
    });
    leecher.swarm.meet([listener.local]);
    await world.clock.runFor(10_000);
    expect(offers.slice(0, 3)).toEqual([true, false, false]);
    expect(names.slice(0, 3)).toEqual([V1, V2, V1]);
  });
});
