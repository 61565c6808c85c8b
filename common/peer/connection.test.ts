import { describe, expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts';
import { instant, type PeerId } from '../base/ids.ts';
import { HANDSHAKE_TIMEOUT_MS, IDLE_TIMEOUT_MS, KEEP_ALIVE_MS, SEND_QUEUE_FULL_BYTES } from '../base/limits.ts';
import { FakeFetcher, silentLog, World } from '../fixtures/nodes.ts';
import { GEOMETRY, handshakeOf, INFO, OTHER_HASH, OUR_ID, PEER_ID, WIRE_HASH } from '../fixtures/sessions.ts';
import { pieceBytesOf } from '../fixtures/stores.ts';
import { FakeStream } from '../fixtures/streams.ts';
import { VirtualClock } from '../sim/clock.ts';
import { decodeExtendedHandshake, decodeMetadataMessage, encodeMetadataMessage } from '../wire/extended.ts';
import {
  encodeBare,
  encodeBlockHeader,
  encodeBlockRef,
  encodeExtended,
  encodeHashMessage,
  encodeHave,
  encodeKeepAlive,
  MESSAGE,
} from '../wire/peer-messages.ts';
import { Connection } from './connection.ts';
import type { Swarm } from './swarm.ts';
import { UploadDesk } from './upload-desk.ts';

const SEEDER = '10.0.0.1';
const LEECHER = '10.0.0.2';
const BLOCK = 16_384;
const request = (piece: number, begin = 0, length = BLOCK): Uint8Array =>
  encodeBlockRef(MESSAGE.request, piece, begin, length);
const cancel = (piece: number, begin = 0, length = BLOCK): Uint8Array =>
  encodeBlockRef(MESSAGE.cancel, piece, begin, length);
const interested = encodeBare(MESSAGE.interested);
const extendedHandshake = (text: string): Uint8Array => encodeExtended(0, utf8(text));
const HELLO = extendedHandshake('d1:md11:ut_metadatai3ee1:pi6881e1:v4:teste');

describe('a peer of a seeder', () => {
  async function joined(traits = { fast: true, extended: false }) {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const peer = await world.join(LEECHER, seeder.endpoint, { traits });
    return { world, seeder, peer };
  }

  it('is told what there is, unchoked when it is interested, and gets the bytes it asks for', async () => {
    const { world, seeder, peer } = await joined();
    expect(peer.takeNames()).toEqual(['haveAll']);
    peer.send(interested);
    await world.clock.runFor(10);
    expect(peer.takeNames()).toEqual(['unchoke']);
    peer.send(request(2, BLOCK), request(8, BLOCK));
    await world.clock.runFor(10);
    const said = peer.takeSaid();
    expect(said.map(({ name }) => name)).toEqual(['piece', 'piece']);
    expect(equalBytes(said[0]!.payload.subarray(8), pieceBytesOf(GEOMETRY, 2).subarray(BLOCK, 2 * BLOCK))).toBe(true);
    const padded = concatBytes([pieceBytesOf(GEOMETRY, 8).subarray(BLOCK), new Uint8Array(2 * BLOCK - 20_000)]);
    expect(equalBytes(said[1]!.payload.subarray(8), padded)).toBe(true);
    expect(seeder.swarm.uploadedBytes).toBe(2 * BLOCK);
    expect(seeder.meter.of('uploaded_bytes')).toBe(2 * BLOCK);
  });

  it('[fault 32] that is choked again gets its choke, then a reject for each request that waited', async () => {
    const { world, seeder, peer } = await joined();
    peer.send(interested);
    await world.clock.runFor(10);
    seeder.store.readMs = 1_000;
    peer.send(request(0), request(1), cancel(0), encodeBare(MESSAGE.notInterested));
    await world.clock.runFor(5_000);
    const said = peer.takeSaid().map(({ name, payload }) => `${name} ${payload[3] ?? ''}`.trim());
    expect(said).toEqual(['haveAll', 'unchoke', 'reject 0', 'choke', 'reject 1']);
  });

  it('without the fast extension never hears a message of it', async () => {
    const { world, seeder, peer } = await joined({ fast: false, extended: false });
    peer.send(interested);
    await world.clock.runFor(10);
    seeder.store.readMs = 1_000;
    peer.send(request(0), request(1), request(99), cancel(0), encodeBare(MESSAGE.notInterested), request(1));
    await world.clock.runFor(5_000);
    expect(peer.takeNames()).toEqual(['bitfield', 'unchoke', 'choke']);
    expect(peer.closed).toBeUndefined();
  });

  it('[fault 33] that floods it with requests gets exactly one answer to each', async () => {
    const { world, peer } = await joined();
    peer.send(interested);
    await world.clock.runFor(10);
    peer.takeNames();
    peer.send(...Array.from({ length: 10_000 }, (_, i) => request(i % 8, Math.floor(i / 8), 16)));
    await world.clock.runFor(60_000);
    const keys = new Set<string>();
    const counts = { piece: 0, reject: 0 };
    for (const { name, payload } of peer.takeSaid()) {
      counts[name as 'piece' | 'reject']++;
      keys.add(payload.subarray(0, 8).join(' '));
    }
    expect(counts.piece).toBeGreaterThanOrEqual(500);
    expect(counts.piece + counts.reject).toBe(10_000);
    expect(keys.size).toBe(10_000);
    expect(peer.closed).toBeUndefined();
  });

  it('[fault 46] whose piece cannot be read gets a reject, and the error is told', async () => {
    const { world, seeder, peer } = await joined();
    peer.send(interested);
    await world.clock.runFor(10);
    seeder.store.failReads('changed');
    peer.send(request(0));
    await world.clock.runFor(10);
    expect(peer.takeNames()).toEqual(['haveAll', 'unchoke', 'reject']);
    expect(seeder.storeErrors).toMatchObject([{ failure: 'changed' }]);
  });

  it('that leaves is not read for any more', async () => {
    const { world, seeder, peer } = await joined();
    peer.send(interested);
    await world.clock.runFor(10);
    seeder.store.readMs = 1_000;
    peer.send(...[0, 1, 2, 3, 4, 5].map((piece) => request(piece)));
    await world.clock.runFor(10);
    peer.stream.destroy();
    await world.clock.runFor(60_000);
    expect(seeder.store.done.reads).toBe(1);
    expect(seeder.swarm.uploadedBytes).toBe(0);
  });

  it('hears and says keep-alives, and is dropped when it says nothing', async () => {
    const { world, peer } = await joined();
    await world.clock.runFor(KEEP_ALIVE_MS);
    peer.send(encodeKeepAlive());
    await world.clock.runFor(IDLE_TIMEOUT_MS - 1_000);
    expect(peer.takeNames()).toEqual(['haveAll', 'keepAlive', 'keepAlive', 'keepAlive']);
    expect(peer.closed).toBeUndefined();
    await world.clock.runFor(2_000);
    expect(peer.closed).toBe('ended');
    expect(world.clock.pending).toBe(0);
  });

  it('[fault 37] that asks for hashes of no file is told so, choked as it is', async () => {
    const { world, peer } = await joined();
    const asked = { root: new Uint8Array(32), baseLayer: 0, index: 0, length: 2, proofLayers: 0 };
    peer.send(encodeHashMessage(MESSAGE.hashRequest, asked));
    await world.clock.runFor(10);
    expect(peer.takeNames()).toEqual(['haveAll', 'hashReject']);
  });
});

describe('a peer with extensions', () => {
  it('hears that a seeder wants nothing, also when it was the one who called', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const peer = await world.join(LEECHER, seeder.endpoint, { traits: { fast: true, extended: true } });
    const handshake = decodeExtendedHandshake(peer.takeSaid()[0]!.payload.subarray(1));
    expect(handshake).toMatchObject({ ok: true, value: { uploadOnly: true, metadataBytes: INFO.length } });
  });

  it('gets the info dictionary, under its own number for it', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const peer = await world.join(LEECHER, seeder.endpoint, {
      traits: { fast: true, extended: true },
      extended: HELLO,
    });
    peer.takeSaid();
    peer.send(encodeExtended(2, encodeMetadataMessage({ type: 'request', block: 1 })));
    await world.clock.runFor(10);
    const [said] = peer.takeSaid();
    expect(said!.payload[0]).toBe(3);
    expect(decodeMetadataMessage(said!.payload.subarray(1))).toMatchObject({
      ok: true,
      value: { type: 'data', block: 1, totalBytes: INFO.length },
    });
  });
});

describe('a connection of a leecher', () => {
  async function joined(options: { extended?: Uint8Array; traits?: { fast: boolean; extended: boolean } } = {}) {
    const world = new World();
    const fetcher = new FakeFetcher();
    const leecher = await world.add({ host: LEECHER, offered: new Bitfield(GEOMETRY.pieceCount), fetcher });
    const traits = options.traits ?? { fast: true, extended: options.extended !== undefined };
    const peer = await world.join(SEEDER, leecher.endpoint, { ...options, traits });
    return { world, fetcher, leecher, peer };
  }

  it('is told of when both handshakes are done, with what the peer has', async () => {
    const { world, fetcher, peer } = await joined({ traits: { fast: true, extended: true } });
    peer.send(encodeBare(MESSAGE.haveAll), encodeHave(3));
    await world.clock.runFor(10);
    expect(fetcher.takeTold()).toEqual([]);
    peer.send(HELLO);
    await world.clock.runFor(10);
    expect(fetcher.takeTold()).toEqual(['ready', 'pieces 0,1,2,3,4,5,6,7,8']);
    const [source] = fetcher.peers.values();
    expect(source).toMatchObject({ client: 'test', endpoint: { host: SEEDER, port: 6881 }, isChokingUs: true });
  });

  it('of a peer that keeps its extended handshake to itself is told of after a while', async () => {
    const { world, fetcher } = await joined({ traits: { fast: true, extended: true } });
    await world.clock.runFor(2_900);
    expect(fetcher.takeTold()).toEqual([]);
    await world.clock.runFor(200);
    expect(fetcher.takeTold()).toEqual(['ready', 'pieces ']);
    expect([...fetcher.peers.values()][0]!.client).toBe('raw peer');
  });

  it('carries requests one way and blocks the other', async () => {
    const { world, fetcher, leecher, peer } = await joined({ extended: HELLO });
    const [source] = fetcher.peers.values();
    source!.setInterested(true);
    peer.send(encodeBare(MESSAGE.haveAll), encodeBare(MESSAGE.unchoke));
    await world.clock.runFor(10);
    source!.request(0 as never, 0, BLOCK);
    source!.request(0 as never, BLOCK, BLOCK);
    expect([source!.roomForRequests, source!.roomForBytes]).toEqual([248, 8 * 2 ** 20 - 2 * BLOCK]);
    await world.clock.runFor(10);
    expect(peer.takeNames()).toEqual(['extended', 'haveNone', 'interested', 'request', 'request']);
    peer.send(encodeBlockHeader(0, BLOCK, BLOCK), new Uint8Array(BLOCK));
    peer.send(encodeBlockRef(MESSAGE.reject, 0, 0, BLOCK), encodeBare(MESSAGE.choke));
    await world.clock.runFor(10);
    expect(fetcher.takeTold().slice(-4)).toEqual(['unchoked', 'block 0 16384 16384', 'rejected 0 0 16384', 'choked']);
    expect(leecher.swarm.downloadedBytes).toBe(BLOCK);
  });

  it('[fault 26] passes on metadata that was asked for, and nothing else', async () => {
    const { world, fetcher, peer } = await joined({ extended: HELLO });
    fetcher.takeTold();
    const data = encodeMetadataMessage({ type: 'data', block: 0, totalBytes: 100, data: new Uint8Array(100) });
    const [source] = fetcher.peers.values();
    peer.send(encodeExtended(2, data));
    await world.clock.runFor(10);
    source!.requestMetadata(0);
    peer.send(encodeExtended(2, data), encodeExtended(2, data));
    await world.clock.runFor(10);
    expect(fetcher.takeTold()).toEqual(['metadata 0 100 100']);
  });

  it('[fault 45] that is cut in the middle of a block ends once, without a fuss', async () => {
    const { world, fetcher, leecher, peer } = await joined({ extended: HELLO });
    const [source] = fetcher.peers.values();
    source!.request(0 as never, 0, BLOCK);
    peer.send(encodeBlockHeader(0, 0, BLOCK), new Uint8Array(100));
    await world.clock.runFor(10);
    leecher.host.resetStreamsWith(world.network.hostAt(SEEDER, leecher.host)!);
    await world.clock.runFor(10);
    expect(fetcher.takeTold()).toEqual(['ready', 'pieces ', 'gone reset']);
    expect(leecher.swarm.connections).toEqual([]);
    source!.request(0 as never, BLOCK, BLOCK);
    source!.close('stopped');
    await world.clock.runFor(IDLE_TIMEOUT_MS);
    expect(fetcher.takeTold()).toEqual([]);
  });

  it('that its downloader closes while it is told of it is not spoken of again', async () => {
    const { world, fetcher, peer } = await joined({ traits: { fast: true, extended: true } });
    fetcher.onTold = (what, source) => {
      if (what === 'ready') source.close('stopped');
    };
    peer.send(encodeBare(MESSAGE.haveAll), HELLO, encodeBare(MESSAGE.unchoke));
    await world.clock.runFor(10);
    expect(fetcher.takeTold()).toEqual(['ready', 'gone stopped']);
    expect(peer.closed).toBe('ended');
  });
});

describe('a stream that is no peer', () => {
  it.each([
    ['[fault 28] HTTP', utf8('GET / HTTP/1.1\r\n\r\n')],
    ['[fault 28] an encrypted handshake', new Uint8Array(200).fill(0x99)],
    ['a torrent that is not here', handshakeOf({ fast: true, extended: true }, OTHER_HASH)],
  ])('%s: is closed at once and without a word', async (_, bytes) => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const peer = (await world.dial(LEECHER, seeder.endpoint))!;
    peer.send(bytes);
    await world.clock.runFor(10);
    expect(peer.closed).toBe('ended');
    expect(peer.receivedBytes).toBe(0);
  });

  it('[fault 28] that says nothing is closed after ten seconds', async () => {
    const world = new World();
    const seeder = await world.add({ host: SEEDER });
    const peer = (await world.dial(LEECHER, seeder.endpoint))!;
    await world.clock.runFor(HANDSHAKE_TIMEOUT_MS - 100);
    expect(peer.closed).toBeUndefined();
    await world.clock.runFor(200);
    expect(peer.closed).toBe('ended');
  });
});

it('[fault 33] a peer that asks without reading is not read from, and takes a bounded amount of memory', async () => {
  const clock = new VirtualClock({ startAt: instant(0) });
  const world = new World();
  const seeder = await world.add({ host: SEEDER });
  const stream = new FakeStream();
  const connection = new Connection({
    id: 1,
    stream,
    side: 'accepted',
    lookup: (): Swarm => seeder.swarm,
    onClosed: () => undefined,
    peerId: OUR_ID satisfies PeerId,
    listenPort: 7001,
    clock,
    log: silentLog,
    desk: new UploadDesk({ clock }),
  });
  connection.start();
  stream.handler!.onBytes(handshakeOf({ fast: true, extended: true }, WIRE_HASH, PEER_ID));
  stream.handler!.onBytes(concatBytes([HELLO, interested]));
  const metadata = encodeExtended(2, encodeMetadataMessage({ type: 'request', block: 0 }));
  const burst = concatBytes(Array.from({ length: 2_000 }, () => concatBytes([metadata, request(0, 0, 16)])));
  let rounds = 0;
  while (!stream.calls.includes('pause')) {
    expect(++rounds).toBeLessThan(1_000);
    stream.handler!.onBytes(burst);
    await Promise.resolve();
    expect(stream.queuedBytes).toBeLessThan(2 * SEND_QUEUE_FULL_BYTES);
  }
  stream.drain();
  stream.handler!.onDrain();
  expect(stream.calls).toEqual(['pause', 'resume']);
  connection.close('stopped');
});
