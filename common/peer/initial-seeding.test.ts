import { describe, expect, it } from 'vitest';
import { World, type RawPeer } from '../fixtures/nodes.ts';
import { GEOMETRY, PIECE_BYTES } from '../fixtures/sessions.ts';
import { encodeBare, encodeBlockRef, encodeHave, MESSAGE } from '../wire/peer-messages.ts';

const BLOCK = 16_384;
const interested = encodeBare(MESSAGE.interested);
const request = (piece: number, begin = 0): Uint8Array => encodeBlockRef(MESSAGE.request, piece, begin, BLOCK);
const wholePiece = (piece: number): Uint8Array[] =>
  Array.from({ length: PIECE_BYTES / BLOCK }, (_, block) => request(piece, block * BLOCK));

async function crowd(traits = { fast: true, extended: false }) {
  const world = new World();
  const seeder = await world.add({ host: '10.0.0.1' });
  seeder.swarm.seedInitially();
  const join = (host: string): Promise<RawPeer> => world.join(host, seeder.endpoint, { id: host, traits });
  const peers = [await join('10.0.1.1'), await join('10.0.1.2'), await join('10.0.1.3')] as const;
  return { world, seeder, peers };
}

const said = (peer: RawPeer): string[] =>
  peer.takeSaid().map(({ name, payload }) => (name === 'have' ? `have ${payload[3]}` : name));

describe('a seeder that is alone with its pieces', () => {
  it('offers all to the first, and to those who follow nothing but a few pieces each', async () => {
    const { peers } = await crowd();
    expect(said(peers[0])).toEqual(['haveAll']);
    const [second, third] = [said(peers[1]), said(peers[2])];
    expect(second).toEqual(['haveNone', 'have 0', 'have 1']);
    expect(third).toEqual(['haveNone', 'have 2', 'have 3']);
  });

  it('answers a request for what it has not shown as one for what it does not have', async () => {
    const { world, peers } = await crowd();
    peers[2].takeSaid();
    peers[2].send(interested);
    await world.clock.runFor(10);
    peers[2].send(request(0));
    await world.clock.runFor(100);
    expect(said(peers[2])).toEqual(['unchoke', 'reject']);
  });

  it('gives everything to everyone once every piece was sent', async () => {
    const { world, peers } = await crowd();
    const seen = peers.map(said);
    for (const peer of peers) peer.send(interested);
    await world.clock.runFor(10);
    for (let round = 0; round < GEOMETRY.pieceCount; round++) {
      for (const [index, peer] of [peers[1], peers[2]].entries()) {
        seen[index + 1]!.push(...said(peer));
        const piece = Number(seen[index + 1]!.filter((line) => line.startsWith('have '))[round]?.slice(5) ?? '99');
        if (piece > 8) continue;
        peer.send(...(piece === 8 ? [request(8), request(8, BLOCK)] : wholePiece(piece)));
        await world.clock.runFor(50);
        for (const other of peers) other.send(encodeHave(piece));
      }
    }
    await world.clock.runFor(100);
    // Of what they have they need not hear; they may ask for it all the same.
    for (const peer of peers) {
      peer.takeSaid();
      peer.send(...Array.from({ length: GEOMETRY.pieceCount }, (_, piece) => request(piece)));
      await world.clock.runFor(1_000);
      expect(said(peer)).toEqual(Array.from({ length: GEOMETRY.pieceCount }, () => 'piece'));
    }
  });

  it('says nothing of the fast extension to peers without it', async () => {
    const { peers } = await crowd({ fast: false, extended: false });
    expect(said(peers[0])).toEqual(['bitfield']);
    expect(said(peers[1])).toEqual(['have 0', 'have 1']);
  });
});
