import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Bitfield } from '../base/bitfield.ts';
import { equalBytes, utf8 } from '../base/bytes.ts';
import type { PieceIndex } from '../base/ids.ts';
import { FakeFetcher, World } from '../fixtures/nodes.ts';
import { GEOMETRY, PIECE_BYTES } from '../fixtures/sessions.ts';
import { pieceBytesOf } from '../fixtures/stores.ts';
import { decodeBlockRef, encodeBare, encodeBlockRef, encodeExtended, MESSAGE } from '../wire/peer-messages.ts';

const BLOCK = 16_384;
const HELLO = encodeExtended(0, utf8('d1:md11:lt_donthavei7e9:tk_comingi8e8:tk_partsi9eee'));
const PARTS = { height: 0, hashes: new Uint8Array(4 * 32) };

/** What befalls a piece on its way to a leecher, and what a peer that was told of it does. */
const piece = fc.nat(3);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('more' as const), piece }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('fails' as const, 'done' as const), piece }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant('request' as const), piece, block: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), piece, block: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('interested' as const, 'notInterested' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), forMs: fc.nat(30) }) },
);

it('[fault 32] a request for a piece on its way has one answer, whatever becomes of it, and its buffer comes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 80 }), async (fast, steps) => {
      const world = new World();
      const leecher = await world.add({
        host: '10.0.0.1',
        offered: new Bitfield(GEOMETRY.pieceCount),
        fetcher: new FakeFetcher(),
      });
      const { passingOn } = leecher.swarm;
      const peer = await world.join('10.0.0.2', leecher.endpoint, {
        traits: { fast, extended: true },
        extended: HELLO,
      });
      peer.send(encodeBare(MESSAGE.interested));
      await world.clock.runFor(100);
      const [asked, spoken] = [new Set<string>(), new Set<number>()];
      let out = 0;
      const end = (index: PieceIndex): void => passingOn.end(index, () => out--);
      const come = (index: PieceIndex): void => {
        if (leecher.torrent.offered.has(index)) return;
        if (!passingOn.relay.has(index)) {
          passingOn.relay.open(index, PARTS, pieceBytesOf(GEOMETRY, index));
          out++;
        }
        const ready = Math.min(PIECE_BYTES - BLOCK, passingOn.relay.readyBytes(index) + BLOCK);
        passingOn.advance(index, ready);
        spoken.add(index);
      };
      for (const each of steps) {
        const index = ('piece' in each ? each.piece : 0) as PieceIndex;
        if (each.kind === 'wait') await world.clock.runFor(each.forMs);
        else if (each.kind === 'more') come(index);
        else if (each.kind === 'fails' && passingOn.relay.has(index)) end(index);
        else if (each.kind === 'done' && passingOn.relay.has(index)) {
          leecher.swarm.broadcastHave(index);
          end(index);
        } else if (each.kind === 'request' && spoken.has(index)) {
          const key = `${index} ${each.block * BLOCK}`;
          // Each block is asked for once, so that each answer is to one request.
          if (asked.has(key)) continue;
          asked.add(key);
          peer.send(encodeBlockRef(MESSAGE.request, index, each.block * BLOCK, BLOCK));
        } else if (each.kind === 'cancel') {
          peer.send(encodeBlockRef(MESSAGE.cancel, index, each.block * BLOCK, BLOCK));
        } else if (each.kind === 'interested' || each.kind === 'notInterested')
          peer.send(encodeBare(MESSAGE[each.kind]));
      }
      await world.clock.runFor(1_000);
      for (const index of spoken) if (passingOn.relay.has(index)) end(index as PieceIndex);
      await world.clock.runFor(10_000);
      const answered: string[] = [];
      for (const { name, payload } of peer.takeSaid()) {
        if (name !== 'piece' && name !== 'reject') continue;
        const { piece: of, begin } = decodeBlockRef(payload);
        answered.push(`${of} ${begin}`);
        const truth = pieceBytesOf(GEOMETRY, of).subarray(begin, begin + BLOCK);
        expect(name === 'piece' ? equalBytes(payload.subarray(8), truth) : fast).toBe(true);
      }
      expect(new Set(answered).size).toBe(answered.length);
      for (const key of answered) expect(asked).toContain(key);
      if (fast) expect(answered).toHaveLength(asked.size);
      expect([out, peer.closed, leecher.swarm.connections[0]!.service.isDrained]).toEqual([0, undefined, true]);
    }),
    { numRuns: 150 },
  );
});

it('[fault 45] a peer that goes while it is sent parts of a piece gives their buffer back', async () => {
  const world = new World();
  const none = new Bitfield(GEOMETRY.pieceCount);
  const leecher = await world.add({ host: '10.0.0.1', offered: none, fetcher: new FakeFetcher() });
  const { passingOn } = leecher.swarm;
  const peer = await world.join('10.0.0.2', leecher.endpoint, {
    traits: { fast: true, extended: true },
    extended: HELLO,
  });
  peer.send(encodeBare(MESSAGE.interested));
  await world.clock.runFor(100);
  leecher.host.up.bytesPerSecond = 1_000;
  const index = 2 as PieceIndex;
  passingOn.relay.open(index, PARTS, pieceBytesOf(GEOMETRY, index));
  passingOn.advance(index, 3 * BLOCK);
  peer.stream.pause();
  world.network.link(leecher.host, world.network.hostAt('10.0.0.2', leecher.host)!).change({ windowBytes: 1_000 });
  for (let block = 0; block < 3; block++) peer.send(encodeBlockRef(MESSAGE.request, index, block * BLOCK, BLOCK));
  await world.clock.runFor(500);
  let isFree = false;
  passingOn.end(index, () => (isFree = true));
  await world.clock.runFor(1_000);
  expect(isFree).toBe(false);
  peer.stream.destroy();
  await world.clock.runFor(60_000);
  expect(isFree).toBe(true);
});

it('what a peer asked for before it was there is sent as it comes, and the last part when the piece is whole', async () => {
  const world = new World();
  const none = new Bitfield(GEOMETRY.pieceCount);
  const leecher = await world.add({ host: '10.0.0.1', offered: none, fetcher: new FakeFetcher() });
  const { passingOn } = leecher.swarm;
  const traits = { fast: true, extended: true };
  const peer = await world.join('10.0.0.2', leecher.endpoint, { traits, extended: HELLO });
  peer.send(encodeBare(MESSAGE.interested));
  const index = 2 as PieceIndex;
  const heard = async (): Promise<string[]> => {
    await world.clock.runFor(50);
    return peer.takeSaid().map(({ name, payload }) => `${name} ${name === 'piece' ? payload[6]! * 256 : payload[0]}`);
  };
  await heard();
  passingOn.relay.open(index, PARTS, pieceBytesOf(GEOMETRY, index));
  passingOn.advance(index, BLOCK);
  expect(await heard()).toEqual(['extended 8']);
  for (const block of [3, 2, 1, 0]) peer.send(encodeBlockRef(MESSAGE.request, index, block * BLOCK, BLOCK));
  expect(await heard()).toEqual(['piece 0']);
  passingOn.advance(index, 3 * BLOCK);
  expect(await heard()).toEqual([`piece ${2 * BLOCK}`, `piece ${BLOCK}`]);
  leecher.swarm.broadcastHave(index);
  expect(await heard()).toEqual(['have 0', `piece ${3 * BLOCK}`]);
});
